"""Well-formed files of each reader, which mutations start from."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from hwsim.study import Study
from tests.mapping.test_timeloop_reader import FLAT, MAPPING, NODE_MAPPING, NODES, PROBLEM, TABLES

ROOT = Path(__file__).parents[2]


def seeds(name: str) -> list[bytes]:
    """Well-formed files that mutations start from, and the inputs that once broke a reader (``corpus/NAME-*``)."""
    kept = [file.read_bytes() for file in sorted((ROOT / "tests" / "fuzz" / "corpus").glob(f"{name}-*"))]
    return [*_SEEDS[name](), *kept]


def _files(*names: str) -> Callable[[], list[bytes]]:
    return lambda: [(ROOT / name).read_bytes() for name in names]


def _texts(*texts: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in texts]


def _value(name: str, *shape: int | str, dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def _model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    output: onnx.ValueInfoProto,
    tensors: list[onnx.TensorProto],
) -> bytes:
    graph = helper.make_graph(nodes, "g", inputs, [output], tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


def _models() -> list[bytes]:
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4, 3, 3, 3], [0.5] * 108)
    shape = helper.make_tensor("s", TensorProto.INT64, [2], [1, -1])
    plain = [
        helper.make_node("Conv", ["x", "w"], ["y"], name="c", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["y"], ["r"], name="r"),
        helper.make_node("Reshape", ["r", "s"], ["z"], name="f"),
    ]
    body = helper.make_graph([helper.make_node("Relu", ["x"], ["b"], name="b")], "body", [], [_value("b", 1, 3, 8, 8)])
    branches = [helper.make_node("If", ["yes"], ["z"], name="i", then_branch=body, else_branch=body)]
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    scale = [helper.make_tensor("k", TensorProto.FLOAT, [], [0.1]), helper.make_tensor("o", TensorProto.UINT8, [], [3])]
    quantized = [
        helper.make_node("QuantizeLinear", ["x", "k", "o"], ["xq"], name="q"),
        helper.make_node("DequantizeLinear", ["xq", "k", "o"], ["xd"], name="d"),
        helper.make_node("Conv", ["xd", "w"], ["z"], name="c"),
    ]
    image = [_value("x", 1, 3, 8, 8)]
    return [
        _model(plain, image, _value("z", 1, 64), [weights, shape]),
        _model(branches, image, _value("z", 1, 3, 8, 8), [yes]),
        _model(quantized, image, _value("z", 1, 4, 6, 6), [weights, *scale]),
    ]


def _decoders() -> list[bytes]:
    """One layer of attention on four tokens."""
    tensors = [helper.make_tensor(part, TensorProto.FLOAT, [8, 8], [0.1] * 64) for part in ("wq", "wk", "wv")]
    nodes = [helper.make_node("MatMul", ["x", f"w{part}"], [part], name=f"m{part}") for part in "qkv"]
    nodes += [
        helper.make_node("Transpose", ["k"], ["kt"], name="t", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "kt"], ["scores"], name="s"),
        helper.make_node("Softmax", ["scores"], ["share"], name="p", axis=-1),
        helper.make_node("MatMul", ["share", "v"], ["z"], name="o"),
    ]
    return [_model(nodes, [_value("x", 1, 4, 8)], _value("z", 1, 4, 8), tensors)]


def _stores() -> list[bytes]:
    base = {"device": "ws_16x16", "rung": "roofline"}
    with tempfile.TemporaryDirectory() as folder:
        table, path = Path(folder) / "l.csv", Path(folder) / "s.sqlite"
        table.write_text("op,k,c,p,q\nConv,8,8,4,4\n", encoding="utf-8")
        Study({"clock_mhz": [100, 200]}, base={**base, "model": str(table)}).run(path)
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("PRAGMA journal_mode=DELETE")
        database.close()
        return [path.read_bytes()]


def _measured() -> list[bytes]:
    events = '[{"cat":"Node","name":"c_kernel_time","dur":5,"ts":1,"ph":"X","pid":1,"tid":1,"args":{"op_name":"Conv"}}]'
    run = '{"cat":"Session","name":"model_run","dur":9,"ts":0,"ph":"X","pid":1,"tid":1,"args":{}}'
    table = '{"schema": "hwsim/measured/1", "rows": [{"name": "c", "latency_us": 3.5, "batch": 1}]}'
    profile = '[{"count": 5}, {"name": "c", "timeMs": 5.1, "averageMs": 1.0, "percentage": 100.0}]'
    times = '[{"latencyMs": 1.5, "computeMs": 1.2}, {"latencyMs": 1.4, "computeMs": 1.1}]'
    kernels = (
        '{"traceEvents": [{"cat":"cpu_op","name":"aten::conv2d","dur":5,"ts":1,"ph":"X","pid":1,"tid":1,"args":{}}]}'
    )
    return [text.encode() for text in (events, f"[{run},{events[1:]}", table, profile, times, kernels)]


_NETWORKS = """networks:
  - {name: fast, model: light_squeezenet, on: card0, bits: w8a8}
  - {name: slow, model: light_resnet50, on: card1, after: [fast], probability: 0.3, bits: w8a8}
"""
_ESTIMATE = (
    '{"schema": "hwsim/estimate/1", "model": {"name": "m"}, "device": {"name": "d"}, "settings": {"bits": null}, '
    '"totals": {"latency_s": 1.0, "energy_j": null, "macs": 3}, "layers": [{"name": "c", "latency_s": 1.0, "bound_by": "dram"}]}'
)


def _systems() -> list[bytes]:
    shipped = _files("device_profiles/systems/glacier_point_v2.yaml", "device_profiles/systems/four_a100_nvlink.yaml")()
    return [*shipped, shipped[0] + _NETWORKS.encode()]


_SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "profile": _files("device_profiles/eyeriss_v1.yaml", "device_profiles/hcm_28nm.yaml", "device_profiles/t4.yaml"),
    "study": _files("examples/constrained_space.yaml", "examples/buffers.yaml"),
    "onnx": _models,
    "decode": _decoders,
    "layers": _texts("name,op,n,k,c,p,q,r,s,stride,pad,bits\nc,Conv,1,8,3,4,4,3,3,2,1,8\n", "op,m,n,k\nGemm,4,5,6\n"),
    "measured_csv": _texts(
        "scope,name,latency_us,energy_mj,batch,repeats,spread,device,mode\nlayer,c,1.5,0.1,1,5,0.02,d,fast\n",
        "name,output,throughput_per_s,power_w,dram_kib,clock_mhz,covers,model\nc,y,400,1,4,600,relu,tiny\n",
    ),
    "measured_json": _measured,
    "timeloop": _texts(PROBLEM + FLAT + MAPPING, PROBLEM, PROBLEM + NODES + NODE_MAPPING + TABLES),
    "mapping": _texts("spad: {temporal: [R3, C2], keep: [weight]}\ngbuf: {spatial_x: [K4]}\ndram: {temporal: [P4, Q4]}\n"),
    "system": _systems,
    "estimate": _texts(_ESTIMATE),
    "found": _texts('{"levels": [[[["K", 4]], [], [], [1, 1, 1]]], "lower_bound": 1, "evaluated": 2, "space_size": 3}'),
    "store": _stores,
}  # fmt: skip
