"""Axes, links between them, derived parameters, filters; expressions that compute and nothing else."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import UsageError
from hwsim.study.axes import Space, values_of
from hwsim.study.expression import evaluate, names_in
from hwsim.study.reading import read_study


def test_values_of_every_kind() -> None:
    assert values_of([1, 2.5, "x", True, None], "a") == (1, 2.5, "x", True, None)
    assert values_of(7, "a") == (7,)
    assert values_of({"range": [54, 216, 54]}, "a") == (54, 108, 162, 216)
    assert values_of({"range": [0.1, 0.5, 0.1]}, "a") == pytest.approx((0.1, 0.2, 0.3, 0.4, 0.5))
    assert values_of({"range": [3, 1, -1]}, "a") == (3, 2, 1)
    assert values_of({"log": [1, 1000, 4]}, "a") == (1, 10, 100, 1000)
    assert values_of({"log": [0.5, 8.0, 5]}, "a") == pytest.approx((0.5, 1, 2, 4, 8))


@pytest.mark.parametrize(
    "given_values",
    [
        [],
        [1, 1],
        [math.nan],
        [[1]],
        {"rang": [1, 2, 3]},
        {"range": [1, 2]},
        {"range": [1, 2, 0]},
        {"range": [1, 2, -1]},
        {"log": [0, 2, 3]},
        {"log": [1, 2, 1]},
        {"range": [0, 1e12, 1e-3]},
        {"range": ["a", 1, 1]},
    ],
)
def test_axes_that_make_no_sense(given_values: object) -> None:
    with pytest.raises(UsageError, match="axis a"):
        values_of(given_values, "a")


def test_order_and_cardinality() -> None:
    space = Space({"a": (1, 2), "b": ("x", "y", "z")})
    assert space.cardinality == 6
    assert [tuple(point.values()) for point in space.points()] == [
        (1, "x"),
        (1, "y"),
        (1, "z"),
        (2, "x"),
        (2, "y"),
        (2, "z"),
    ]


def test_linked_derived_and_filtered() -> None:
    space = Space(
        {"x": (8, 16), "kib": (32, 64), "y": (8, 16)},
        together=(("x", "y"),),
        derived={"compute.pes": "x * y", "kib_each": "kib / compute.pes"},
        where=("kib_each < 0.5",),
    )
    assert space.cardinality == 4
    found = list(space.points())
    assert [(point["x"], point["kib"], point["y"]) for point in found] == [(16, 32, 16), (16, 64, 16)]
    assert list(found[0]) == ["x", "kib", "y", "compute.pes", "kib_each"]


@pytest.mark.parametrize(
    "broken",
    [
        {"axes": {}},
        {"axes": {"a": (1,)}, "together": (("a", "b"),)},
        {"axes": {"a": (1,), "b": (1, 2)}, "together": (("a", "b"),)},
        {"axes": {"a": (1,), "b": (1,)}, "together": (("a", "b"), ("b",))},
        {"axes": {"a": (1,)}, "derived": {"b": "c + 1"}},
        {"axes": {"a": (1,)}, "derived": {"a": "1"}},
        {"axes": {"a": (1,)}, "where": ("z > 1",)},
    ],
)
def test_spaces_that_make_no_sense(broken: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Space(**broken)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7), ("a.b.c ** 2", 9), ("ceil(7 / 2)", 4), ("min(a.b.c, 2)", 2), ("1 < a.b.c <= 3", True), ("not a.b.c > 5", True),
        ("a.b.c == 3 and name == 'x' or 0 > 1", True), ("-a.b.c % 2", 1), ("log2(8)", 3),
    ],
)  # fmt: skip
def test_arithmetic(text: str, value: object) -> None:
    assert evaluate(text, {"a.b.c": 3, "name": "x"}) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "a.__class__",
        "(lambda: 1)()",
        "[1, 2]",
        "{}",
        "open('x')",
        "1 if a else 2",
        "a[0]",
        "f'{a}'",
        "x := 1",
        "9 ** 9 ** 9",
        "1 / 0",
        "'a' * 3 + 1",
        "1e308 * 10",
        "a" * 600,
        "(" * 300 + ")" * 300,
        "import os",
        "min(a, key=abs)",
        "sqrt(-1)",
        "(-8) ** 0.5",
    ],
)
def test_nothing_but_arithmetic(text: str) -> None:
    with pytest.raises(UsageError):
        evaluate(text, {"a": 2})


@given(st.text(max_size=30))
def test_any_text_is_computed_or_refused(text: str) -> None:
    try:
        evaluate(text, {"a": 2, "b": 0.5})
        names_in(text)
    except UsageError:
        pass


@pytest.mark.parametrize(
    ("devices", "axis", "message"),
    [
        ("[eyeriss_v1]", "memory.gbuf.capacity_kb", r":4: axes: memory\.gbuf\.capacity_kb: unknown key \(did you mean"),
        ("[eyeriss_v1, tpu_v1]", "memory.gbufx.width_bits", ":4: axes: memory.*: memory has no entry gbufx"),
        ("[eyeriss_v1, tpu_v1]", "memory.gbuf.width_bits", ""),  # one of them has it
        ("[eyeriss_v1]", "clock_mhz", ""),
        ("[no_such]", "memory.gbuf.capacity_kb", ""),  # the designs will say so
    ],
)
def test_an_axis_that_no_device_has_is_a_mistake(tmp_path: Path, devices: str, axis: str, message: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(f"base: {{model: light_squeezenet}}\naxes:\n  device: {devices}\n  {axis}: [64, 128]\n")
    if message:
        with pytest.raises(UsageError, match=message):
            read_study(path)
    else:
        assert axis in read_study(path).space.axes
