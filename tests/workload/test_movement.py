"""Bytes of data that move: what is read of tables and operands, what is written, and the little that is computed on the way."""

from __future__ import annotations

import pytest

from hwsim.workload import Work
from tests.workload.single import activation, parameter, work

CONTRIB = "com.microsoft"


def _told(found: Work) -> tuple[dict[str, int], dict[str, int], list[tuple[str, int, int]]]:
    """Bytes read, bytes written, and vector work."""
    return (
        dict(found.reads),
        dict(found.writes),
        [(one.function, one.operations, one.elements) for one in found.vectors],
    )


def test_of_what_is_cut_only_what_comes_out_is_read() -> None:
    x = activation("x", 10, 8)
    halves = [activation("a", 3, 8), activation("b", 4, 8)]
    found = work("Split", [x], halves, {"axis": 0})
    reads, writes, vectors = _told(found)
    assert (reads, writes, vectors) == ({"x": 7 * 8 * 4}, {"a": 3 * 8 * 4, "b": 4 * 8 * 4}, [])
    assert [(move.read_bytes, move.write_bytes) for move in found.moves] == [(7 * 8 * 4, 7 * 8 * 4)]


def test_of_a_table_only_the_gathered_rows_are_read() -> None:
    table, rows = parameter("t", 1000, 16, dtype="float16"), activation("i", 5, dtype="int64")
    reads, writes, vectors = _told(work("Gather", [table, rows], [activation("y", 5, 16, dtype="float16")]))
    assert (reads, writes, vectors) == ({"t": 5 * 16 * 2, "i": 40}, {"y": 5 * 16 * 2}, [])
    bag = work("EmbeddingBag", [table, activation("i", 12, dtype="int64")], [activation("y", 3, 16)], {}, "")
    assert dict(bag.reads)["t"] == 12 * 16 * 2
    assert [(one.function, one.operations, one.elements) for one in bag.vectors] == [("add", 12 * 16, 48)]


@pytest.mark.parametrize(
    ("dtype", "given", "bits"), [("uint8", {}, 4), ("uint8", {"bits": 8}, 8), ("int4", {"bits": 8}, 4)]
)
def test_gathered_blocks_are_as_wide_as_they_are_packed(dtype: str, given: dict[str, int], bits: int) -> None:
    """Bytes hold two numbers of four bits unless the node says otherwise; an offset and a factor each."""
    table, rows = parameter("t", 1000, 8, dtype=dtype), activation("i", 5, dtype="int64")
    found = work(
        "GatherBlockQuantized", [table, rows, parameter("s", 1000, 1)], [activation("y", 5, 16)], given, CONTRIB
    )
    reads, _, vectors = _told(found)
    assert reads["t"] == 5 * 16 * bits // 8 and vectors == [("dequantize", 2 * 80, 80)]


@pytest.mark.parametrize(
    ("op", "updates", "attributes", "added"),
    [
        ("ScatterND", 2, {}, 0), ("ScatterND", 2, {"reduction": "add"}, 30), ("ScatterElements", 2, {"reduction": "mul"}, 30),
        ("TensorScatter", 1, {}, 0), ("TensorScatter", 1, {"reduction": "add"}, 30),
    ],
)  # fmt: skip
def test_updates_are_written_over_what_is_copied(op: str, updates: int, attributes: dict[str, str], added: int) -> None:
    """A copy of 80 numbers; 30 updates are operations only where they are reduced into it."""
    where = activation("i", 3, 1, dtype="int64")
    inputs = [activation("x", 8, 10), where, where]
    inputs[updates] = activation("u", 3, 10)
    found = work(op, inputs, [activation("y", 8, 10)], attributes)
    assert sum(one.operations for one in found.vectors) == added
    reads, writes, _ = _told(found)
    assert reads["x"] == writes["y"] == 320 and reads["u"] == 120


def test_what_is_spread_out_is_read_once_and_what_says_how_hardly_at_all() -> None:
    shape = activation("s", 4, dtype="int64")
    reads, writes, _ = _told(work("Expand", [activation("x", 1, 8), shape], [activation("y", 100, 8)]))
    assert (reads["x"], writes["y"]) == (32, 3200)
    for op, inputs in (("ConstantOfShape", [shape]), ("Range", [activation("a", dtype="int64")] * 3)):
        found = work(op, inputs, [activation("y", 100, 8)])
        assert sum(dict(found.reads).values()) <= 64 and dict(found.writes) == {"y": 3200} and not found.vectors


