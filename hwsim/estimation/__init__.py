"""One network on one device, on a page."""
