"""Random legal graphs, built with onnx.helper: none crashes, and what is counted is what a walk over the loops counts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import hypothesis.strategies as st
import numpy as np
import onnx
from hypothesis import HealthCheck, given, settings
from onnx import numpy_helper

from hwsim.device import Device, load
from hwsim.estimation import Prepared, estimate, prepare
from hwsim.onnx_io import read
from tests.onnx_io.build import floats, node, value
from tests.workload import naive


@dataclass
class Drawing:
    """A graph on its way: nodes, weights, the tensor that the next node reads, and multiplications for a batch of 1."""

    shape: tuple[int, ...]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, Any] = field(default_factory=dict)
    name: str = "x"
    macs: int = 0

    def weight(self, array: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights[name] = np.asarray(array)
        return name

    def add(self, op: str, inputs: list[str], shape: tuple[int, ...], **attributes: Any) -> None:
        name = f"t{len(self.nodes)}"
        self.nodes.append(node(op, " ".join(inputs), name, **attributes))
        self.name, self.shape = name, shape


def convolution(draw: st.DrawFn, graph: Drawing) -> None:
    batch, channels, *image = graph.shape
    groups = draw(st.sampled_from([g for g in (1, 2, 3, 4) if channels % g == 0]))
    filters = groups * draw(st.integers(1, 2))
    dilation = [draw(st.integers(1, 2)) for _ in image]
    pad = [draw(st.integers(0, 1)) for _ in image]
    kernel = [
        draw(st.integers(1, max(1, min(3, (size + 2 * p - 1) // d + 1))))
        for size, p, d in zip(image, pad, dilation, strict=True)
    ]
    stride = [draw(st.integers(1, 2)) for _ in image]
    macs, shape = naive.convolution(batch, channels, filters, groups, image, kernel, stride, pad, dilation)
    graph.macs += macs
    w = graph.weight(floats(filters, channels // groups, *kernel))
    inputs = [graph.name, w, *([graph.weight(floats(filters))] if draw(st.booleans()) else [])]
    graph.add("Conv", inputs, shape, group=groups, strides=stride, dilations=dilation, pads=pad + pad)


def transposed(draw: st.DrawFn, graph: Drawing) -> None:
    batch, channels, *image = graph.shape
    groups = draw(st.sampled_from([g for g in (1, 2) if channels % g == 0]))
    filters, kernel = groups * draw(st.integers(1, 2)), [draw(st.integers(1, 3)) for _ in image]
    graph.macs += naive.transposed(batch, channels, filters, groups, image, kernel)
    w = graph.weight(floats(channels, filters // groups, *kernel))
    shape = (batch, filters, *(size + taps - 1 for size, taps in zip(image, kernel, strict=True)))
    graph.add("ConvTranspose", [graph.name, w], shape, group=groups)


def pooling(draw: st.DrawFn, graph: Drawing) -> None:
    batch, channels, *image = graph.shape
    kernel = [draw(st.integers(1, min(2, size))) for size in image]
    _, shape = naive.convolution(0, channels, channels, 1, image, kernel, kernel, [0] * len(image), [1] * len(image))
    op = draw(st.sampled_from(["MaxPool", "AveragePool"]))
    graph.add(op, [graph.name], (batch, *shape[1:]), kernel_shape=kernel, strides=kernel)


def elementwise(draw: st.DrawFn, graph: Drawing) -> None:
    op = draw(st.sampled_from(["Relu", "Sigmoid", "Erf", "Add", "Mul", "Softmax", "Identity"]))
    inputs = [graph.name] if op not in ("Add", "Mul") else [graph.name, graph.weight(np.float32(1.5))]
    graph.add(op, inputs, graph.shape)


def normalization(draw: st.DrawFn, graph: Drawing) -> None:
    vectors = [graph.weight(floats(graph.shape[1])) for _ in range(4)]
    graph.add("BatchNormalization", [graph.name, *vectors], graph.shape)


def joined(draw: st.DrawFn, graph: Drawing) -> None:
    shape = (graph.shape[0], 2 * graph.shape[1], *graph.shape[2:])
    graph.add("Concat", [graph.name, graph.name], shape, axis=1)


def quantized(draw: st.DrawFn, graph: Drawing) -> None:
    scale, zero = graph.weight(np.float32(0.5)), graph.weight(np.int8(0))
    graph.add("QuantizeLinear", [graph.name, scale, zero], graph.shape)
    graph.add("DequantizeLinear", [graph.name, scale, zero], graph.shape)


def product(draw: st.DrawFn, graph: Drawing) -> None:
    columns = draw(st.integers(1, 4))
    w = graph.weight(floats(graph.shape[-1], columns))
    graph.macs += naive.matmul(graph.shape, (graph.shape[-1], columns))
    graph.add("MatMul", [graph.name, w], (*graph.shape[:-1], columns))


def with_itself(draw: st.DrawFn, graph: Drawing) -> None:
    turned = list(range(len(graph.shape)))
    turned[-2:] = turned[-1], turned[-2]
    source, shape = graph.name, graph.shape
    graph.add("Transpose", [source], (*shape[:-2], shape[-1], shape[-2]), perm=turned)
    graph.macs += naive.matmul(shape, graph.shape)
    graph.add("MatMul", [source, graph.name], (*shape[:-1], shape[-2]))


def contracted(draw: st.DrawFn, graph: Drawing) -> None:
    letters, columns = "abcdefgh"[: len(graph.shape)], draw(st.integers(1, 4))
    equation = f"{letters},{letters[-1]}z->{letters[:-1]}z"
    graph.macs += naive.einsum(equation, dict(zip(letters, graph.shape, strict=True)) | {"z": columns})
    w = graph.weight(floats(graph.shape[-1], columns))
    graph.add("Einsum", [graph.name, w], (*graph.shape[:-1], columns), equation=equation)


ANYWHERE: list[Callable[[st.DrawFn, Drawing], None]] = [
    elementwise,
    quantized,
    product,
    with_itself,
    contracted,
    joined,
]
ON_IMAGES = [*ANYWHERE, convolution, convolution, transposed, pooling, normalization]


@st.composite
def drawings(draw: st.DrawFn) -> tuple[onnx.ModelProto, int]:
    """A legal graph with a symbolic batch, and its multiplications for a batch of 1."""
    rank = draw(st.integers(1, 3))
    image = [draw(st.integers(1, 7 if rank < 3 else 4)) for _ in range(rank)]
    graph = Drawing((1, draw(st.integers(1, 4)), *image))
    start = graph.shape
    for _ in range(draw(st.integers(1, 6))):
        if math.prod(graph.shape) > 400:
            break
        draw(st.sampled_from(ON_IMAGES if len(graph.shape) > 2 else ANYWHERE))(draw, graph)
    if draw(st.booleans()):
        width = math.prod(graph.shape[1:])
        graph.add("Flatten", [graph.name], (1, width))
        graph.macs += naive.matmul((1, width), (width, 3))
        graph.add("Gemm", [graph.name, graph.weight(floats(3, width))], (1, 3), transB=1)
    stored = [numpy_helper.from_array(array, name) for name, array in graph.weights.items()]
    made = onnx.helper.make_graph(
        graph.nodes, "g", [value("x", ["N", *start[1:]])], [value(graph.name, ["N", *graph.shape[1:]])], stored
    )
    return onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 17)]), graph.macs


@lru_cache(maxsize=1)
def devices() -> list[Device]:
    return [load(name) for name in ("eyeriss_v1", "edge_tpu", "t4", "ws_16x16")]


#: Hypothesis sets aside what takes long; the first examples wait for imports.
RANDOM = settings(deadline=None, suppress_health_check=list(HealthCheck))


@settings(RANDOM, max_examples=120)
@given(drawings(), st.integers(2, 5))
def test_macs_are_those_of_a_walk_and_scale_with_the_batch(drawing: tuple[onnx.ModelProto, int], batch: int) -> None:
    made, macs = drawing
    onnx.checker.check_model(made, full_check=True)
    assert prepare(read(made)).complexity.macs == macs
    assert prepare(read(made), passes=()).complexity.macs == macs
    assert prepare(read(made, batch=batch)).complexity.macs == batch * macs


@settings(RANDOM, max_examples=60)
@given(drawings(), st.sampled_from(["roofline", "systolic"]))
def test_every_estimate_is_whole(drawing: tuple[onnx.ModelProto, int], rung: str) -> None:
    prepared = prepare(read(drawing[0]))
    for device in devices():
        if rung == "systolic" and not device.dataflow.stationary:
            continue
        record = estimate(prepared, device, rung=rung).to_dict()
        totals, layers = record["totals"], record["layers"]
        assert json.loads(json.dumps(record, allow_nan=False)) == record
        assert totals["macs"] == drawing[1]
        for name in ("latency_s", "dram_bytes", "macs"):
            assert math.isclose(totals[name], math.fsum(layer[name] for layer in layers), rel_tol=1e-9)
        assert 0 <= totals["utilization"] <= 1 + 1e-9
        assert all(layer["latency_s"] >= max(layer["compute_s"], 0) * (1 - 1e-9) for layer in layers)


def _narrowed(made: onnx.ModelProto, bits: int) -> Prepared:
    return prepare(read(made), bits=f"w{bits}a{bits}")


@settings(RANDOM, max_examples=40)
@given(drawings(), st.integers(1, 15))
def test_fewer_bits_never_mean_more_bytes(drawing: tuple[onnx.ModelProto, int], bits: int) -> None:
    more, fewer = _narrowed(drawing[0], bits + 1), _narrowed(drawing[0], bits)
    assert fewer.complexity.weight_bytes <= more.complexity.weight_bytes
    assert fewer.complexity.peak_activation_bytes <= more.complexity.peak_activation_bytes
    for device in devices():
        wide, narrow = (estimate(prepared, device, rung="roofline").totals for prepared in (more, fewer))
        assert narrow.dram_bytes <= wide.dram_bytes


@settings(RANDOM, max_examples=40)
@given(drawings(), st.floats(0.01, 10), st.floats(1, 100))
def test_a_faster_memory_never_means_a_longer_latency(
    drawing: tuple[onnx.ModelProto, int], bandwidth: float, factor: float
) -> None:
    prepared = prepare(read(drawing[0]))
    for name, rung in (("edge_tpu", "systolic"), ("t4", "roofline")):
        key = f"memory.{'host_memory' if name == 'edge_tpu' else 'dram'}.bandwidth_gb_per_s"
        slow, fast = (load(name, [f"{key}={rate!r}"]) for rate in (bandwidth, bandwidth * factor))
        slower, faster = (estimate(prepared, device, rung=rung).totals.latency_s for device in (slow, fast))
        assert faster <= slower * (1 + 1e-12)
