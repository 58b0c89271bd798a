"""What each peer is asked, as a script for its own Python; it prints one JSON object. The model's path is ``sys.argv[1]``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """packages : what pip installs, with what they need and do not declare. script : what runs; what : the question in words."""

    name: str
    packages: tuple[str, ...]
    what: str
    script: str


_ONNX_TOOL = """
import json, sys, onnx_tool
model = onnx_tool.Model(sys.argv[1])
model.graph.shape_infer(None)
model.graph.profile()
print(json.dumps({"macs": model.graph.macs[0] if isinstance(model.graph.macs, list) else model.graph.macs}))
"""
_QONNX = """
import json, sys
from qonnx.util.inference_cost import inference_cost
found = inference_cost(sys.argv[1], discount_sparsity=False)["total_cost"]
print(json.dumps({"macs": found["total_macs"], "bops": found["total_bops"]}))
"""
_ZIGZAG = """
import json, os, sys, zigzag
from zigzag.api import get_hardware_performance_zigzag
inputs = os.path.join(os.path.dirname(zigzag.__file__), "inputs")
energy, latency, layers = get_hardware_performance_zigzag(
    sys.argv[1], f"{inputs}/hardware/tpu_like.yaml", f"{inputs}/mapping/tpu_like.yaml", opt="EDP", lpf_limit=6,
    dump_folder="zigzag_outputs", loma_show_progress_bar=False,
)[:3]
print(json.dumps({"energy_pj": float(energy), "cycles": float(latency), "layers": len(layers)}))
"""
_SCALESIM = """
import contextlib, json, os, sys
from scalesim.scale_sim import scalesim
rows = ["Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"]
rows += [f"{name}, {h}, {w}, {s}, {r}, {c}, {k}, {stride}," for name, h, w, s, r, c, k, stride in json.load(open(sys.argv[2]))]
open("topology.csv", "w").write("\\n".join(rows) + "\\n")
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
with contextlib.redirect_stdout(open(os.devnull, "w")):
    run = scalesim(save_disk_space=True, verbose=False, config="scale.cfg", topology="topology.csv", layout="")
    run.run_scale(top_path="scalesim_outputs")
print(json.dumps({"cycles": float(sum(layer.get_compute_report_items()[0] for layer in run.runner.single_layer_sim_object_list))}))
"""
_NN_METER = """
import json, sys
from nn_meter import load_latency_predictor
predictor = load_latency_predictor("cortexA76cpu_tflite21", 1.0)
print(json.dumps({"latency_ms": predictor.predict(sys.argv[1], model_type="onnx")}))
"""
_ACCELFORGE = """
import json, sys, accelforge
print(json.dumps({"version": accelforge.__version__}))
"""

PEERS = (
    Peer("onnx-tool", ("onnx-tool",), "MACs of the graph", _ONNX_TOOL),
    Peer("qonnx", ("qonnx",), "MACs and bit operations of the graph", _QONNX),
    Peer("zigzag-dse", ("zigzag-dse", "six"), "latency and energy with its mapping search, tpu_like", _ZIGZAG),
    Peer("scalesim", ("scalesim",), "cycles of the convolutions, 256 x 256 weight-stationary", _SCALESIM),
    Peer("nn-meter", ("nn-meter",), "latency on a Cortex-A76", _NN_METER),
    Peer("accelforge", ("accelforge",), "latency and energy with its mapper", _ACCELFORGE),
)

#: The same questions to hwsim: name, arguments of the command.
OURS = (
    ("MACs and bit operations of the graph", ("complexity", "{model}", "--format", "json")),
    (
        "latency with a mapping search, 128 x 128",
        ("estimate", "{model}", "--device", "ws_128x128", "--no-cache", "--format", "json"),
    ),
    (
        "latency with a mapping search, Eyeriss",
        ("estimate", "{model}", "--device", "eyeriss_v1", "--no-cache", "--format", "json"),
    ),
    ("cycles, 256 x 256 weight-stationary (TPU v1)", ("estimate", "{model}", "--device", "tpu_v1", "--format", "json")),
    ("latency by the roofline, a Cortex-A76", ("estimate", "{model}", "--device", "cortex_a76", "--format", "json")),
)
