"""Vector work of operators that are no plain elementwise ones, worked by hand: function, operations, results."""

from __future__ import annotations

import math

import pytest

from hwsim.errors import ModelError
from hwsim.graph import Layer, Tensor
from hwsim.workload import lower
from tests.workload.single import activation, network, parameter, work

CONTRIB = "com.microsoft"
ONNX_ML = "ai.onnx.ml"
QONNX = "qonnx.custom_op.general"


def a(*shape: int, name: str = "x", dtype: str = "float32") -> Tensor:
    return activation(name, *shape, dtype=dtype)


def y(*shape: int, dtype: str = "float32") -> Tensor:
    return activation("y", *shape, dtype=dtype)


X = a(4, 100)
IMAGE = a(1, 2, 4, 4)
#: Operator, inputs, outputs, attributes, domain; then the work.
CASES = {
    # one score picked of each; a log-softmax before it costs 6 an element
    "NegativeLogLikelihoodLoss": ("", [a(2, 10)], [y()], {}, ("softmax", 20, 20)),
    "SoftmaxCrossEntropyLoss": ("", [a(2, 10)], [y()], {}, ("softmax", 120, 20)),
    "Hardmax": ("", [X], [y(4, 100)], {}, ("softmax", 800, 400)),
    "LogSoftmax": ("", [X], [y(4, 100)], {}, ("softmax", 2400, 400)),
    "QLinearSoftmax": (CONTRIB, [X], [y(4, 100)], {}, ("softmax", 4400, 400)),
    # 5 regions, each at most the whole image of 3 x 8 x 8
    "MaxRoiPool": ("", [a(1, 3, 8, 8), a(5, 5, name="r")], [y(5, 3, 2, 2)], {}, ("pool", 960, 60)),
    # 5 n log2 n = 5 * 8 * 3 for each of 3 transforms
    "DFT": ("", [a(3, 8, 2)], [y(3, 8, 2)], {}, ("fft", 360, 48)),
    "DFT of a row": ("", [a(8, 2)], [y(8, 2)], {}, ("fft", 120, 16)),
    # 15 frames of 16: 5 * 16 * 4, and 16 products with the window
    "STFT": ("", [a(1, 128, 1), None, parameter("w", 16)], [y(1, 15, 16, 2)], {}, ("fft", 15 * 336, 480)),
    # log2(3 + 1) comparisons an element
    "TopK": ("", [X], [y(4, 3)], {}, ("sort", 800, 400)),
    "Unique": ("", [a(1000)], [y(7)], {}, ("sort", 10_000, 1000)),
    "NonZero": ("", [X], [y(2, 9, dtype="int64")], {}, ("compare", 400, 400)),
    # 2/3 n^3 of each of six matrices, rounded down
    "Det": ("", [a(2, 3, 4, 4)], [y(2, 3)], {}, ("mul", 6 * 42, 6)),
    "Det of a number": ("", [a(1, 1)], [y()], {}, ("mul", 1, 1)),
    "CumSum": ("", [X], [y(4, 100)], {}, ("scan", 400, 400)),
    # 4 products and 3 additions of 4 neighbours; 16 and 15 of 16; of 2 along the one axis that grows
    "Resize": ("", [IMAGE], [y(1, 2, 8, 8)], {"mode": "linear"}, ("interpolate", 7 * 128, 128)),
    "Resize cubic": ("", [IMAGE], [y(1, 2, 8, 8)], {"mode": "cubic"}, ("interpolate", 31 * 128, 128)),
    "Resize nearest": ("", [IMAGE], [y(1, 2, 8, 8)], {}, ("interpolate", 128, 128)),
    "Resize one axis": ("", [IMAGE], [y(1, 2, 8, 4)], {"mode": "linear"}, ("interpolate", 3 * 64, 64)),
    "GridSample": ("", [IMAGE, a(1, 3, 3, 2, name="g")], [y(1, 2, 3, 3)], {}, ("interpolate", 7 * 18, 18)),
    "RoiAlign": ("", [IMAGE, a(5, 4, name="r")], [y(5, 2, 3, 3)], {"sampling_ratio": 2}, ("interpolate", 2520, 90)),
    # a square and a sum over 3 channels as one, *alpha/size, +bias, power, division
    "LRN": ("", [IMAGE], [y(1, 2, 4, 4)], {"size": 3}, ("local_response", 7 * 32, 32)),
    "AveragePool": ("", [IMAGE], [y(1, 2, 2, 2)], {"kernel_shape": (3, 2)}, ("pool", 48, 8)),
    "QLinearAveragePool": (CONTRIB, [IMAGE], [y(1, 2, 2, 2)], {"kernel_shape": (3, 2)}, ("pool", 80, 8)),
    "GlobalAveragePool": ("", [IMAGE], [y(1, 2, 1, 1)], {}, ("pool", 32, 2)),
    # each element is added; squared or made positive before, divided or rooted after
    "ReduceSum": ("", [X], [y(4, 1)], {}, ("reduce", 400, 4)),
    "ReduceL1": ("", [X], [y(4, 1)], {}, ("reduce", 800, 4)),
    "ReduceL2": ("", [X], [y(4, 1)], {}, ("reduce", 804, 4)),
    "ReduceMean": ("", [X], [y(4, 1)], {}, ("reduce", 404, 4)),
    "ReduceSumSquare": ("", [X], [y(4, 1)], {}, ("reduce", 800, 4)),
    "ReduceLogSum": ("", [X], [y(4, 1)], {}, ("reduce", 404, 4)),
    "ReduceLogSumExp": ("", [X], [y(4, 1)], {}, ("reduce", 804, 4)),
    "LayerNormalization": ("", [X], [y(4, 100)], {}, ("norm", 3200, 400)),
    "RMSNormalization": ("", [X], [y(4, 100)], {}, ("norm", 1600, 400)),
    "RandomNormal": ("", [], [y(5, 4)], {}, ("random", 200, 20)),
    # a sigmoid and two products a result
    "SwiGLU": ("", [X], [y(4, 50)], {}, ("sigmoid", 600, 200)),
    # 3 comparisons down each of 2 trees of 7 nodes, for 4 rows
    "TreeEnsembleRegressor": (
        ONNX_ML,
        [a(4, 9)],
        [y(4, 1)],
        {"nodes_nodeids": tuple(range(7)) * 2, "nodes_treeids": (0,) * 7 + (1,) * 7},
        ("compare", 24, 4),
    ),
    "TreeEnsemble": ("", [a(4, 9)], [y(4, 1)], {"nodes_nodeids": (0, 0), "nodes_treeids": (0, 1)}, ("compare", 8, 4)),
    # 4 rows of 9 with 3 columns of coefficients: a product and a sum each
    "LinearRegressor": (ONNX_ML, [a(4, 9)], [y(4, 3)], {}, ("mul", 216, 12)),
    "ScatterElements": (
        "",
        [X, a(3, 5, name="i", dtype="int64"), a(3, 5, name="u")],
        [y(4, 100)],
        {"reduction": "add"},
        ("add", 15, 15),
    ),
    # a rotation: two products and an addition
    "RotaryEmbedding": ("", [a(1, 2, 3, 8)], [y(1, 2, 3, 8)], {}, ("mul", 144, 48)),
}


