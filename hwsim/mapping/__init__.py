"""How a nest is tiled, ordered and spread over a memory hierarchy: the record, its invariants, the space of choices."""

from hwsim.mapping.from_profile import from_device
from hwsim.mapping.hierarchy import Hierarchy, Level, Storage
from hwsim.mapping.record import LevelLoops, Mapping

__all__ = ["Hierarchy", "Level", "LevelLoops", "Mapping", "Storage", "from_device"]
