"""Every reader of text, with each of its values in turn replaced by what breaks programs: an answer, or one line that says what is wrong.

A part of them by default; ``HWSIM_TEST_POISON=1`` tries every place.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from hwsim.cli.usage import line
from hwsim.errors import HwsimError
from tests.fuzz.readers import READERS, feed
from tests.fuzz.seeds import seeds

#: Places of each reader that a poison is tried at.
PLACES = 1_000_000 if os.environ.get("HWSIM_TEST_POISON") else 4
#: As YAML and JSON have them: the first three are no numbers that anything could be computed with.
NO_NUMBERS = {"nan": (".nan", "NaN"), "infinite": (".inf", "Infinity"), "too large for a float": ("1e400", "1e400")}
POISONS = {
    **NO_NUMBERS,
    "minus infinite": ("-.inf", "-Infinity"),
    "zero": ("0", "0"),
    "minus zero": ("-0.0", "-0.0"),
    "negative": ("-1", "-1"),
    "denormal": ("1e-320", "1e-320"),
    "beyond int64": ("9223372036854775808", "9223372036854775808"),
    "large": ("123456789012345678901234567890", "123456789012345678901234567890"),
    "digits": ("9" * 5000, "9" * 4000),
    "octal": ("0o17", "017"),
    "true": ("true", "true"),
    "nothing": ("null", "null"),
    "empty list": ("[]", "[]"),
    "empty mapping": ("{}", "{}"),
    "nested": ("[" * 60 + "]" * 60, "[" * 60 + "]" * 60),
    "nested too deep": ("[" * 30_000 + "]" * 30_000, "[" * 30_000 + "]" * 30_000),
    "empty text": ('""', '""'),
    "terminal": ('"\\u001b[2J\\u001b]0;x\\u0007"', '"\\u001b[2J\\u001b]0;x\\u0007"'),
    "right to left": ('"a\\u202Eb"', '"a\\u202eb"'),
    "half of a pair": ('"\\ud800"', '"\\ud800"'),
    "line end": ('"a\\nb\\rc\\u2028d"', '"a\\nb\\rc\\u2028d"'),
    "formula": ('"=1+cmd|\'/c\'!A1"', '"=1+cmd|\'/c\'!A1"'),
    "markup": ('"<script>alert(1)</script>"', '"<script>alert(1)</script>"'),
    "path": ('"../../../../etc/passwd"', '"../../../../etc/passwd"'),
    "device file": ('"/dev/zero"', '"/dev/zero"'),
    "long": ('"' + "x" * 10_000 + '"', '"' + "x" * 10_000 + '"'),
    "alias": ("*a", "*a"),
    "tag": ("!!python/object/apply:os.system ['false']", '{"$ref": "#"}'),
}  # fmt: skip
_MARK = "a place for poison"
YAMLS = ("profile", "study", "system", "timeloop", "mapping")
JSONS = ("measured_json", "estimate", "found")
CSVS = ("layers", "measured_csv")


def refused(name: str, data: bytes) -> bool:
    """Whether a file is refused; each line of the refusal is one that can be printed and read."""
    try:
        feed(name, data, quiet=False)
    except HwsimError as error:
        assert error.findings
        for finding in error.findings:
            assert line(finding).isprintable() and 0 < len(finding) <= 1000, finding
        return True
    return False


def places(tree: Any, steps: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a document that is no list and no mapping."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if inner is None:
        yield steps
    for key, value in inner or ():
        yield from places(value, (*steps, key))


def poisoned(tree: Any, steps: tuple[Any, ...], text: str) -> tuple[bytes, Any]:
    """The document with another text at one place, and what stood there."""
    changed = {"": copy.deepcopy(tree)}
    inner: Any = changed
    for step in ("", *steps[:-1]) if steps else ():
        inner = inner[step]
    last = steps[-1] if steps else ""
    was, inner[last] = inner[last], _MARK
    return json.dumps(changed[""]).replace(f'"{_MARK}"', text).encode(), was


def _documents(name: str) -> list[Any]:
    if name in JSONS:
        return [json.loads(text) for text in seeds(name) if _is_json(text)]
    found = [yaml.safe_load(text) for text in _SOUND[name] if b"- !" not in text]  # tags are Timeloop's own
    return found[:1] if name == "timeloop" else found


def _is_json(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False


#: Some seeds are what once broke a reader, and cannot be read by anybody.
_SOUND: dict[str, list[bytes]] = {name: seeds(name)[:3] for name in YAMLS}


def _some(name: str, poison: str) -> list[tuple[Any, tuple[Any, ...]]]:
    found = [(document, steps) for document in _documents(name) for steps in places(document)]
    return random.Random(f"{name} {poison}").sample(found, min(PLACES, len(found)))


@pytest.mark.parametrize("poison", POISONS)
@pytest.mark.parametrize("name", YAMLS + JSONS)
def test_a_value_that_breaks_programs(name: str, poison: str) -> None:
    for document, steps in _some(name, poison):
        data, was = poisoned(document, steps, POISONS[poison][name in JSONS])
        told = refused(name, data)
        endless = name == "timeloop" and ("entries" in steps or "bandwidth" in str(steps[-1]))  # without a limit
        if poison in NO_NUMBERS and _is_number(was) and name in YAMLS and not endless:
            assert told, (steps, was)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@pytest.mark.parametrize("poison", POISONS)
@pytest.mark.parametrize("name", CSVS)
def test_a_cell_that_breaks_programs(name: str, poison: str) -> None:
    text = POISONS[poison][1]
    cell = json.loads(text) if text.startswith('"') else text
    tables = [list(csv.reader(io.StringIO(data.decode()))) for data in seeds(name)[:2]]
    found = [(table, row, column) for table in tables for row in (0, 1) for column in range(len(table[0]))]
    for table, row, column in random.Random(f"{name} {poison}").sample(found, min(PLACES, len(found))):
        changed = copy.deepcopy(table)
        was, changed[row][column] = changed[row][column], cell
        out = io.StringIO()
        csv.writer(out).writerows(changed)
        told = refused(name, out.getvalue().encode("utf-8", "surrogatepass"))
        if poison in NO_NUMBERS and was.isdecimal():
            assert told, (table[0][column], cell)


BOMB = "\n".join([f"a0: &a0 [{'x, ' * 9}x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)])
FILES = {
    "nothing": b"",
    "line ends": b"\r\n\r\n\n",
    "zeros": bytes(1000),
    "not UTF-8": b"\xff\xfea: \xc3\x28",
    "deep": b"[" * 100_000,
    "deep mappings": b'{"a":' * 50_000,
    "deep blocks": "\n".join(" " * depth + "a:" for depth in range(2000)).encode(),
    "aliases": BOMB.encode(),
    "one line": b"x" * 9_000_000,
    "many lines": b"a,b\n" * 300_000,
    "many documents": b"--- 1\n" * 10_000,
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", [name for name in READERS if name not in ("found", "mapping")])
def test_a_file_that_breaks_programs(name: str, file: str) -> None:
    assert refused(name, FILES[file])


@pytest.mark.parametrize("name", YAMLS[:4] + JSONS[:2] + CSVS)
def test_marks_and_line_ends_of_windows(name: str) -> None:
    for data in seeds(name)[:1]:
        assert not refused(name, data)
        assert not refused(name, b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))


@pytest.mark.parametrize("name", YAMLS)
def test_keys_that_look_alike(name: str) -> None:
    """A Cyrillic letter in a key that is known."""
    document = _documents(name)[0]
    keys = [key for key in document if isinstance(key, str) and set(key) & set("aeopcx")]
    for key in random.Random(name).sample(keys, min(PLACES, len(keys))):
        alike = key.translate(str.maketrans("aeopcx", "аеорсх"))
        assert refused(name, json.dumps({**document, alike: document[key]}, ensure_ascii=False).encode()), key


@pytest.mark.parametrize("name", (*YAMLS, "measured_json"))
def test_a_key_given_twice(name: str) -> None:
    document = next(one for one in _documents(name) if isinstance(one, dict) and "traceEvents" not in one)
    for key, value in list(document.items())[:PLACES]:
        text = json.dumps({"mark": 0, **document}).replace('"mark": 0', f"{json.dumps(key)}: {json.dumps(value)}")
        assert refused(name, text.encode()), key
