"""What each tool is asked, as scripts for its own Python.

A script defines ``ask()``, which answers with plain numbers. ``sys.argv`` holds the paths of the model, of its convolutions as JSON and as
ONNX, and ``inner`` where the question is asked again in one process and the later times count.
"""

from __future__ import annotations

from dataclasses import dataclass

#: What ends every script.
TAIL = """
import json, os, sys, time

def cpu():
    # of this process and all below it, ended or not: some tools keep workers
    parents, used = {}, {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = open(f"/proc/{name}/stat").read().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(name)], used[int(name)] = int(fields[1]), sum(map(int, fields[11:15]))
    below, level = 0, {os.getpid()}
    while level := {one for one, parent in parents.items() if parent in level}:
        below += sum(used[one] for one in level)
    return time.process_time() + below / os.sysconf("SC_CLK_TCK")

if __name__ == "__main__":
    start = cpu()
    answer = ask()
    inner = cpu() - start
    if sys.argv[-1] == "inner":
        start, times = cpu(), 0
        while times == 0 or (cpu() - start < 0.5 and times < 50):
            ask()
            times += 1
        inner = (cpu() - start) / times
    print("\\n" + json.dumps({"answer": answer, "inner_s": inner}))
"""


@dataclass(frozen=True)
class Question:
    """One question to a peer and to hwsim on the same network and the closest hardware.

    packages : what pip installs, with what they need and do not declare; python : versions that it is known to need, none where any does.
    theirs, ours : scripts; command : hwsim's as a whole process.
    """

    name: str
    packages: tuple[str, ...]
    asked: str
    theirs: str
    ours: str
    command: tuple[str, ...]
    python: str = ""


_ONNX_TOOL = """
import sys, onnx_tool
def ask():
    model = onnx_tool.Model(sys.argv[1])
    model.graph.shape_infer(None)
    model.graph.profile()
    macs = model.graph.macs
    return {"macs": float(macs[0] if isinstance(macs, list) else macs)}
"""
_COMPLEXITY = """
import sys, hwsim
def ask():
    found = hwsim.prepare(sys.argv[1]).complexity
    return {"macs": found.macs, "bops": found.bops}
"""
_QONNX = """
import sys
from qonnx.util.inference_cost import inference_cost
def ask():
    found = inference_cost(sys.argv[1], discount_sparsity=False)["total_cost"]
    return {"macs": found["total_macs"], "bops": found["total_bops"]}
"""
_ZIGZAG = """
import os, sys, zigzag
from zigzag.api import get_hardware_performance_zigzag
def ask():
    inputs = os.path.join(os.path.dirname(zigzag.__file__), "inputs")
    energy, latency = get_hardware_performance_zigzag(
        sys.argv[3], f"{inputs}/hardware/tpu_like.yaml", f"{inputs}/mapping/tpu_like.yaml", opt="EDP", lpf_limit=6,
        dump_folder="zigzag_outputs", loma_show_progress_bar=False,
    )[:2]
    return {"cycles": float(latency), "energy_j": float(energy) * 1e-12}
"""
_MAPPED = """
import sys, hwsim
def ask():
    made = hwsim.estimate(sys.argv[3], "{profile}", bits="w8a8", rung="mapping", search_seconds=10, cache=False)
    return {{"cycles": made.totals.cycles, "energy_j": made.totals.energy_j}}
"""
_SCALESIM = """
import contextlib, json, os, sys
from scalesim.scale_sim import scalesim
rows = ["Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"]
rows += [f"{name}, {h}, {w}, {s}, {r}, {c}, {k}, {stride}," for name, h, w, s, r, c, k, stride in json.load(open(sys.argv[2]))]
open("topology.csv", "w").write("\\n".join(rows) + "\\n")
# not used without a layout of the user's own, and read all the same
layouts = ["Layer name," + "factor," * 20] + [row.split(",")[0] + "," + "1," * 20 for row in rows[1:]]
open("layout.csv", "w").write("\\n".join(layouts) + "\\n")
open("scale.cfg", "w").write('''[general]
run_name = peers
[architecture_presets]
ArrayHeight: 256
ArrayWidth: 256
IfmapSramSzkB: 8192
FilterSramSzkB: 8192
OfmapSramSzkB: 8192
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Bandwidth: 50
Dataflow: ws
MemoryBanks: 1
ReadRequestBuffer: 512
WriteRequestBuffer: 512
[layout]
IfmapCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterCustomLayout: False
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
SparseRep: ellpack_block
OptimizedMapping: false
BlockSize: 4
RandomNumberGeneratorSeed: 0
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
''')
def ask():
    with contextlib.redirect_stdout(open(os.devnull, "w")):
        run = scalesim(save_disk_space=True, verbose=False, config="scale.cfg", topology="topology.csv", layout="layout.csv")
        run.run_scale(top_path="scalesim_outputs")
    layers = run.runner.single_layer_sim_object_list
    # items: all cycles, those of the array, stalls, ...
    return {"cycles": float(sum(layer.get_compute_report_items()[1] for layer in layers))}
"""
_SYSTOLIC = """
import sys, hwsim
def ask():
    made = hwsim.estimate(sys.argv[1], "tpu_v1", bits="w8a8", rung="systolic")
    macs = [layer for layer in made.layers if layer.macs]
    return {"cycles": sum(layer.compute_s for layer in macs) * hwsim.load_device("tpu_v1").clock_hz}
"""
_NN_METER = """
import sys
from nn_meter import load_latency_predictor
def ask():
    predictor = load_latency_predictor("cortexA76cpu_tflite21", 1.0)
    return {"latency_ms": predictor.predict(sys.argv[1], model_type="onnx")}
"""
_ROOFLINE = """
import sys, hwsim
def ask():
    return {"latency_ms": 1e3 * hwsim.estimate(sys.argv[1], "cortex_a76", rung="roofline").totals.latency_s}
"""
_ACCELFORGE = """
import contextlib, os, sys
import accelforge
from accelforge.frontend.spec import Spec
def ask():
    shape = {"N_EINSUMS": 1, "M": 1024, "KN": 1024}
    examples = accelforge.examples
    spec = Spec.from_yaml(examples.arches.tpu_v4i, examples.workloads.matmuls, jinja_parse_data=shape)
    with contextlib.redirect_stdout(open(os.devnull, "w")):
        found = spec.map_workload_to_arch()
    return {"latency_us": 1e6 * float(found.latency())}
"""
_PRODUCT = """
import sys, hwsim
from hwsim.graph.build import gemm
def ask():
    prepared = hwsim.prepare(gemm("1024,1024,1024"), bits="w8a8")
    return {"latency_us": 1e6 * hwsim.estimate(prepared, "tpu_v4i", rung="mapping", cache=False).totals.latency_s}
"""

