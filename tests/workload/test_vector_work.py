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
