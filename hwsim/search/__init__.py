"""The best mapping of one nest, with its bound."""

from hwsim.search.best import best, best_many
from hwsim.search.found import Effort, Found, Objective

__all__ = ["Effort", "Found", "Objective", "best", "best_many"]