@pytest.mark.parametrize("name", CASES)
def test_vector_work(name: str) -> None:
    domain, inputs, outputs, attributes, expected = CASES[name]
    (found,) = work(name.partition(" ")[0], inputs, outputs, attributes, domain).vectors
    assert (found.function, found.operations, found.elements) == expected


def test_boxes_are_sorted_and_compared() -> None:
    """2 classes of 6 scores sorted by log2(6 + 1), and the 3 boxes kept of each compared with all at 12 operations."""
    boxes, scores = a(1, 6, 4, name="b"), a(1, 2, 6, name="s")
    found = work("NonMaxSuppression", [boxes, scores], [y(3, 3)], {"max_output_boxes_per_class": 3}).vectors
    assert [(one.function, one.operations, one.elements) for one in found] == [
        ("sort", 36, 12),
        ("compare", 12 * 2 * 3 * 6, 24),
    ]


@pytest.mark.parametrize("residual", ["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"])
def test_residuals_and_biases_are_added_before_a_norm(residual: str) -> None:
    """Operands: input, residual, gamma, (beta,) bias."""
    scale, bias = parameter("g", 100), parameter("b", 100)
    simplified = "Simplified" in residual
    inputs = [X, a(4, 100, name="r"), scale, *([] if simplified else [None])]
    for extra, added in (([], 400), ([bias], 800)):
        found = work(residual, [*inputs, *extra], [y(4, 100)], {}, CONTRIB).vectors
        assert [one.operations for one in found] == [added, 400 * (4 if simplified else 8)]