#: {model}, {convolutions} and {profile} stand for paths.
QUESTIONS = (
    Question(
        "onnx-tool",
        ("onnx-tool",),
        "MACs of the graph",
        _ONNX_TOOL,
        _COMPLEXITY,
        ("complexity", "{model}", "--format", "json"),
    ),
    Question(
        "qonnx",
        ("qonnx",),
        "MACs and bit operations of the graph",
        _QONNX,
        _COMPLEXITY,
        ("complexity", "{model}", "--format", "json"),
    ),
    Question(
        "zigzag-dse",
        ("zigzag-dse", "six"),
        "best mapping of each of the 53 convolutions, 32 × 32 PEs (its tpu_like; ours within 10 s each)",
        _ZIGZAG,
        _MAPPED,
        (
            "estimate",
            "{convolutions}",
            "--device",
            "{profile}",
            "--bits",
            "w8a8",
            "--model",
            "mapping",
            "--no-cache",
            "--search-seconds",
            "10",
            "--format",
            "json",
        ),
    ),
    Question(
        "scalesim",
        ("scalesim", "numpy<2.3"),
        "cycles of the convolutions, 256 × 256, weights stationary",
        _SCALESIM,
        _SYSTOLIC,
        ("estimate", "{model}", "--device", "tpu_v1", "--bits", "w8a8", "--model", "systolic", "--format", "json"),
    ),
    Question(
        "accelforge",
        ("accelforge",),
        "best mapping of one 1024³ product, TPU v4i",
        _ACCELFORGE,
        _PRODUCT,
        (
            "estimate",
            "--gemm",
            "1024,1024,1024",
            "--device",
            "tpu_v4i",
            "--bits",
            "w8a8",
            "--model",
            "mapping",
            "--no-cache",
            "--format",
            "json",
        ),
        "3.12 or newer, and graphviz's dot",
    ),
    Question(
        "nn-meter",
        ("nn-meter",),
        "latency on a Cortex-A76",
        _NN_METER,
        _ROOFLINE,
        ("estimate", "{model}", "--device", "cortex_a76", "--model", "roofline", "--format", "json"),
    ),
)
