"""Latency, energy and area from counts."""

from hwsim.cost.pricing import price
from hwsim.cost.record import Cost, Energy, LevelEnergy, Transfer

__all__ = ["Cost", "Energy", "LevelEnergy", "Transfer", "price"]
