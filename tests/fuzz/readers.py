"""Every reader of files from strangers, as a function of bytes: it ends in an answer or in an HwsimError, never in anything else."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import tempfile
import warnings
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from hwsim.device import describe, load
from hwsim.errors import HwsimError
from hwsim.estimation import prepare
from hwsim.graph.build import from_csv
from hwsim.mapping import from_device
from hwsim.mapping.text import parse_mapping
from hwsim.mapping.timeloop import read_timeloop
from hwsim.report.differences import load_estimate
from hwsim.search import cache
from hwsim.study import Study
from hwsim.study.reading import read_study
from hwsim.study.study import opened
from hwsim.system.profile import load_system
from hwsim.validation.readers import read as read_measured
from hwsim.workload import LoopNest
from tests.mapping.test_timeloop_reader import FLAT, MAPPING, PROBLEM

ROOT = Path(__file__).parents[2]
#: Largest file that a fuzzer tries [B].
LARGEST = 20_000


def _profile(path: Path) -> None:
    describe(load(path))


def _study(path: Path) -> None:
    study = read_study(path)
    assert study.space.cardinality > 0
    if study.space.cardinality < 1000:
        list(islice(study.space.points(), 20))


def _onnx(path: Path) -> None:
    prepared = prepare(path)
    assert prepared.complexity.macs >= 0


def _mapping(path: Path) -> None:
    nest = LoopNest(k=8, c=8, p=4, q=4, r=3, s=3)
    with contextlib.suppress(UnicodeDecodeError):
        parse_mapping(path.read_text(encoding="utf-8"), from_device(load("eyeriss_v1"), nest))


def _store(path: Path) -> None:
    results = opened(path)
    for _ in results.rows():
        pass


Reader = Callable[[Path], object]
#: By name: what reads, and the ending of its files.
READERS: dict[str, tuple[Reader, str]] = {
    "profile": (_profile, ".yaml"),
    "study": (_study, ".yaml"),
    "onnx": (_onnx, ".onnx"),
    "layers": (from_csv, ".csv"),
    "measured_csv": (read_measured, ".csv"),
    "measured_json": (read_measured, ".json"),
    "timeloop": (lambda path: read_timeloop([path]), ".yaml"),
    "mapping": (_mapping, ".yaml"),
    "system": (load_system, ".yaml"),
    "estimate": (load_estimate, ".json"),
    "found": (cache.read, ".json"),
    "store": (_store, ".sqlite"),
}


def feed(name: str, data: bytes) -> None:
    """Give bytes to a reader as a file of its own folder; raises whatever is no HwsimError."""
    reader, ending = READERS[name]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("hwsim").setLevel(logging.CRITICAL)
        path = Path(folder) / f"given{ending}"
        path.write_bytes(data)
        with contextlib.suppress(HwsimError):
            reader(path)


def seeds(name: str) -> list[bytes]:
    """Well-formed files that mutations start from, and the inputs that once broke a reader (``corpus/NAME-*``)."""
    kept = [file.read_bytes() for file in sorted((ROOT / "tests" / "fuzz" / "corpus").glob(f"{name}-*"))]
    return [*_SEEDS[name](), *kept]


def _files(*names: str) -> Callable[[], list[bytes]]:
    return lambda: [(ROOT / name).read_bytes() for name in names]


def _texts(*texts: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in texts]


def _models() -> list[bytes]:
    def value(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    weights = helper.make_tensor("w", TensorProto.FLOAT, [4, 3, 3, 3], [0.5] * 108)
    shape = helper.make_tensor("s", TensorProto.INT64, [2], [1, -1])
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], name="c", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["y"], ["r"], name="r"),
        helper.make_node("Reshape", ["r", "s"], ["z"], name="f"),
    ]
    graph = helper.make_graph(nodes, "g", [value("x", 1, 3, 8, 8)], [value("z", 1, 64)], [weights, shape])
    return [helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()]


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
    table = '{"schema": "hwsim/measured/1", "rows": [{"name": "c", "latency_us": 3.5, "batch": 1}]}'
    profile = '[{"count": 5}, {"name": "c", "timeMs": 5.1, "averageMs": 1.0, "percentage": 100.0}]'
    return [text.encode() for text in (events, table, profile)]


_SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "profile": _files("device_profiles/eyeriss_v1.yaml", "device_profiles/hcm_28nm.yaml", "device_profiles/t4.yaml"),
    "study": _files("examples/constrained_space.yaml", "examples/buffers.yaml"),
    "onnx": _models,
    "layers": _texts("name,op,n,k,c,p,q,r,s,stride,pad,bits\nc,Conv,1,8,3,4,4,3,3,2,1,8\n", "op,m,n,k\nGemm,4,5,6\n"),
    "measured_csv": _texts(
        "scope,name,latency_us,energy_mj,batch,repeats,spread,device,mode\nlayer,c,1.5,0.1,1,5,0.02,d,fast\n"
    ),
    "measured_json": _measured,
    "timeloop": _texts(PROBLEM + FLAT + MAPPING, PROBLEM),
    "mapping": _texts("spad: {temporal: [R3, C2], keep: [weight]}\ngbuf: {spatial_x: [K4]}\ndram: {temporal: [P4, Q4]}\n"),
    "system": _files("device_profiles/systems/glacier_point_v2.yaml", "device_profiles/systems/four_a100_nvlink.yaml"),
    "estimate": _texts('{"schema": "hwsim/estimate/1", "totals": {"latency_s": 1.0}, "layers": [{"name": "c"}]}'),
    "found": _texts('0\n{"levels": [[[["K", 4]], [], [], [1, 1, 1]]], "lower_bound": 1, "evaluated": 2, "space_size": 3}'),
    "store": _stores,
}  # fmt: skip
