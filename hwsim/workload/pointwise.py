"""Elementwise operators, pooling, normalization, softmax, reductions: everything done on the vector unit."""

from __future__ import annotations

import math

from hwsim.workload.call import Call, Demand, vector
from hwsim.workload.functions import (
    ELEMENT,
    INTERPOLATE,
    LAYER_NORM,
    LOG_SOFTMAX,
    RMS_NORM,
    SOFTMAX,
    VARIADIC,
)


def elementwise(call: Call) -> Demand:
    """One result element from the elements at the same place, at the operations of ``functions.ELEMENT``."""
    op = call.layer.op
    function, operations = ELEMENT[op]
    elements = call.outputs[0].elements if call.outputs and call.outputs[0] is not None else 0
    if op in VARIADIC:
        operations *= max(1, len(call.inputs) - 1)
    elif op == "Gelu" and call.text("approximate") == "tanh":
        function, operations = ELEMENT["FastGelu"]
    elif op == "MultiThreshold":
        levels = call.input(1)
        operations *= levels.shape[-1] if levels is not None and levels.shape else 1
    return Demand(vectors=vector(function, operations * elements, elements))


def pool(call: Call) -> Demand:
    """AveragePool, MaxPool, LpPool: every result looks at a window of kernel_shape (QONNX: a square of ``kernel``)."""
    out = call.result()
    return Demand(vectors=vector("pool", out.elements * _window(call), out.elements))


def qlinear_pool(call: Call) -> Demand:
    """QLinearAveragePool: a window summed, and the result requantized (4)."""
    out = call.result()
    return Demand(vectors=vector("pool", out.elements * (_window(call) + 4), out.elements))


def _window(call: Call) -> int:
    kernel = call.integers("kernel_shape") or (max(1, call.integer("kernel", 1)),) * 2
    return math.prod(kernel)


def global_pool(call: Call) -> Demand:
    """GlobalAveragePool and kin: every input element is looked at once."""
    return Demand(vectors=vector("pool", call.need(0).elements, call.result().elements))


def reduction(call: Call) -> Demand:
    """Reduce*, ArgMax, ArgMin, CumSum-like: one operation an input element, and those that the name adds."""
    x, out = call.need(0), call.result()
    before = {"ReduceL1": 1, "ReduceL2": 1, "ReduceSumSquare": 1, "ReduceLogSumExp": 1}.get(call.layer.op, 0)
    after = {"ReduceMean": 1, "ReduceL2": 1, "ReduceLogSum": 1, "ReduceLogSumExp": 1}.get(call.layer.op, 0)
    return Demand(vectors=vector("reduce", x.elements * (1 + before) + out.elements * after, out.elements))


def softmax(call: Call) -> Demand:
    """Softmax, LogSoftmax, Hardmax and quantized kin."""
    out = call.result()
    operations = {"LogSoftmax": LOG_SOFTMAX, "Hardmax": 2, "QLinearSoftmax": SOFTMAX + 6}.get(call.layer.op, SOFTMAX)
    return Demand(vectors=vector("softmax", operations * out.elements, out.elements))


def layer_norm(call: Call) -> Demand:
    """Layer, instance and group normalization: mean and variance over some axes, then scale and shift."""
    x = call.need(0)
    return Demand(vectors=vector("norm", LAYER_NORM * x.elements, x.elements))


def rms_norm(call: Call) -> Demand:
    """RMSNormalization, SimplifiedLayerNormalization, LpNormalization: no mean is taken away."""
    x = call.need(0)
    return Demand(vectors=vector("norm", RMS_NORM * x.elements, x.elements))


def skip_norm(call: Call) -> Demand:
    """com.microsoft SkipLayerNormalization: a residual (and perhaps a bias) added, then normalized."""
    x = call.need(0)
    simplified = call.layer.op.startswith("SkipSimplified")
    bias = call.input(3 if simplified else 4)
    added = (1 if bias is None else 2) * x.elements
    norm = RMS_NORM if simplified else LAYER_NORM
    return Demand(vectors=vector("add", added, x.elements) + vector("norm", norm * x.elements, x.elements))


