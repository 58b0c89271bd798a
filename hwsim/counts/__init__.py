"""How often everything happens: no joules, no seconds."""

from hwsim.counts.counting import count
from hwsim.counts.record import Accesses, Counts, LevelCounts, OperandCounts, Rules, Wires

__all__ = ["Accesses", "Counts", "LevelCounts", "OperandCounts", "Rules", "Wires", "count"]