def test_what_is_scattered_is_moved_and_added_only_where_asked() -> None:
    for attributes in ({}, {"reduction": "none"}):
        found = work("ScatterND", [X, a(3, 1, name="i", dtype="int64"), a(3, 100, name="u")], [y(4, 100)], attributes)
        assert found.moves and not found.vectors


def test_rows_of_a_quantized_table() -> None:
    """6 rows of 32 values of 4 bits, two a byte, from a table of 1000 of them; each is shifted and scaled."""
    table = parameter("t", 1000, 16, dtype="uint8")
    rows = a(6, name="i", dtype="int64")
    found = work("GatherBlockQuantized", [table, rows], [y(6, 32)], {"bits": 4}, CONTRIB)
    assert dict(found.reads)["t"] == 6 * 32 // 2
    assert [(one.function, one.operations, one.elements) for one in found.vectors] == [("dequantize", 384, 192)]
    assert found.moves


def test_one_head_of_linear_attention() -> None:
    """5 tokens, keys and values of 4 and 3: 12 products to update the state and 12 to ask it, a token."""
    operands = [a(1, 5, 4, name="q"), a(1, 5, 4, name="k"), a(1, 5, 3, name="v")]
    attributes = {"q_num_heads": 1, "kv_num_heads": 1, "update_rule": "linear"}
    assert work("LinearAttention", operands, [y(1, 5, 3)], attributes).macs == 2 * 5 * 12


def test_experts_that_are_not_asked_are_not_read() -> None:
    """3 tokens, one expert each, of 8: 3 of 8 weights are read."""
    operands = [a(3, 4), a(3, 8, name="router"), parameter("first", 8, 16, 4), None, parameter("second", 8, 4, 16)]
    found = work("MoE", operands, [y(3, 4)], {"k": 1}, CONTRIB)
    reads = dict(found.reads)
    assert (reads["first"], reads["second"]) == (3 * 16 * 4 * 4, 3 * 16 * 4 * 4)


@pytest.mark.parametrize(("scales", "operations"), [([], 2 * 12), ([None, parameter("s")], 4 * 12)])
def test_results_of_integer_products_are_scaled_and_where_asked_quantized(
    scales: list[Tensor | None], operations: int
) -> None:
    """3 x 4 results: a scale and a shift each, or (with an output's scale) rounded and saturated too."""
    one, zero = parameter("a_scale"), parameter("a_zero", dtype="int8")
    left, right = a(3, 5, dtype="int8"), parameter("b", 5, 4, dtype="int8")
    inputs = [left, one, zero, right, parameter("b_scale"), parameter("b_zero", dtype="int8"), *scales]
    found = work("QGemm", inputs, [y(3, 4)], {}, CONTRIB)
    assert found.macs == 3 * 5 * 4
    assert [(v.function, v.operations, v.elements) for v in found.vectors] == [("quantize", operations, 12)]


def test_a_vector_is_no_matrix_of_a_product() -> None:
    with pytest.raises(ModelError, match="node 'node': Gemm"):
        work("Gemm", [a(5), parameter("w", 5, 4)], [y(4)])


def test_a_sort_of_which_only_the_places_are_wanted() -> None:
    """TopK with its first output left out: 8 kept of 100 are told apart in four comparisons an element."""
    layer = Layer("node", "TopK", ("x",), ("", "i"), {})
    found = network([layer], [X, activation("i", 4, 8, dtype="int64")])
    (operation,) = lower(layer, found).vectors
    assert (operation.function, operation.operations, operation.elements) == ("sort", 4 * 400, 400)


