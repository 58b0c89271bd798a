"""What handlers ask a layer for: operands, attributes of any type, and the nests that products make."""

from __future__ import annotations

from typing import Any

import pytest

from hwsim.errors import ModelError
from hwsim.graph import Layer, Tensor
from hwsim.workload.call import (
    Call,
    accumulator,
    bytes_of,
    extent,
    operand,
    operand_type,
    product,
    stored_ahead,
    vector,
)
from tests.workload.single import activation, parameter


def _call(**attributes: Any) -> Call:
    layer = Layer("node", "Op", ("x", "", "z"), ("", "y"), attributes)
    return Call(layer, (activation("x", 2, 3), None, activation("z")), (None, activation("y", 4)))


def test_operands_by_position() -> None:
    call = _call()
    assert [tensor and tensor.name for tensor in map(call.input, range(4))] == ["x", None, "z", None]
    assert [tensor and tensor.name for tensor in map(call.output, range(3))] == [None, "y", None]
    assert call.need(0, 2).name == "x" and call.need(2).name == "z" and call.result(1).name == call.result().name == "y"
    for ask, words in (
        (lambda: call.need(1), "input 1 is missing"), (lambda: call.need(3), "input 3 is missing"),
        (lambda: call.need(0, 3), "input 'x' has 2 dims, needs at least 3"),
        (lambda: call.need(2, 1), "input 'z' has 0 dims, needs at least 1"),
        (lambda: call.result(2), "output 'y' has 1 dims, needs at least 2"),
        (lambda: call._replace(outputs=(None,)).result(), "has no result"),
    ):  # fmt: skip
        with pytest.raises(ModelError, match=f"^node 'node': Op: {words}$"):
            ask()


def test_attributes_of_any_type_are_the_number_or_text_that_they_can_be() -> None:
    """The first of a tuple; else what is the default: zero, no text, no numbers."""
    call = _call(one=7, part=2.9, many=(5, 6), parts=(1.5, 2.5), none=(), word="abc", words=("de", "f"))
    names = ("one", "part", "many", "parts", "none", "word", "words", "absent")
    assert [call.integer(name) for name in names] == [7, 2, 5, 1, 0, 0, 0, 0]
    assert [call.integer(name, 3) for name in names] == [7, 2, 5, 1, 3, 3, 3, 3]
    assert [call.integers(name) for name in names[:6]] == [(7,), (2,), (5, 6), (1, 2), (), ()]
    assert call.integers("absent") == ()
    assert [call.text(name) for name in names] == ["", "", "", "", "", "abc", "de", ""]
    assert [call.text(name, "q") for name in names] == ["q", "q", "q", "q", "q", "abc", "de", "q"]


def test_products_sum_in_what_their_operands_ask_for() -> None:
    types = {name: operand_type(name) for name in ("int8", "uint4", "float32", "float16", "float64", "bool")}
    for first, second, sums in (
        ("int8", "uint4", "int32"), ("int8", "float16", "float32"), ("float16", "int8", "float32"), ("float64", "int8", "float64"),
        ("int8", "float64", "float64"), ("float32", "float16", "float32"), ("bool", "bool", "float32"),
    ):  # fmt: skip
        assert accumulator(types[first], types[second]).dtype == sums
    assert operand_type("int8") is types["int8"] and types["int8"].density == 1.0


def test_zeros_are_told_of_tensors_that_have_some() -> None:
    """Counts along the first axis or the last, for weights only; a dense tensor is just its type."""
    some = Tensor("w", (2, 3), "int8", "parameter", 0.5, nonzeros=((2, 1), (1, 1, 1)))
    assert operand(parameter("d", 2, 3)) == operand_type("float32")
    for outputs, counts in ((None, ()), (0, (2, 1)), (-1, (1, 1, 1))):
        found = operand(some, outputs)  # type: ignore[arg-type]
        assert (found.dtype, found.density, found.nonzeros) == ("int8", 0.5, counts)
    uncounted = Tensor("w", (2, 3), "int8", "parameter", 0.5)
    assert operand(uncounted, -1).nonzeros == () and operand(uncounted, 0).density == 0.5
    full = Tensor("w", (2, 3), "int8", "parameter", 1.0, nonzeros=((3, 3), (2, 2, 2)))
    assert operand(full, 0).nonzeros == ()


def test_the_operand_that_is_known_ahead_is_the_weight() -> None:
    """Rows and columns change places where it stands on the left; its outputs are then along its first axis, else along its last."""
    known = Tensor("w", (4, 5), "int8", "parameter", 0.5, nonzeros=((1, 2, 3, 4), (2,) * 5))
    also = Tensor("v", (4, 5), "int8", "constant", 0.25, nonzeros=((1,) * 4, (3,) * 5))
    runs = activation("x", 4, 5, dtype="float16")
    out = operand_type("float32")
    for left, right, expected in (
        (runs, known, (6, 3, 4, 5, "float16", "int8", (2,) * 5, "parameter")),
        (known, runs, (6, 5, 4, 3, "float16", "int8", (1, 2, 3, 4), "parameter")),
        (known, also, (6, 3, 4, 5, "int8", "int8", (3,) * 5, "parameter")),
        (runs, runs, (6, 3, 4, 5, "float16", "float16", (), "activation")),
    ):
        (nest,) = product(left, right, out, groups=6, rows=3, reduction=4, columns=5, repeat=2)
        assert (
            nest.g, nest.p, nest.c, nest.k, nest.input.dtype, nest.weight.dtype, nest.weight.nonzeros, nest.weight_role,
        ) == expected  # fmt: skip
        assert (nest.repeat, nest.output, nest.n, nest.q, nest.s, nest.r) == (2, out, 1, 1, 1, 1)
        assert nest.input.nonzeros == () and nest.macs == 6 * 3 * 4 * 5 * 2
    assert stored_ahead(also) and not stored_ahead(runs)
    for empty in ("groups", "rows", "reduction", "columns", "repeat"):
        sizes = {**dict.fromkeys(("groups", "rows", "reduction", "columns"), 2), empty: 0}
        assert product(runs, known, out, **sizes) == ()
    assert product(runs, known, out, groups=1, rows=1, reduction=1, columns=1)[0].repeat == 1


def test_small_counts() -> None:
    assert [len(vector("add", count, 5)) for count in (-1, 0, 1)] == [0, 0, 1]
    (one,) = vector("add", 3, 5)
    assert (one.function, one.operations, one.elements) == ("add", 3, 5)
    packed = activation("x", 9, dtype="int4")
    assert [bytes_of(packed, count) for count in (0, 1, 2, 3, 9, 11)] == [0, 1, 1, 2, 5, 5]
    assert [extent((2, 3, 5)), extent((2, 3, 5), 1), extent((2, 3, 5), 0, 2), extent((2, 3, 5), 3)] == [30, 15, 6, 1]
