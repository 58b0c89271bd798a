"""Values of Timeloop's YAML with their places: what each may be, how far a file may go, and what repeats what."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hwsim.errors import MappingError
from hwsim.mapping import timeloop_yaml
from hwsim.mapping.timeloop_yaml import Entry, parse, read_files


def _fails(act: Callable[[], object], message: str) -> None:
    with pytest.raises(MappingError) as caught:
        act()
    assert str(caught.value) == f"f:3: {message}"


@pytest.mark.parametrize(
    ("value", "number", "amount", "whole", "from_one"),
    [
        (0, 0, 0, 0, None), (1, 1, 1, 1, 1), (-1, -1, None, None, None), (2.0, 2.0, 2.0, 2, 2), (2.5, 2.5, 2.5, None, None),
        (math.inf, math.inf, None, None, None), (-math.inf, -math.inf, None, None, None), (1e300, 1e300, None, None, None),
        (9e299, 9e299, 9e299, None, None), ((1 << 62) - 1, (1 << 62) - 1, (1 << 62) - 1, (1 << 62) - 1, (1 << 62) - 1),
        (1 << 62, 1 << 62, 1 << 62, None, None),
    ],
)  # fmt: skip
def test_numbers(value: float, number: float, amount: float | None, whole: int | None, from_one: int | None) -> None:
    entry = Entry(value, "f:3")
    assert entry.number() == number and entry.text() == str(value)
    asked: list[tuple[Callable[[], float], float | None, str]] = [
        (entry.amount, amount, "finite number of at least 0"), (entry.whole, whole, "whole number from 0 on"),
        (lambda: entry.whole(1), from_one, "whole number from 1 on"),
    ]  # fmt: skip
    for ask, expected, words in asked:
        if expected is None:
            _fails(ask, f"expected a {words}, not {value!r:.40}")
        else:
            assert ask() == expected


@pytest.mark.parametrize("value", [True, "3", None, [], {}, math.nan, "x" * 60])
def test_what_is_no_number(value: Any) -> None:
    entry = Entry(value, "f:3")
    for ask in (entry.number, entry.amount, entry.whole):
        _fails(ask, f"expected a number, not {value!r:.40}")


def test_what_is_asked_for_and_is_not_there() -> None:
    one = Entry({"a": Entry(1, "f:4"), "b": Entry([Entry(2, "f:5")], "f:5")}, "f:3")
    assert list(one.keys) == ["a", "b"] and one.keys["a"].number() == 1 and one.keys.get("c") is None
    assert [item.number() for item in one.keys["b"].items] == [2]
    _fails(lambda: one.keys["c"], "c is missing")
    _fails(lambda: one.items, "expected a list")
    _fails(one.text, "expected a word")
    empty = Entry(None, "f:3")
    assert empty.items == [] and dict(empty.keys) == {}
    _fails(empty.text, "expected a word")
    _fails(lambda: empty.keys["c"], "c is missing")
    _fails(lambda: Entry([], "f:3").keys, "expected keys, not a list")
    _fails(lambda: Entry("w" * 60, "f:3").keys, f"expected keys, not '{'w' * 39}")
    _fails(lambda: Entry(3, "f:3").items, "expected a list")
    one.only("a", "b")
    with pytest.raises(MappingError, match=r"^f:4: a: not supported \(did you mean aa\?\)$"):
        one.only("aa", "b")


def test_entries_know_their_line_and_their_tag() -> None:
    found = parse("a: !Component\n  b: [1, !x 'two',\n   3]\nc: !!str 4\nd: \"5\"\n", "m")
    assert (found.where, found.keys["a"].where, found.keys["a"].tag) == ("m:1", "m:1", "Component")
    items = found.keys["a"].keys["b"].items
    assert [(item.value, item.where, item.tag) for item in items] == [
        (1, "m:2", ""),
        ("two", "m:2", "x"),
        (3, "m:3", ""),
    ]
    assert (found.keys["c"].value, found.keys["c"].tag, found.keys["d"].value) == (4, "", "5")


def test_anchors_repeat_what_they_hold_and_merges_add_to_it() -> None:
    """What is said beside a merge wins, as does the first of several; an anchor may be given anew."""
    found = parse(
        "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: *a, x: 9}\nd: {<<: [*a, *b], w: *a}\ne: &a 5\nf: *a\n", "m"
    )

    def plain(entry: Entry) -> Any:
        return (
            {key: plain(inner) for key, inner in entry.keys.items()} if isinstance(entry.value, dict) else entry.value
        )

    assert plain(found.keys["c"]) == {"x": 9, "y": 2}
    assert plain(found.keys["d"]) == {"x": 1, "y": 2, "z": 4, "w": {"x": 1, "y": 2}}
    assert found.keys["f"].value == 5 and found.keys["c"].keys["y"].where == "m:1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "m: empty file"), ("a: 1\n---\nb: 2\n", "m:2: a second document (one a file)"),
        ("a: 1\nb: *x\n", "m:2: alias *x has no anchor before it"),
        ("? [1]\n: 2\n", "m:1: a key must be a plain word"), ("a: 1\nb: 2\na: 3\n", "m:3: a: given twice (first at m:1)"),
        ("a: " + "9" * 41, "m:1: a number of 41 characters (at most 40)"),
        ("a: 1\nb: @{{x}}", "m:2: not valid YAML: found character that cannot start any token (a Jinja template: render it first)"),
        ("a: 1\nb: @x", "m:2: not valid YAML: found character that cannot start any token"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_timeloop(text: str, message: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse(text, "m")
    assert str(caught.value).startswith(message.partition(" (a Jinja")[0]) and ("Jinja" in message) == (
        "Jinja" in str(caught.value)
    )


def test_how_far_a_file_may_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert (timeloop_yaml.MAX_BYTES, timeloop_yaml.MAX_DEPTH, timeloop_yaml.MAX_ENTRIES) == (4 * 2**20, 40, 100_000)
    monkeypatch.setattr(timeloop_yaml, "MAX_ENTRIES", 7)
    monkeypatch.setattr(timeloop_yaml, "MAX_DEPTH", 2)
    path = tmp_path / "m.yaml"
    for text, fine in (
        ("[1, 2, 3, 4, 5, 6]", True), ("[1, 2, 3, 4, 5, 6,\n 7]", False),
        ("a: &a [1, 2]\nb: 1\n", True), ("a: &a [1]\nb: *a\nc: 1\n", True),
        ("a: &a [1, 2]\nb: *a\nc: 1\n", False), ("a: &a [1]\nb: *a\nc: *a\n", False), ("a: {b: 1}", True),
        ("a: [[1]]", False), ("[[[1]]]", False),
        ("a: {b: {c: 1}}", False), ("[[1]]", True),
    ):  # fmt: skip
        if fine:
            assert parse(text, "m").value
            continue
        with pytest.raises(MappingError, match=r"^m:\d: (more than 7 values|nested more than 2 deep)$"):
            parse(text, "m")
    monkeypatch.setattr(timeloop_yaml, "MAX_BYTES", 4)
    path.write_text("a: 1")
    assert read_files([path])["a"].number() == 1
    path.write_text("a: 12")
    with pytest.raises(MappingError, match=r"m\.yaml: more than 0 MiB, too much for a Timeloop file$"):
        read_files([path])


def test_several_files_are_one(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("\ufeffx: 1\n", encoding="utf-8")
    second.write_text("\ny: 2\n")
    assert {key: entry.number() for key, entry in read_files([first, second]).items()} == {"x": 1, "y": 2}
    second.write_text("\nx: 2\n")
    with pytest.raises(MappingError, match=r"b\.yaml:2: x: given already at .*a\.yaml:1$"):
        read_files([first, second])
    second.write_bytes(b"\xff")
    with pytest.raises(MappingError, match=r"b\.yaml: not a UTF-8 text$"):
        read_files([second])
    with pytest.raises(MappingError, match=r"none\.yaml: cannot be read: No such file or directory$"):
        read_files([tmp_path / "none.yaml"])