def embed_norm(call: Call) -> Demand:
    """com.microsoft EmbedLayerNormalization: rows of two or three tables added and normalized; only those rows are read."""
    out = call.result(3)
    tables = (2, 3, 4)
    reads = {}
    for position in tables:
        table = call.input(position)
        if table is not None:
            reads[position] = min(table.bytes, -(-table.bits * out.elements // 8))
    vectors = vector("add", (len(reads) - 1) * out.elements, out.elements)
    return Demand(vectors=vectors + vector("norm", LAYER_NORM * out.elements, out.elements), reads=reads)


def local_response(call: Call) -> Demand:
    """LRN: squares summed over ``size`` channels, a power, a product."""
    out = call.result()
    operations = (
        max(1, call.integer("size", 5)) + 4
    )  # squares summed over the window; *alpha/size, +bias, power, division
    return Demand(vectors=vector("local_response", operations * out.elements, out.elements))


def running(call: Call) -> Demand:
    """CumSum, CumProd: one operation an element."""
    out = call.result()
    return Demand(vectors=vector("scan", out.elements, out.elements))


def sorting(call: Call) -> Demand:
    """TopK, Unique: every element is compared log2(number kept) times, at least once."""
    x = call.need(0)
    kept = max((tensor.shape[-1] for tensor in call.outputs if tensor is not None and tensor.shape), default=1)
    depth = max(1, math.ceil(math.log2(kept + 1))) if call.layer.op == "TopK" else 1
    if call.layer.op == "Unique":
        depth = max(1, math.ceil(math.log2(x.elements + 1)))
    return Demand(vectors=vector("sort", depth * x.elements, x.elements))


def suppression(call: Call) -> Demand:
    """NonMaxSuppression: scores sorted, and every kept box compared with all others (an intersection is about 12 operations)."""
    boxes, scores = call.need(0, 1), call.need(1, 1)
    count = scores.shape[-1]
    kept = call.integer("max_output_boxes_per_class")
    kept = min(count, kept) if kept > 0 else count
    rows = scores.elements // count if count else 0
    compared = 12 * rows * kept * count
    sorted_ = scores.elements * max(1, math.ceil(math.log2(count + 1)))
    return Demand(vectors=vector("sort", sorted_, scores.elements) + vector("compare", compared, boxes.elements))


def interpolation(call: Call) -> Demand:
    """Resize, GridSample, RoiAlign: nearest copies; linear takes 2 per axis, cubic 4 per axis, neighbours a result."""
    out = call.result()
    mode = call.text("mode", "bilinear" if call.layer.op in ("GridSample", "RoiAlign", "MaxRoiPool") else "nearest")
    x = call.input(0)
    axes = max(1, len(out.shape) - 2) if x is None else _resized(x.shape, out.shape)
    if mode == "nearest":
        return Demand(vectors=vector("interpolate", out.elements, out.elements))
    if call.layer.op in ("RoiAlign", "GridSample"):
        axes = 2 if call.layer.op == "RoiAlign" else max(1, len(out.shape) - 2)
    neighbours = (4 if "cubic" in mode else 2) ** min(axes, 4)
    samples = max(1, call.integer("sampling_ratio", 1)) ** 2 if call.layer.op == "RoiAlign" else 1
    operations = INTERPOLATE if neighbours == 4 else 2 * neighbours - 1
    return Demand(vectors=vector("interpolate", operations * samples * out.elements, out.elements))


def _resized(before: tuple[int, ...], after: tuple[int, ...]) -> int:
    if len(before) != len(after):
        return 2
    return max(1, sum(one != other for one, other in zip(before, after, strict=True)))


def roi_pool(call: Call) -> Demand:
    """MaxRoiPool: each region's elements are compared once; at most the whole image for each region."""
    x, out = call.need(0, 4), call.result(4)
    regions = out.shape[0]
    operations = regions * x.shape[1] * x.shape[2] * x.shape[3]
    return Demand(vectors=vector("pool", operations, out.elements))


def fourier(call: Call) -> Demand:
    """DFT: 5 n log2 n real operations for every transform of length n (Cooley–Tukey's radix-2 count)."""
    x, out = call.need(0, 2), call.result(2)
    axis = call.integer("axis", 1 if call.layer.op == "DFT" and len(x.shape) > 2 else -2)
    axis = axis if -len(x.shape) <= axis < len(x.shape) else -2
    length = max(x.shape[axis], call.integer("dft_length"))
    transforms = out.elements // (2 * out.shape[axis]) if out.shape[axis] else 0
    return Demand(vectors=vector("fft", _butterflies(length) * transforms, out.elements))


def short_fourier(call: Call) -> Demand:
    """STFT: frames (batch, frames, bins, 2), each windowed and transformed."""
    x, out = call.need(0, 2), call.result(4)
    window = call.input(2)
    length = call.integer("frame_length") or (window.shape[0] if window is not None and window.shape else 0)
    length = min(length or 2 * (out.shape[2] - 1), x.elements)
    frames = out.shape[0] * out.shape[1]
    return Demand(vectors=vector("fft", (_butterflies(length) + length) * frames, out.elements))


def _butterflies(length: int) -> int:
    return math.ceil(5 * length * math.log2(length)) if length > 1 else length


def generator(call: Call) -> Demand:
    """Random numbers: about ten integer operations each."""
    out = call.result()
    return Demand(vectors=vector("random", 10 * out.elements, out.elements), reads={0: 0})


def window(call: Call) -> Demand:
    """Window functions: a cosine and its weights for every sample."""
    out = call.result()
    return Demand(vectors=vector("trigonometric", 4 * out.elements, out.elements))


def determinant(call: Call) -> Demand:
    """Det: a factorization of n × n, 2/3 n³ operations each."""
    x = call.need(0, 2)
    size = x.shape[-1]
    count = math.prod(x.shape[:-2])
    return Demand(vectors=vector("mul", count * max(1, 2 * size**3 // 3), count))


def dynamic_quantize(call: Call) -> Demand:
    """DynamicQuantizeLinear: the range found (two comparisons), then scaled, rounded, shifted and saturated."""
    x = call.need(0)
    return Demand(vectors=vector("quantize", 6 * x.elements, x.elements))


def rotary(call: Call) -> Demand:
    """RotaryEmbedding: each pair is rotated, two products and one sum an element; only the positions' rows of the tables are read."""
    x = call.need(0)
    microsoft = call.layer.domain == "com.microsoft"
    reads = {}
    positions = call.input(1 if microsoft else 3)
    count = positions.elements if positions is not None else x.elements
    for position in (2, 3) if microsoft else (1, 2):
        table = call.input(position)
        if table is not None and len(table.shape) == 2:
            rows = min(table.shape[0], max(count, x.shape[1] if microsoft and len(x.shape) == 3 else count))
            reads[position] = -(-table.bits * rows * table.shape[1] // 8)
    return Demand(vectors=vector("mul", 3 * x.elements, x.elements), reads=reads)


def gated(call: Call) -> Demand:
    """SwiGLU and kin: a sigmoid and two products for every result."""
    out = call.result()
    return Demand(vectors=vector("sigmoid", 3 * out.elements, out.elements))


def loss(call: Call) -> Demand:
    """SoftmaxCrossEntropyLoss, NegativeLogLikelihoodLoss: a log-softmax (of the first), then one score picked."""
    x = call.need(0)
    operations = LOG_SOFTMAX if call.layer.op == "SoftmaxCrossEntropyLoss" else 1
    return Demand(vectors=vector("softmax", operations * x.elements, x.elements))


def trees(call: Call) -> Demand:
    """Tree ensembles: one comparison for each tree's depth, which is an attribute; at least one per result."""
    out = call.result()
    nodes = len(call.integers("nodes_nodeids") or call.integers("nodes_featureids"))
    trees_ = len(set(call.integers("nodes_treeids"))) or 1
    depth = max(1, math.ceil(math.log2(nodes / trees_ + 1)))
    rows = out.shape[0] if out.shape else 1
    return Demand(vectors=vector("compare", rows * trees_ * depth, out.elements))
