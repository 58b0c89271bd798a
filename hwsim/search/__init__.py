"""The best mapping of one nest, with its bound."""
