"""API pages from docstrings: ``python -W error .ci/api_pages.py FOLDER``; every public room, a warning is an error."""

import importlib
import sys
from pathlib import Path

import pdoc

MODULES = [
    "hwsim",
    "hwsim.graph",
    "hwsim.device",
    "hwsim.device.technology",
    "hwsim.onnx_io",
    "hwsim.workload",
    "hwsim.mapping",
    "hwsim.counts",
    "hwsim.cost",
    "hwsim.cost.area",
    "hwsim.search",
    "hwsim.estimation",
    "hwsim.system.run",
    "hwsim.system.chance",
    "hwsim.system.queue",
    "hwsim.system.training",
    "hwsim.system.serving",
    "hwsim.system.decoder",
    "hwsim.system.algorithms",
    "hwsim.system.compose",
    "hwsim.system.profile",
    "hwsim.validation",
    "hwsim.report.charts",
    "hwsim.report.sheet",
    "hwsim.report.page",
    "hwsim.units",
    "hwsim.errors",
]

for name in MODULES:
    module = importlib.import_module(name)
    for inner in getattr(module, "__all__", ()):
        setattr(module, inner, getattr(module, inner))  # names that are looked up when first used
pdoc.pdoc(*MODULES, output_directory=Path(sys.argv[1]))
