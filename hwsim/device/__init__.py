"""A piece of hardware as declared: profile schema, loading, and the SI record the models read."""

from hwsim.device.records import (
    Array,
    Dataflow,
    Device,
    Host,
    LevelConstraint,
    Memory,
    Network,
    Overheads,
    Pool,
    Precision,
    Sparsity,
    Vector,
)

__all__ = [
    "Array",
    "Dataflow",
    "Device",
    "Host",
    "LevelConstraint",
    "Memory",
    "Network",
    "Overheads",
    "Pool",
    "Precision",
    "Sparsity",
    "Vector",
]
