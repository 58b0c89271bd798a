"""Matrix products and Einsum against numpy and a walk over the indices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import ModelError
from hwsim.graph import Tensor
from tests.workload import naive
from tests.workload.single import activation, parameter, work

sizes = st.integers(1, 4)


@st.composite
def operands(draw):
    """Two shapes that numpy can multiply, broadcast or not, vectors too."""
    rows, reduction, columns = draw(sizes), draw(sizes), draw(sizes)
    batch = draw(st.lists(sizes, max_size=2))
    kept = [draw(st.lists(st.booleans(), min_size=len(batch), max_size=len(batch))) for _ in range(2)]
    left = [size if keep else 1 for size, keep in zip(batch, kept[0], strict=True)]
    right = [size if keep else 1 for size, keep in zip(batch, kept[1], strict=True)]
    left, right = left[draw(st.integers(0, len(left))) :], right[draw(st.integers(0, len(right))) :]
    a = (reduction,) if draw(st.booleans()) and not left else (*left, rows, reduction)
    b = (reduction,) if draw(st.booleans()) and not right else (*right, reduction, columns)
    return a, b


@given(operands(), st.booleans())
def test_matmul_counts_what_numpy_multiplies(shapes, weight):
    a, b = shapes
    out = np.matmul(np.ones(a), np.ones(b)).shape
    second = Tensor("b", b, "float32", "parameter" if weight else "activation")
    found = work("MatMul", [activation("a", *a), second], [activation("y", *out)])
    assert found.macs == naive.matmul(a, b)
    (nest,) = found.nests
    assert nest.elements[2] == int(np.prod(out))
    assert nest.elements[1] == int(np.prod(b))
    assert nest.weight_role == ("parameter" if weight else "activation")


def test_a_weight_shared_by_a_batch_is_more_rows():
    (nest,) = work("MatMul", [activation("a", 8, 12, 64), parameter("b", 64, 32)], [activation("y", 8, 12, 32)]).nests
    assert (nest.g, nest.p, nest.c, nest.k) == (1, 96, 64, 32)


def test_heads_are_groups():
    q, k = activation("q", 2, 4, 16, 8), activation("k", 2, 4, 8, 16)
    (nest,) = work("MatMul", [q, k], [activation("y", 2, 4, 16, 16)]).nests
    assert (nest.g, nest.p, nest.c, nest.k, nest.weight_role) == (8, 16, 8, 16, "activation")


def test_a_weight_on_the_left_is_still_the_weight():
    w, x = parameter("w", 16, 64, dtype="int4"), activation("x", 2, 64, 10, dtype="float16")
    (nest,) = work("MatMul", [w, x], [activation("y", 2, 16, 10, dtype="float16")]).nests
    assert (nest.macs, nest.k, nest.weight.dtype, nest.input.dtype) == (2 * 16 * 64 * 10, 16, "int4", "float16")
    assert nest.accumulator.dtype == "float32"


@given(sizes, sizes, sizes, st.booleans(), st.booleans())
def test_gemm(m, k, n, turn_a, turn_b):
    a = activation("a", *((k, m) if turn_a else (m, k)))
    b = parameter("b", *((n, k) if turn_b else (k, n)))
    attributes = {"transA": int(turn_a), "transB": int(turn_b)}
    for op, inputs in (("Gemm", [a, b, parameter("c", n)]), ("QGemm", [a, None, None, b])):
        found = work(op, inputs, [activation("y", m, n)], attributes, "com.microsoft" if op == "QGemm" else "")
        assert found.macs == naive.matmul((m, k), (k, n))


@st.composite
def equations(draw):
    letters = "abcde"
    extents = {letter: draw(st.integers(1, 3)) for letter in letters}
    left = "".join(draw(st.lists(st.sampled_from(letters), min_size=1, max_size=4, unique=True)))
    right = "".join(draw(st.lists(st.sampled_from(letters), min_size=1, max_size=4, unique=True)))
    together = sorted(set(left + right))
    result = "".join(draw(st.permutations(together))[: draw(st.integers(0, len(together)))])
    return f"{left},{right}->{result}", extents


@given(equations())
def test_einsum_of_two_counts_every_assignment_of_its_indices(drawn):
    equation, extents = drawn
    terms, result = equation.split("->")
    a, b = (tuple(extents[index] for index in term) for term in terms.split(","))
    out = tuple(extents[index] for index in result)
    found = work("Einsum", [activation("a", *a), activation("b", *b)], [activation("y", *out)], {"equation": equation})
    assert found.macs == naive.einsum(equation, extents)


def test_einsum_forms():
    a, b = activation("a", 2, 3, 5, 4), activation("b", 2, 3, 4, 6)
    y = activation("y", 2, 3, 5, 6)
    found = work("Einsum", [a, b], [y], {"equation": "...ij, ...jk -> ...ik"})
    assert (found.macs, found.nests[0].g) == (2 * 3 * 5 * 4 * 6, 6)
    assert (
        work(
            "Einsum", [activation("a", 5, 4), activation("b", 4, 6)], [activation("y", 5, 6)], {"equation": "ij,jk"}
        ).macs
        == 120
    )
    three = work(
        "Einsum",
        [activation("a", 2, 3), activation("b", 3, 4), activation("c", 4, 5)],
        [activation("y", 2, 5)],
        {"equation": "ij,jk,kl->il"},
    )
    assert three.macs == 2 * 3 * 4 + 2 * 4 * 5
    turned = work("Einsum", [activation("a", 2, 3)], [activation("y", 3, 2)], {"equation": "ij->ji"})
    assert turned.macs == 0 and turned.moves
    trace = work("Einsum", [activation("a", 3, 3)], [activation("y")], {"equation": "ii->"})
    assert trace.vectors[0].function == "reduce"


@pytest.mark.parametrize("equation", ["ij->ij", "ijk,jk->i", "ij,jk->iz"])
def test_an_equation_that_does_not_fit_names_the_node(equation):
    with pytest.raises(ModelError, match="node 'node': Einsum"):
        work("Einsum", [activation("a", 2, 3), activation("b", 3, 4)], [activation("y", 2)], {"equation": equation})


def test_packed_weights_of_a_few_bits():
    x, y = activation("x", 3, 5, 64, dtype="float16"), activation("y", 3, 5, 48, dtype="float16")
    blob, scales = (
        Tensor("w", (48, 2, 16), "uint8", "parameter", learned=48 * 64),
        Tensor("s", (96,), "float16", "constant"),
    )
    attributes = {"K": 64, "N": 48, "bits": 4, "block_size": 32}
    found = work("MatMulNBits", [x, blob, scales], [y], attributes, "com.microsoft")
    (nest,) = found.nests
    assert (found.macs, nest.weight.bits, nest.accumulator.dtype) == (15 * 64 * 48, 4, "float32")
    assert dict(found.reads) == {"x": x.bytes, "w": 48 * 64 // 2, "s": 192}


def test_fused_matmul_swaps_the_last_dims():
    a, b = activation("a", 2, 8, 5), activation("b", 2, 6, 8)
    found = work("FusedMatMul", [a, b], [activation("y", 2, 5, 6)], {"transA": 1, "transB": 1}, "com.microsoft")
    assert found.macs == 2 * 5 * 8 * 6


def test_dynamic_quantization_multiplies_integers():
    x, w = activation("x", 4, 16), parameter("w", 16, 8, dtype="int8")
    found = work("DynamicQuantizeMatMul", [x, w], [activation("y", 4, 8)], domain="com.microsoft")
    (nest,) = found.nests
    assert (nest.input.dtype, nest.weight.dtype, nest.accumulator.dtype, nest.output.dtype) == (
        "uint8",
        "int8",
        "int32",
        "float32",
    )
    # the range (two comparisons) and four operations an element on the way in, a factor and an offset on the way out
    assert [(op.function, op.operations, op.elements) for op in found.vectors] == [
        ("quantize", 6 * 64, 64), ("dequantize", 2 * 32, 32),
    ]  # fmt: skip
    scaled = work(
        "MatMulIntegerToFloat",
        [activation("x", 4, 16, dtype="uint8"), w],
        [activation("y", 4, 8)],
        domain="com.microsoft",
    )
    assert [(op.function, op.operations) for op in scaled.vectors] == [("dequantize", 64)]


@pytest.mark.parametrize(("bits", "kept"), [(None, 4), (2, 2), (8, 8), (1, 1), (0, 1), (16, 8)])
def test_blocks_of_a_few_bits_are_weights(bits, kept):
    """16 rows of 32 by 24 columns, which the attributes say, or else the operands."""
    x, blob = activation("x", 2, 8, 32), parameter("b", 24, 1, 16, dtype="uint8")
    for attributes in ({"K": 32, "N": 24}, {}):
        given = attributes if bits is None else {**attributes, "bits": bits}
        (nest,) = work(
            "MatMulNBits", [x, blob, parameter("s", 24)], [activation("y", 2, 8, 24)], given, "com.microsoft"
        ).nests
        assert (nest.p, nest.k, nest.c, nest.weight.bits, nest.input.dtype) == (16, 24, 32, kept, "float32")


def test_one_bit_products():
    a, b = activation("a", 4, 16), parameter("b", 16, 8)
    (nest,) = work("XnorPopcountMatMul", [a, b], [activation("y", 4, 8)], domain="qonnx.custom_op.general").nests
    assert (nest.macs, nest.input.bits, nest.weight.bits) == (4 * 16 * 8, 1, 1)


@pytest.mark.parametrize(("a", "b"), [((3, 4), (5, 6)), ((2, 3, 4), (3, 4, 5))])
def test_shapes_that_do_not_multiply_name_the_node(a, b):
    with pytest.raises(ModelError, match=r"node 'node': MatMul: .* differ"):
        work("MatMul", [activation("a", *a), activation("b", *b)], [activation("y", 3, 6)])


def test_products_of_contrib_domains():
    a, b, scale = activation("a", 2, 4, 16, dtype="int8"), parameter("b", 16, 8, dtype="int8"), activation("s")
    found = work(
        "QOrderedMatMul", [a, scale, b, scale, scale], [activation("y", 2, 4, 8, dtype="int8")], domain="com.microsoft"
    )
    assert found.macs == 8 * 16 * 8 and found.nests[0].accumulator.dtype == "int32"
    pairs = work(
        "CDist", [activation("a", 5, 3), activation("b", 7, 3)], [activation("y", 5, 7)], domain="com.microsoft"
    )
    assert pairs.macs == 0 and pairs.vectors[0].operations == 3 * 35 * 3


def test_a_chain_of_einsum_goes_from_the_left_with_the_operands_own_types():
    """abc = a·b then ·c: the first product reads the first two operands, the second what they made and the third."""
    a, b, c = activation("a", 5, 4, dtype="int8"), activation("b", 4, 6, dtype="float16"), activation("c", 6, 7)
    found = work("Einsum", [a, b, c], [activation("y", 5, 7)], {"equation": "ij,jk,kl->il"})
    first, second = found.nests
    assert (first.input.dtype, first.weight.dtype, second.weight.dtype) == ("int8", "float16", "float32")
    assert (first.macs, second.macs) == (5 * 4 * 6, 5 * 6 * 7)
    assert first.input.dtype == second.input.dtype  # what is made in between has the type of the left operand


def test_an_einsum_of_one_is_a_sum_or_a_move():
    x = activation("x", 3, 4, 5)
    for equation, shape, added in (
        ("ijk->ij", (3, 4), 60),
        ("ijk->", (), 60),
        ("ijk->kji", (5, 4, 3), 0),
        ("ijk", (3, 4, 5), 0),
    ):
        found = work("Einsum", [x], [activation("y", *shape)], {"equation": equation})
        size = 1
        for length in shape:
            size *= length
        assert [(op.function, op.operations, op.elements) for op in found.vectors] == (
            [("reduce", added, size)] if added else []
        )
        assert bool(found.moves) == (added == 0) and found.macs == 0


def test_indices_of_an_einsum_are_groups_rows_columns_or_reduced():
    """b stands in all, i and j in the first only, k in the second, and n in the first but not in the result."""
    first, second = activation("a", 2, 3, 4, 5, 6), activation("b", 2, 5, 7)
    for equation in ("bijcn,bck->bijk", "bijcn, bck -> kjib"):
        shape = (2, 3, 4, 7) if equation.endswith("ijk") else (7, 4, 3, 2)
        (nest,) = work("Einsum", [first, second], [activation("y", *shape)], {"equation": equation}).nests
        assert (nest.g, nest.p, nest.c, nest.k) == (2, 12, 5 * 6, 7)
    chain = work(
        "Einsum",
        [activation("a", 2, 3), None, activation("b", 3, 4), activation("c", 4, 3, 5)],
        [activation("y", 2, 5)],
        {"equation": "ij,jk,kjl->il"},
    )  # what a later operand asks for is kept
    assert [(nest.g, nest.p, nest.c, nest.k) for nest in chain.nests] == [(3, 2, 1, 4), (1, 2, 12, 5)]


@pytest.mark.parametrize("op", ["Gemm", "FusedGemm", "GemmFastGelu", "MatMul", "FusedMatMulActivation"])
@pytest.mark.parametrize("name", [None, "none", "Relu", "Softplus", "Wat"])
def test_activations_behind_a_product(op, name):
    """By an attribute; of the one that has it in its name unless another is given; what nobody knows is one comparison."""
    given = {} if name is None else {"activation": name}
    found = work(
        op,
        [activation("a", 3, 5), parameter("b", 5, 4)],
        [activation("y", 3, 4)],
        given,
        "" if op in ("Gemm", "MatMul") else "com.microsoft",
    )
    each = {
        None: ("erf", 5) if op == "GemmFastGelu" else None,
        "none": None,
        "Relu": ("compare", 1),
        "Softplus": ("log", 3),
        "Wat": ("compare", 1),
    }
    expected = [(each[name][0], each[name][1] * 12, 12)] if each[name] else []
    assert [(one.function, one.operations, one.elements) for one in found.vectors] == expected and found.macs == 60


def test_where_integer_products_have_their_operands():
    """Behind scales and zero points; results are requantized in four operations."""
    a, b, s = activation("a", 3, 5, dtype="uint8"), parameter("b", 5, 4, dtype="int8"), parameter("s")
    for op, inputs, domain in (
        ("QLinearMatMul", [a, s, s, b, s, s, s, s], ""), ("QOrderedMatMul", [a, s, b, s, s], "com.microsoft"),
    ):  # fmt: skip
        found = work(op, inputs, [activation("y", 3, 4, dtype="uint8")], {}, domain)
        assert [(one.function, one.operations, one.elements) for one in found.vectors] == [("quantize", 48, 12)]
        (nest,) = found.nests
        assert (nest.p, nest.c, nest.k, nest.input.dtype, nest.weight.dtype, nest.output.dtype) == (
            3,
            5,
            4,
            "uint8",
            "int8",
            "uint8",
        )
        for wrong in (0, inputs.index(b)):
            flat = [None if place == wrong else tensor for place, tensor in enumerate(inputs)]
            with pytest.raises(ModelError, match=f"input {wrong} is missing"):
                work(op, flat, [activation("y", 3, 4)], {}, domain)


@pytest.mark.parametrize(
    ("a", "b", "given", "nest"),
    [
        ((2, 5, 8), (2, 8, 6), {}, (2, 5, 8, 6)), ((2, 8, 5), (2, 8, 6), {"transA": 1}, (2, 5, 8, 6)),
        ((2, 5, 8), (2, 6, 8), {"transB": 1}, (2, 5, 8, 6)), ((5, 2, 8), (2, 8, 6), {"transBatchA": 1}, (2, 5, 8, 6)),
        ((2, 5, 8), (8, 2, 6), {"transBatchB": 1}, (2, 5, 8, 6)), ((8, 2, 5), (2, 8, 6), {"transA": 1, "transBatchA": 1}, (2, 5, 8, 6)),
        ((5, 8), (8, 6), {"transBatchA": 1, "transBatchB": 1}, (1, 5, 8, 6)), ((8,), (8, 6), {"transA": 1}, (1, 1, 8, 6)),
        ((7, 3, 5, 8), (3, 5, 8, 6), {"transBatchA": 1}, (15, 7, 8, 6)), ((7, 3, 5, 8), (7, 3, 8, 6), {}, (21, 5, 8, 6)),
    ],
)  # fmt: skip
def test_operands_that_a_fused_product_turns(a, b, given, nest):
    (found,) = work(
        "FusedMatMul",
        [activation("a", *a), parameter("b", *b)],
        [activation("y", *nest[:2], nest[3])],
        given,
        "com.microsoft",
    ).nests
    assert (found.g, found.p, found.c, found.k) == nest


def test_zeros_follow_a_matrix_that_is_turned():
    """Counted along rows and columns; of a stack of matrices that is turned they say nothing."""
    weight = Tensor("b", (4, 5), "int8", "parameter", 0.5, nonzeros=((1, 2, 3, 4), (2,) * 5))
    (nest,) = work("Gemm", [activation("a", 3, 4), weight], [activation("y", 3, 5)]).nests
    assert nest.weight.nonzeros == (2,) * 5
    (nest,) = work("Gemm", [activation("a", 3, 5), weight], [activation("y", 3, 4)], {"transB": 1}).nests
    assert nest.weight.nonzeros == (1, 2, 3, 4) and nest.weight.density == 0.5 and nest.weight_role == "parameter"
    stack = Tensor("b", (2, 4, 5), "int8", "parameter", 0.5, nonzeros=((1, 2), (2,) * 5))
    (nest,) = work(
        "FusedMatMul", [activation("a", 2, 3, 5), stack], [activation("y", 2, 3, 4)], {"transB": 1}, "com.microsoft"
    ).nests
    assert nest.weight.nonzeros == () and nest.weight.density == 0.5


def test_vectors_in_products_and_dims_that_broadcast():
    for a, b, nest in (
        ((5,), (5,), (1, 1, 5, 1)), ((5,), (2, 5, 4), (1, 1, 5, 8)), ((3, 2, 6, 5), (5,), (1, 36, 5, 1)),
        ((2, 1, 6, 5), (3, 5, 4), (1, 12, 5, 12)),
        ((2, 3, 6, 5), (3, 5, 4), (3, 12, 5, 4)), ((2, 3, 6, 5), (2, 1, 5, 4), (2, 18, 5, 4)), ((1, 6, 5), (1, 5, 4), (1, 6, 5, 4)),
    ):  # fmt: skip
        (found,) = work("MatMul", [activation("a", *a), activation("b", *b)], [activation("y", 1)]).nests
        assert (found.g, found.p, found.c, found.k) == nest
    for a, b, message in (
        ((3, 4), (5, 6), r"\[3, 4\] times \[5, 6\]: the reduced dims 4 and 5 differ"),
        ((2, 3, 4), (3, 4, 5), r"\[2, 3, 4\] times \[3, 4, 5\]: batch dims 2 and 3 differ"),
        ((4,), (5,), "the reduced dims 4 and 5 differ"),
    ):  # fmt: skip
        with pytest.raises(ModelError, match=message):
            work("MatMul", [activation("a", *a), activation("b", *b)], [activation("y", 1)])
    with pytest.raises(ModelError, match=r"needs two matrices, has \[2, 3, 4\] and \[4, 5\]"):
        work("Gemm", [activation("a", 2, 3, 4), parameter("b", 4, 5)], [activation("y", 2, 3, 5)])
    with pytest.raises(ModelError, match=r"needs two matrices, has \[3, 4\] and \[2, 4, 5\]"):
        work("Gemm", [activation("a", 3, 4), parameter("b", 2, 4, 5)], [activation("y", 2, 3, 5)])


def test_products_of_few_bits_with_whole_numbers_of_them():
    """Where neither K nor N is said: the last dims of the operand and of the result; none of an operand without any."""
    blob = parameter("b", 24, 1, 16, dtype="uint8")
    for x, y, told, nest in (
        ((32,), (24,), {}, (1, 32, 24)), ((2, 8, 32), (2, 8, 24), {"K": 16}, (16, 16, 24)), ((2, 8, 32), (2, 8, 24), {"N": 7}, (16, 32, 7)),
        ((3, 32), (), {}, (3, 32, 1)),
    ):  # fmt: skip
        (found,) = work("MatMulNBits", [activation("x", *x), blob], [activation("y", *y)], told, "com.microsoft").nests
        assert (found.p, found.c, found.k) == nest and found.accumulator.dtype == "float32" and found.n == found.g == 1
    assert work("MatMulNBits", [activation("x", 3, 0), blob], [activation("y", 3, 24)], {}, "com.microsoft").nests == ()


def test_linear_models_and_pairs_of_rows():
    for shape, out, operations in (((4, 9), (4, 3), 2 * 36 * 3), ((9,), (3,), 2 * 9 * 3), ((0, 9), (0, 3), 0)):
        found = work("LinearRegressor", [activation("x", *shape)], [activation("y", *out)], {}, "ai.onnx.ml")
        assert [(one.function, one.operations) for one in found.vectors] == (
            [("mul", operations)] if operations else []
        )
    found = work(
        "CDist", [activation("a", 5, 3), activation("b", 7, 3)], [activation("y", 5, 7)], domain="com.microsoft"
    )
    assert [(one.function, one.operations, one.elements) for one in found.vectors] == [("mul", 3 * 35 * 3, 35)]
    one = work(
        "XnorPopcountMatMul",
        [activation("a", 2, 4, 16), activation("b", 2, 16, 8)],
        [activation("y", 2, 4, 8)],
        {},
        "qonnx.custom_op.general",
        repeat=3,
    )
    (nest,) = one.nests
    assert (nest.g, nest.p, nest.c, nest.k, nest.repeat, nest.weight_role) == (2, 4, 16, 8, 3, "activation")
    assert (nest.input.dtype, nest.weight.dtype, nest.output.dtype, nest.accumulator.dtype) == (
        "int1",
        "int1",
        "float32",
        "int32",
    )
