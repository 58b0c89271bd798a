"""hwsim: what a network costs on a piece of hardware, before either exists.

>>> import hwsim
>>> hwsim.estimate("light_resnet50", "eyeriss_v1")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwsim.version import __version__

if TYPE_CHECKING:
    from hwsim.device import Device
    from hwsim.device import available as devices
    from hwsim.device import load as load_device
    from hwsim.errors import HwsimError, HwsimWarning
    from hwsim.estimation import Estimate, estimate, prepare
    from hwsim.graph import Network
    from hwsim.onnx_io import read
    from hwsim.study import Study
    from hwsim.workload.complexity import Complexity, complexity

_HOMES = {
    "Complexity": "hwsim.workload.complexity",
    "Device": "hwsim.device",
    "Estimate": "hwsim.estimation",
    "HwsimError": "hwsim.errors",
    "HwsimWarning": "hwsim.errors",
    "Network": "hwsim.graph",
    "Study": "hwsim.study",
    "complexity": "hwsim.workload.complexity",
    "devices": "hwsim.device:available",
    "estimate": "hwsim.estimation",
    "load_device": "hwsim.device:load",
    "prepare": "hwsim.estimation",
    "read": "hwsim.onnx_io",
}

__all__ = [
    "Complexity",
    "Device",
    "Estimate",
    "HwsimError",
    "HwsimWarning",
    "Network",
    "Study",
    "__version__",
    "complexity",
    "devices",
    "estimate",
    "load_device",
    "prepare",
    "read",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hwsim' has no attribute {name!r}")
    import importlib

    home, _, inner = _HOMES[name].partition(":")
    value = getattr(importlib.import_module(home), inner or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
