"""Latency, energy and area from counts."""

from hwsim.cost.pricing import price
from hwsim.cost.record import Cost, Energy, LevelEnergy, Transfer
from hwsim.cost.scanning import Scan, scan

__all__ = ["Cost", "Energy", "LevelEnergy", "Scan", "Transfer", "price", "scan"]