def test_elements_that_are_rescaled_or_added_on_their_way() -> None:
    one, y = activation("x", 4, 10, dtype="uint8"), activation("y", 8, 10, dtype="uint8")
    scale, zero = parameter("s"), parameter("z", dtype="uint8")
    found = work("QLinearConcat", [scale, zero, one, scale, zero, one, scale, zero], [y], {"axis": 0}, CONTRIB)
    assert _told(found)[2] == [("quantize", 6 * 80, 80)]
    folded = work(
        "Col2Im", [activation("x", 1, 9, 16), parameter("i", 2), parameter("b", 2)], [activation("y", 1, 1, 6, 6)]
    )
    assert _told(folded)[2] == [("add", 144, 36)]


@pytest.mark.parametrize(
    ("op", "inputs", "out", "given", "reads", "vectors"),
    [
        ("Transpose", ["float32 4 6"], (6, 4), {}, {"a": 96}, []),
        ("Concat", ["float32 4 6", "int8 2 6"], (6, 6), {}, {"a": 96, "b": 12}, []),
        ("Slice", ["int4 5 3", "int64 2"], (1, 3), {}, {"a": 2, "b": 16}, []),
        ("Slice", ["int4 5"], (9,), {}, {"a": 3}, []),  # never more than all of it
        ("Gather", ["int4 100 3", "int64 1"], (1, 3), {}, {"a": 2, "b": 8}, []),
        ("GatherBlockQuantized", ["uint8 1000 8", "int64 5"], (5, 3), {"bits": 3}, {"a": 6, "b": 40}, [("dequantize", 30, 15)]),
        ("GatherBlockQuantized", ["uint8 2 2", "int64 5"], (5, 3), {}, {"a": 4, "b": 40}, [("dequantize", 30, 15)]),
        ("GatherBlockQuantized", ["uint8 0 2", "int64 5"], (5, 3), {}, {"a": 0, "b": 40}, [("dequantize", 30, 15)]),
        ("Expand", ["float32 1 8", "int64 2"], (100, 8), {}, {"a": 32, "b": 16}, []),
        ("Range", ["float32 20", "int64", "int64"], (5,), {}, {"a": 64, "b": 8, "c": 8}, []),
        ("Range", ["float32 15"], (5,), {}, {"a": 60}, []),
        ("OneHot", ["int64 100", "int64", "float32 2"], (100, 7), {}, {"a": 64, "b": 8, "c": 8}, []),
        ("Range", [None, "int64"], (5,), {}, {"b": 8}, []),
        ("EmbeddingBag", ["int4 100 3", "int64 5"], (2, 3), {}, {"a": 8, "b": 40}, [("add", 15, 6)]),
        ("QLinearConcat", ["uint8 4 6", "float32"], (8, 6), {}, {"a": 24, "b": 4}, [("quantize", 288, 48)]),
        ("MaxUnpool", ["float32 4 6"], (8, 6), {}, {"a": 96}, [("add", 24, 48)]),
        ("NonZero", ["float32 4 6"], (2, 9), {}, {"a": 96}, [("compare", 24, 24)]),
        ("ScatterND", ["float32 4 6", "int64 2", "float32 3 5"], (4, 6), {"reduction": ""}, {"a": 96, "b": 16, "c": 60}, []),
        ("ScatterND", ["float32 4 6", "float32 3 5"], (4, 6), {"reduction": "add"}, {"a": 96, "b": 60}, []),
        ("TensorScatter", ["float32 4 6", "float32 3 5"], (4, 6), {"reduction": "add"}, {"a": 96, "b": 60}, [("add", 15, 15)]),
    ],
)  # fmt: skip
def test_bytes_and_operations_of_what_moves(
    op: str,
    inputs: list[str | None],
    out: tuple[int, ...],
    given: dict[str, int | str],
    reads: dict[str, int],
    vectors: list[object],
) -> None:
    made = []
    for name, text in zip("abc", inputs, strict=False):
        dtype, *shape = text.split() if text else ("", "")
        made.append(activation(name, *map(int, shape), dtype=dtype) if text else None)
    found = work(
        op,
        made,
        [activation("y", *out)],
        given,
        CONTRIB if op.endswith(("Quantized", "Unpool", "rConcat")) and op != "MaxUnpool" else "",
    )
    assert _told(found) == (reads, {"y": activation("y", *out).bytes}, vectors)
    moved = op not in ("EmbeddingBag", "QLinearConcat", "MaxUnpool", "NonZero")
    assert [(move.read_bytes, move.write_bytes) for move in found.moves] == (
        [(sum(reads.values()), activation("y", *out).bytes)] if moved else []
    )