@pytest.mark.parametrize(
    ("axis", "length", "transforms"), [(None, 8, 20), (0, 4, 40), (2, 5, 32), (-2, 5, 32), (-3, 8, 20), (9, 5, 32)]
)
def test_transforms_go_along_an_axis(axis: int | None, length: int, transforms: int) -> None:
    """Of 4 x 8 x 5 complex numbers: along the second axis where nothing is said, the last one where there is no such axis."""
    attributes = {} if axis is None else {"axis": axis}
    (found,) = work("DFT", [a(4, 8, 5, 2)], [y(4, 8, 5, 2)], attributes).vectors
    assert (
        found.operations == transforms * math.ceil(5 * length * math.log2(length)) and found.elements == 4 * 8 * 5 * 2
    )


@pytest.mark.parametrize(
    ("domain", "shape", "positions", "rows"),
    [
        ("", (2, 3, 7, 16), (2, 7), 14), ("", (2, 3, 70, 16), (2, 70), 100), ("", (2, 3, 4, 16), None, 100),
        (CONTRIB, (2, 7, 48), (2, 7), 14), (CONTRIB, (2, 7, 48), (1,), 7), (CONTRIB, (2, 3, 7, 16), (1,), 1),
    ],
)  # fmt: skip
def test_of_rotary_tables_the_rows_of_the_positions_are_read(
    domain: str, shape: tuple[int, ...], positions: tuple[int, ...] | None, rows: int
) -> None:
    """Two tables of a hundred rows of 8 float16; three operations an element."""
    tables = [parameter(name, 100, 8, dtype="float16") for name in ("cos", "sin")]
    where = None if positions is None else activation("p", *positions, dtype="int64")
    inputs = [a(*shape), where, *tables] if domain else [a(*shape), *tables, where]
    found = work("RotaryEmbedding", inputs, [y(*shape)], {}, domain)
    read = dict(found.reads)
    assert read["cos"] == read["sin"] == rows * 8 * 2
    assert [one.operations for one in found.vectors] == [3 * math.prod(shape)]


@pytest.mark.parametrize("tables", [2, 3])
def test_rows_of_all_tables_are_added_and_normalized(tables: int) -> None:
    """Words, positions, and perhaps segments: 8 tokens of 16 numbers, of which only those rows are read."""
    ids = a(1, 8, name="i", dtype="int32")
    given = [parameter(name, 100, 16) for name in ("w", "p", "s")[:tables]]
    found = work("EmbedLayerNormalization", [ids, None, *given], [y(1, 8, 16)], {}, CONTRIB)
    assert [(one.function, one.operations) for one in found.vectors] == [("add", (tables - 1) * 128), ("norm", 8 * 128)]
    assert {name: size for name, size in found.reads if name != "i"} == {tensor.name: 512 for tensor in given}


