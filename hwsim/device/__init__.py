"""A piece of hardware as declared: profile schema, loading, and the SI record the models read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwsim.device.library import available
from hwsim.device.precision import precision_for, throughput_by_bits
from hwsim.device.records import (
    Array,
    Dataflow,
    Device,
    Host,
    Kernels,
    LevelConstraint,
    Memory,
    Network,
    Overheads,
    Pool,
    Precision,
    Sparsity,
    Vector,
)

if TYPE_CHECKING:
    from hwsim.device.editors import json_schema
    from hwsim.device.loading import check, load, peak
    from hwsim.device.show import describe

#: Names whose modules need pydantic and YAML: imported on first use.
_LAZY = {
    "check": "hwsim.device.loading",
    "load": "hwsim.device.loading",
    "peak": "hwsim.device.loading",
    "json_schema": "hwsim.device.editors",
    "describe": "hwsim.device.show",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)


__all__ = [
    "Array",
    "Dataflow",
    "Device",
    "Host",
    "Kernels",
    "LevelConstraint",
    "Memory",
    "Network",
    "Overheads",
    "Pool",
    "Precision",
    "Sparsity",
    "Vector",
    "available",
    "check",
    "describe",
    "json_schema",
    "load",
    "peak",
    "precision_for",
    "throughput_by_bits",
]
