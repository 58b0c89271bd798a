"""The best mapping of one nest, with its bound."""

from hwsim.search.best import best, best_many
from hwsim.search.found import Found, Objective

__all__ = ["Found", "Objective", "best", "best_many"]