#: More cases: where an extent, an attribute or an operand is left out, is one, or is none.
EDGES = {
    "Gelu": ("", [X], [y(4, 100)], {"approximate": "tanh"}, ("tanh", 3600, 400)),
    "Gelu exact": ("", [X], [y(4, 100)], {"approximate": "none"}, ("erf", 2000, 400)),
    "Relu": ("", [X], [y(4, 100)], {"approximate": "tanh"}, ("compare", 400, 400)),
    "MultiThreshold": (QONNX, [X, parameter("t", 100, 7)], [y(4, 100)], {}, ("compare", 2800, 400)),
    "MultiThreshold of a row": (QONNX, [X, parameter("t", 7)], [y(4, 100)], {}, ("compare", 2800, 400)),
    "MultiThreshold of one": (QONNX, [X, parameter("t")], [y(4, 100)], {}, ("compare", 400, 400)),
    "MultiThreshold of none": (QONNX, [X], [y(4, 100)], {}, ("compare", 400, 400)),
    "Max of one": ("", [X], [y(4, 100)], {}, ("compare", 400, 400)),
    "Max of two": ("", [X, a(4, 100, name="b")], [y(4, 100)], {}, ("compare", 400, 400)),
    "Max of three": ("", [X, a(4, 100, name="b"), a(4, 100, name="c")], [y(4, 100)], {}, ("compare", 800, 400)),
    "Add": ("", [X, a(4, 100, name="b")], [y(4, 100)], {}, ("add", 400, 400)),
    # a square of two where QONNX says its side; of one where nobody does
    "QuantAvgPool2d": (QONNX, [IMAGE], [y(1, 2, 2, 2)], {"kernel": 2}, ("pool", 32, 8)),
    "MaxPool": ("", [IMAGE], [y(1, 2, 4, 4)], {}, ("pool", 32, 32)),
    "MaxPool of none": ("", [IMAGE], [y(1, 2, 4, 4)], {"kernel": 0}, ("pool", 32, 32)),
    "MaxPool of a line": ("", [IMAGE], [y(1, 2, 4, 4)], {"kernel_shape": (5,)}, ("pool", 160, 32)),
    "QLinearAveragePool of one": (CONTRIB, [IMAGE], [y(1, 2, 4, 4)], {}, ("pool", 160, 32)),
    "ReduceMax": ("", [X], [y(4, 1)], {}, ("reduce", 400, 4)),
    "ArgMax": ("", [X], [y(4, 1)], {}, ("reduce", 400, 4)),
    "Softmax": ("", [X], [y(4, 100)], {}, ("softmax", 2000, 400)),
    "LpNormalization": ("", [X], [y(4, 100)], {}, ("norm", 1600, 400)),
    "GroupNormalization": ("", [X], [y(2, 100)], {}, ("norm", 3200, 400)),
    "LRN of five": ("", [IMAGE], [y(1, 2, 4, 4)], {}, ("local_response", 9 * 32, 32)),
    "LRN of none": ("", [IMAGE], [y(1, 2, 4, 4)], {"size": 0}, ("local_response", 5 * 32, 32)),
    "TopK of one": ("", [X], [y(4, 1)], {}, ("sort", 400, 400)),
    "TopK of four": ("", [X], [y(4, 4)], {}, ("sort", 1200, 400)),
    "TopK of none": ("", [X], [y(4, 0)], {}, ("sort", 400, 400)),
    "TopK in all": ("", [a(8)], [y()], {}, ("sort", 8, 8)),
    "Unique of one": ("", [a(1)], [y(1)], {}, ("sort", 1, 1)),
    "Unique of seven": ("", [a(7)], [y(5)], {}, ("sort", 21, 7)),
    "Unique of eight": ("", [a(8)], [y(5)], {}, ("sort", 32, 8)),
    # 4 neighbours of two axes, 8 of three (8 products, 7 additions), 64 of three with four each; four axes at most
    "Resize three": ("", [a(1, 2, 4, 4, 4)], [y(1, 2, 8, 8, 8)], {"mode": "linear"}, ("interpolate", 15 * 1024, 1024)),
    "Resize cubic three": (
        "",
        [a(1, 2, 4, 4, 4)],
        [y(1, 2, 8, 8, 8)],
        {"mode": "cubic"},
        ("interpolate", 127 * 1024, 1024),
    ),
    "Resize cubic one": ("", [IMAGE], [y(1, 2, 4, 8)], {"mode": "cubic"}, ("interpolate", 7 * 64, 64)),
    "Resize nothing": ("", [IMAGE], [y(1, 2, 4, 4)], {"mode": "linear"}, ("interpolate", 3 * 32, 32)),
    "Resize five": ("", [a(1, 1, 1, 1, 1)], [y(2, 2, 2, 2, 2)], {"mode": "linear"}, ("interpolate", 31 * 32, 32)),
    "Resize to another rank": ("", [a(4, 4)], [y(1, 8, 8)], {"mode": "linear"}, ("interpolate", 7 * 64, 64)),
    "Resize of what is left out": (
        "",
        [None],
        [y(1, 2, 8, 8, 8)],
        {"mode": "linear"},
        ("interpolate", 15 * 1024, 1024),
    ),
    "Resize of a row left out": ("", [None], [y(8)], {"mode": "linear"}, ("interpolate", 3 * 8, 8)),
    "Upsample": ("", [IMAGE], [y(1, 2, 8, 8)], {}, ("interpolate", 128, 128)),
    "GridSample nearest": (
        "",
        [IMAGE, a(1, 3, 3, 2, name="g")],
        [y(1, 2, 3, 3)],
        {"mode": "nearest"},
        ("interpolate", 18, 18),
    ),
    "GridSample cubic": (
        "",
        [IMAGE, a(1, 3, 3, 2, name="g")],
        [y(1, 2, 3, 3)],
        {"mode": "bicubic"},
        ("interpolate", 31 * 18, 18),
    ),
    "GridSample three": (
        "",
        [a(1, 2, 4, 4, 4), a(1, 3, 3, 3, 3, name="g")],
        [y(1, 2, 3, 3, 3)],
        {},
        ("interpolate", 15 * 54, 54),
    ),
    "RoiAlign of one sample": ("", [IMAGE, a(5, 4, name="r")], [y(5, 2, 3, 3)], {}, ("interpolate", 630, 90)),
    "RoiAlign of none": (
        "",
        [IMAGE, a(5, 4, name="r")],
        [y(5, 2, 3, 3)],
        {"sampling_ratio": 0},
        ("interpolate", 630, 90),
    ),
    "Resize with a ratio": (
        "",
        [IMAGE],
        [y(1, 2, 8, 8)],
        {"mode": "linear", "sampling_ratio": 3},
        ("interpolate", 896, 128),
    ),
    # ten operations a number; a cosine and its weights
    "RandomUniformLike": ("", [X], [y(5, 4)], {}, ("random", 200, 20)),
    "HannWindow": ("", [parameter("n")], [y(64)], {}, ("trigonometric", 256, 64)),
    "Det of two": ("", [a(2, 2)], [y()], {}, ("mul", 5, 1)),
    "Det of three": ("", [a(5, 3, 3)], [y(5)], {}, ("mul", 90, 5)),
    "DynamicQuantizeLinear": ("", [X], [y(4, 100, dtype="uint8")], {}, ("quantize", 2400, 400)),
    # 5 n log2 n of 6 is 77.5 and rounded up; of one a number is itself; a longer transform is padded
    "DFT of six": ("", [a(1, 6, 2)], [y(1, 6, 2)], {}, ("fft", 78, 12)),
    "DFT of one": ("", [a(1, 1, 2)], [y(1, 1, 2)], {}, ("fft", 1, 2)),
    "DFT of two": ("", [a(1, 2, 2)], [y(1, 2, 2)], {}, ("fft", 10, 4)),
    "DFT padded": ("", [a(3, 8, 2)], [y(3, 16, 2)], {"dft_length": 16}, ("fft", 3 * 320, 96)),
    "DFT cut": ("", [a(3, 8, 2)], [y(3, 4, 2)], {"dft_length": 4}, ("fft", 3 * 120, 24)),
    "Rfft": (CONTRIB, [a(3, 8, 2)], [y(3, 8, 2)], {}, ("fft", 360, 48)),
    "Rfft of three": (CONTRIB, [a(4, 8, 5, 2)], [y(4, 8, 5, 2)], {}, ("fft", 32 * 59, 320)),
    "STFT of a length": ("", [a(1, 128, 1)], [y(1, 15, 9, 2)], {"frame_length": 16}, ("fft", 15 * 336, 270)),
    "STFT of bins": ("", [a(1, 128, 1)], [y(1, 15, 9, 2)], {}, ("fft", 15 * 336, 270)),
    "STFT longer than the signal": ("", [a(1, 8, 1)], [y(1, 1, 9, 2)], {"frame_length": 16}, ("fft", 128, 18)),
    "STFT of a number": ("", [a(1, 128, 1), None, parameter("w")], [y(1, 15, 9, 2)], {}, ("fft", 15 * 336, 270)),
    "BiasSplitGelu": (CONTRIB, [X], [y(4, 50)], {}, ("sigmoid", 600, 200)),
    "TreeEnsembleClassifier": (ONNX_ML, [a(4, 9)], [y()], {"nodes_nodeids": (0,)}, ("compare", 1, 1)),
    "TreeEnsemble of features": ("", [a(4, 9)], [y(4, 1)], {"nodes_featureids": (0,) * 7}, ("compare", 12, 4)),
    "TreeEnsemble of eight": ("", [a(4, 9)], [y(4, 1)], {"nodes_nodeids": (0,) * 8}, ("compare", 16, 4)),
    "TreeEnsemble of nothing": ("", [a(4, 9)], [y(4, 1)], {}, ("compare", 4, 4)),
    "MaxRoiPool": ("", [a(2, 3, 8, 7), a(5, 5, name="r")], [y(5, 3, 2, 2)], {}, ("pool", 5 * 3 * 56, 60)),
    "Col2Im": ("", [a(1, 9, 16)], [y(1, 1, 6, 6)], {}, ("add", 144, 36)),
}


