"""What does this machine's CPU attain? Measured by micro-benchmarks, fitted, and judged on the layers that were held out.

Fewer runs than ``hwsim calibrate --from-measure`` does by default, so that it is done in half a minute.
Needs ``pip install '.[measure]'``.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path

import hwsim
from hwsim.onnx_io.generation import write
from hwsim.report.validation_tables import calibration_text
from hwsim.validation.calibration import calibrate
from hwsim.validation.cases import Case, Cases
from hwsim.validation.measuring import Effort, measure
from hwsim.validation.microbenchmarks import microbenchmarks

if importlib.util.find_spec("onnxruntime") is None:
    sys.exit("onnxruntime is not installed: pip install '.[measure]'")

cases = []
with tempfile.TemporaryDirectory() as folder:
    for network in microbenchmarks():
        path = Path(folder) / f"{network.name}.onnx"
        write(network, path)
        prepared = hwsim.prepare(network, passes=())
        measured = measure(path, prepared, Effort(runs=10, warm_up=2, seconds=2.0), model=network.name)
        cases.append(Case(network.name, prepared, measured.rows, complete=True))
device = hwsim.load_device("generic_x86_server_core", ["clock_mhz=3500"])  # your CPU's clock
print(calibration_text(calibrate(Cases(tuple(cases)), device, rung="roofline", hold_out="layer")))