@pytest.mark.parametrize("name", EDGES)
def test_vector_work_at_the_edges(name: str) -> None:
    domain, inputs, outputs, attributes, expected = EDGES[name]
    (found,) = work(name.partition(" ")[0], inputs, outputs, attributes, domain).vectors
    assert (found.function, found.operations, found.elements) == expected


@pytest.mark.parametrize(
    ("kept", "classes", "scores", "expected"),
    [
        (0, 1, 6, [18, 12 * 36]), (9, 1, 6, [18, 12 * 36]), (6, 2, 6, [36, 24 * 36]), (1, 2, 7, [42, 12 * 2 * 7]), (-1, 1, 1, [1, 12]),
        (3, 1, 8, [32, 12 * 24]),
    ],
)  # fmt: skip
def test_boxes_that_are_kept(kept: int, classes: int, scores: int, expected: list[int]) -> None:
    """As many as there are where no number is given, and no more."""
    boxes, told = a(1, scores, 4, name="b"), a(1, classes, scores, name="s")
    found = work("NonMaxSuppression", [boxes, told], [y(3, 3)], {"max_output_boxes_per_class": kept}).vectors
    assert [one.operations for one in found] == expected
    assert [one.elements for one in found] == [classes * scores, 4 * scores]


def test_no_boxes_are_no_work() -> None:
    found = work("NonMaxSuppression", [a(1, 0, 4, name="b"), a(1, 2, 0, name="s")], [y(0, 3)], {})
    assert found.vectors == ()
    with pytest.raises(ModelError, match="input 1 is missing"):
        work("NonMaxSuppression", [a(1, 4, name="b")], [y(0, 3)], {})


def test_a_random_number_reads_nothing_of_its_example() -> None:
    found = work("RandomNormalLike", [X, a(3, name="other")], [y(5, 4)], {})
    assert dict(found.reads) == {"x": 0, "other": 12}


@pytest.mark.parametrize(("tables", "added"), [((), 0), (("w",), 0), (("w", "p", "s"), 256)])
def test_rows_of_tables_that_are_smaller_than_what_is_asked(tables: tuple[str, ...], added: int) -> None:
    """A table of two rows is read once, not eight times."""
    given = [parameter(name, 2, 16, dtype="float16") for name in tables]
    found = work(
        "EmbedLayerNormalization", [a(1, 8, name="i", dtype="int32"), None, *given], [y(1, 8, 16)], {}, CONTRIB
    )
    expected = [("add", added, 128)] if added else []
    assert [(one.function, one.operations, one.elements) for one in found.vectors] == [
        *expected,
        ("norm", 8 * 128, 128),
    ]
    assert {name: size for name, size in found.reads if name != "i"} == dict.fromkeys(tables, 64)
    with pytest.raises(ModelError, match="needs at least 3"):
        work("EmbedLayerNormalization", [a(8, name="i")], [y(8, 16)], {}, CONTRIB)


@pytest.mark.parametrize(("op", "place"), [("SkipLayerNormalization", 4), ("SkipSimplifiedLayerNormalization", 3)])
def test_where_a_bias_of_a_residual_stands(op: str, place: int) -> None:
    for at in range(2, 6):
        inputs = [X, a(4, 100, name="r"), *[None] * (at - 2), parameter("b", 100)]
        first, second = work(op, inputs, [y(4, 100)], {}, CONTRIB).vectors
        assert (first.function, first.operations, first.elements) == ("add", 800 if at == place else 400, 400)
        assert (second.function, second.operations, second.elements) == (
            "norm",
            1600 if "Simplified" in op else 3200,
            400,
        )


def test_rows_of_rotary_tables_are_packed() -> None:
    """Of tables of two dims only; of 3 rows of 7 numbers of four bits eleven bytes."""
    tables = [parameter("cos", 3, 7, dtype="int4"), parameter("sin", 1, 3, 7, dtype="int4")]
    found = work("RotaryEmbedding", [a(1, 2, 3, 14), *tables], [y(1, 2, 3, 14)], {})
    assert dict(found.reads)["cos"] == 11 and dict(found.reads)["sin"] == tables[1].bytes
    assert [(one.function, one.elements) for one in found.vectors] == [("mul", 84)]
