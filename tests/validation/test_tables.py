"""Tables of our own form: units in the column, every malformed row named with its line, written and read back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.errors import UsageError
from hwsim.report.files import csv_text
from hwsim.validation import tables
from hwsim.validation.measured import (
    QUANTITIES,
    Measured,
    Measurement,
    columns,
    fastest,
    measurement,
    unknown_columns,
)
from hwsim.validation.readers import read
from hwsim.validation.tables import from_csv, from_json, to_json, to_rows


def test_units_are_in_the_column_name() -> None:
    text = "name,latency_ms,energy_uj,power_mw,dram_kib,clock_mhz\nconv1,1.5,20,300,4,600\n"
    (row,) = from_csv(text, "m.csv")
    assert row.latency_s == pytest.approx(1.5e-3)
    assert row.energy_j == pytest.approx(20e-6)
    assert row.power_w == pytest.approx(0.3)
    assert row.dram_bytes == 4096
    assert row.clock_hz == pytest.approx(600e6)
    assert row.where == "m.csv:2"


#: Powers of ten of what may stand before a unit, of small quantities and of large ones; bytes are counted in powers of two as well.
SMALL, LARGE = {"p": -12, "n": -9, "u": -6, "m": -3, "": 0}, {"": 0, "k": 3, "m": 6, "g": 9}
UNITS = {
    **{f"{stem}_{prefix}s": ("latency_s" if stem == "latency" else "minimum_s", 10.0**power)
       for stem in ("latency", "minimum") for prefix, power in SMALL.items() if prefix != "p"},
    **{f"energy_{prefix}j": ("energy_j", 10.0**power) for prefix, power in SMALL.items()},
    **{f"power_{prefix}w": ("power_w", 10.0**SMALL[prefix]) for prefix in ("u", "m", "")},
    **{f"clock_{prefix}hz": ("clock_hz", 10.0**power) for prefix, power in LARGE.items()},
    **{f"dram_{prefix}b": ("dram_bytes", 10.0**power) for prefix, power in LARGE.items() if prefix},
    **{f"dram_{prefix}ib": ("dram_bytes", 1024.0 ** (power // 3)) for prefix, power in LARGE.items() if prefix},
    "dram_bytes": ("dram_bytes", 1.0), "throughput_per_s": ("latency_s", 0.25),
}  # fmt: skip


@pytest.mark.parametrize("column", UNITS)
def test_every_unit_is_read_at_its_factor(column: str) -> None:
    """Two of each; two a second take half a second."""
    beside = "" if UNITS[column][0] == "latency_s" else ",latency_s"
    (row,) = from_csv(f"name,{column}{beside}\na,2{',1' if beside else ''}\n", "m")
    field, factor = UNITS[column]
    assert getattr(row, field) == pytest.approx(2 * factor, rel=1e-12)


def test_there_are_no_other_units() -> None:
    assert {f"{stem}_{unit}" for stem, units in QUANTITIES.items() for unit in units} == set(UNITS)


def test_values_that_are_none_say_what_would_help() -> None:
    """Long ones in part; separators only where there are any; shares and energies from nothing on, the rest above."""
    for column, value, words in (
        ("latency_us", "twelve", r"'twelve' is not a number$"),
        ("latency_us", "1,2", r"'1,2' is not a number \(use a point, and no separators between thousands\)$"),
        ("latency_us", "x" * 38, f"'{'x' * 38}' is not a number$"),
        ("latency_us", "x" * 39, f"'{'x' * 36}\\.\\.\\. is not a number$"),
        ("spread", -0.5, "-0.5 is below 0$"), ("energy_mj", -1e-6, "-1e-06 is below 0$"), ("dram_kb", -0.25, "-0.25 is below 0$"),
        ("power_w", 0, "0 is not above 0$"), ("latency_us", -0.5, "-0.5 is not above 0$"), ("clock_mhz", 0.0, "0.0 is not above 0$"),
        ("batch", 0, "0 is not a whole number of at least 1$"), ("repeats", 0.5, "0.5 is not a whole number of at least 1$"),
        ("latency_us", True, "True is not a number$"), ("latency_s", 1e400, "inf is not a finite number$"),
        ("energy_pj", 1e-320, "1e-320 is out of range$"), ("latency_ns", 1e-323, "e-323 is out of range$"),
    ):  # fmt: skip
        row, wrong = measurement({"name": "a", column: value}, "m")
        assert row is None
        (message,) = [text for name, text in wrong if name == column]
        assert re.search(words, message), message
    free = {"name": "a", "energy_mj": 0, "dram_kb": 0, "spread": 0, "latency_us": 1, "batch": 1.0, "repeats": "3"}
    row, wrong = measurement(free, "m")
    assert row is not None and not wrong
    assert (row.energy_j, row.dram_bytes, row.spread, row.batch, row.repeats) == (0, 0, 0, 1, 3)


def test_a_throughput_stands_for_a_latency() -> None:
    row, wrong = measurement({"name": "a", "throughput_per_s": 4, "latency_us": 1}, "m")
    assert row is None and wrong == [("throughput_per_s", "given beside a latency: give one of them")]
    row, wrong = measurement({"name": "a", "throughput_per_s": 1e-320, "batch": 1}, "m")
    assert row is None and "is out of range" in wrong[0][1]


def test_a_table_lists_some_layers_and_quotes_are_closed(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('name,latency_us\n"a, b",1\n')
    found = read(path)
    assert found.rows[0].name == "a, b" and not found.complete  # others may have run
    with pytest.raises(UsageError, match=r"m\.csv:2: \(row\): "):
        from_csv('name,latency_us\n"a"b,1\n', "m.csv")


def test_throughput_is_a_latency_of_the_batch() -> None:
    (row,) = from_csv("name,scope,batch,throughput_per_s\nnet,model,8,400\n", "m")
    assert row.latency_s == pytest.approx(8 / 400)


def test_every_mistake_is_named_with_line_and_column() -> None:
    text = "\n".join(
        [
            "# made by hand",
            "name,latency_us,batch,scope",
            "a,12,1,layer",
            "b,twelve,1,layer",
            'c,"1,200",1,layer',
            "d,nan,1,layer",
            "e,-3,1,layer",
            "f,1,1.5,layer",
            "g,1,1,layr",
            "h,1,1",
            ",1,1,layer",
            "i,,1,layer",
        ]
    )
    with pytest.raises(UsageError) as caught:
        from_csv(text, "m.csv")
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"m.csv:{line}" for line in range(4, 13)]
    for line, words in zip(
        lines,
        ("not a number", "no separators", "finite", "above 0", "whole number", "layer, operator", "3 cells", "names a layer", "missing"),
        strict=True,
    ):  # fmt: skip
        assert words in line


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("latency", "the unit is one of ns, us, ms, s"),
        ("latency_min", "the unit is one of"),
        ("nmae", "did you mean name"),
        ("latency_ms,latency_us", "says the same as latency_ms"),
    ],
)
def test_unknown_columns_say_what_would_help(column: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        from_csv(f"name,op,{column}\n", "m.csv")


def test_json_mistakes_have_their_line() -> None:
    text = '{"schema": "hwsim/measured/1", "rows": [\n {"name": "a", "latency_us": 3},\n 7,\n {"name": "b", "latency_us": "x"}]}'
    with pytest.raises(UsageError) as caught:
        from_json(text, "m.json")
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == ["m.json:3", "m.json:4"]


def test_a_table_is_known_by_its_rows_or_by_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text('\n\n{"rows": [\n{"name": "a", "latency_us": 3}, {"name": "b",\n "latency_us": 4}]}')
    assert [row.where for row in read(path).rows] == [f"{path}:4", f"{path}:4"]
    path.write_text('{"schema": "hwsim/measured/1"}')
    with pytest.raises(UsageError, match=r"t\.json:1: rows: must be a list of rows"):
        read(path)


def test_what_is_written_is_in_the_units_that_people_use() -> None:
    row = Measurement(
        "a",
        latency_s=3e-6,
        minimum_s=2e-6,
        energy_j=5e-3,
        power_w=7.0,
        dram_bytes=11.0,
        clock_hz=13e6,
        spread=0.5,
        batch=2,
    )
    (plain,) = to_rows(Measured((row,)))
    assert plain == {
        "scope": "layer", "name": "a", "latency_us": 3.0, "minimum_us": 2.0, "energy_mj": 5.0, "power_w": 7.0, "dram_bytes": 11.0,
        "clock_mhz": 13.0, "batch": 2, "spread": 0.5,
    }  # fmt: skip


def test_lines_without_a_row_are_skipped() -> None:
    found = from_csv("# of today\n\nname,latency_us\n\na,1\n,\n# and of yesterday\nb,2\n", "m.csv")
    assert [(row.name, row.where) for row in found] == [("a", "m.csv:5"), ("b", "m.csv:8")]


def test_empty_and_wrong_files_are_answered_in_a_line(tmp_path: Path) -> None:
    for name, content, words in (
        ("empty.csv", "", "empty"),
        ("header.csv", "name,latency_us\n", "no rows"),
        ("broken.json", '{"rows": [', "not JSON"),
        ("other.json", '{"a": 1}', "no known form"),
        ("list.json", "[1, 2]", "no known form"),
    ):
        path = tmp_path / name
        path.write_text(content)
        with pytest.raises(UsageError, match=words):
            read(path)
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="UTF-8"):
        read(tmp_path / "binary.csv")
    with pytest.raises(UsageError, match=r"no\.csv"):
        read(tmp_path / "no.csv")


texts = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)
rows = st.builds(
    Measurement,
    name=texts,
    op=texts,
    covers=st.lists(texts, max_size=2, unique=True).map(tuple),
    latency_s=st.floats(1e-9, 1e3),
    energy_j=st.none() | st.floats(1e-9, 1e3),
    batch=st.none() | st.integers(1, 64),
    spread=st.none() | st.floats(0, 2),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4))
def test_what_is_written_is_read_back(given_rows: list[Measurement]) -> None:
    """Six digits are written; everything else is the same, in CSV and in JSON."""
    table = Measured(tuple(given_rows))
    for again in (from_csv(csv_text(to_rows(table)), "m"), from_json(json.dumps(to_json(table)), "m")):
        for before, after in zip(given_rows, again, strict=True):
            assert (after.name, after.op, after.covers, after.batch) == (
                before.name, before.op, before.covers, before.batch
            )  # fmt: skip
            assert after.latency_s == pytest.approx(before.latency_s, rel=1e-5)
            assert after.energy_j == (None if before.energy_j is None else pytest.approx(before.energy_j, rel=1e-5))
            assert after.spread == (None if before.spread is None else pytest.approx(before.spread, rel=1e-5))


def test_the_fastest_run_where_it_is_known() -> None:
    found = fastest(Measured(from_csv("name,latency_us,minimum_us\na,5,4\nb,7,\n", "m")))
    assert [row.latency_s for row in found.rows] == pytest.approx([4e-6, 7e-6])


def test_so_many_rows_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tables.MAX_ROWS == 200_000
    monkeypatch.setattr(tables, "MAX_ROWS", 4)
    lines = "name,latency_us\n" + "a,1\n" * 3
    assert len(from_csv(lines, "m")) == 3
    with pytest.raises(UsageError, match=r"^m: more than 4 rows: keep a part of them$"):
        from_csv(lines + "a,1\n", "m")
    row = '{"name": "a", "latency_us": 1}'
    assert len(from_json(f'{{"rows": [{", ".join([row] * 4)}]}}', "m")) == 4
    with pytest.raises(UsageError, match=r"^m: more than 4 rows: keep a part of them$"):
        from_json(f'{{"rows": [{", ".join([row] * 5)}]}}', "m")


def test_where_rows_of_json_stand() -> None:
    """Where the key is written as it is read; else on the first line, as for rows that are not what they seem."""
    broken = '{"name": "a", "latency_us": "x"}'
    for text, lines in (
        (f'{{"rows":\n[\n{broken},{broken}\n,\r\n\t{broken}]}}', (3, 3, 5)),
        (f'\n{{"\\u0072ows":\n[\n{broken},\n{broken}]}}', (1, 1)),
        (f'{{"schema": ["a"],\n"rows": [{broken}]}}', (2,)),
    ):
        with pytest.raises(UsageError) as caught:
            from_json(text, "m.json")
        told = [finding.split(": ")[0] for finding in caught.value.findings if "latency_us" in finding]
        assert told == [f"m.json:{line}" for line in lines]
    with pytest.raises(UsageError) as caught:
        from_json(
            '{"schema": "hwsim/measured/1", "note": 1, "rows": [\n{"nmae": 1, "latency_us": 2, "name": "a"}, []]}', "m"
        )
    assert caught.value.findings == (
        "m:1: note: unknown key (a table has schema and rows)",
        "m:2: nmae: unknown column (did you mean name?)",
        "m:2: (row): must be a mapping of columns",
    )


def test_rows_that_say_too_little() -> None:
    """A name or an output tensor, but of what belongs to no layer; and one figure at least, told once."""
    nameless = ("name", "missing: a row names a layer, an operator or a model, or gives the output tensor")
    empty = ("latency_us", "missing: a row gives a latency, an energy, a power or a traffic")
    for told, wrong in (
        ({"latency_us": 1}, [nameless]), ({"output": "y", "latency_us": 1}, []), ({"scope": "overhead", "latency_us": 1}, []),
        ({"name": "a"}, [empty]), ({}, [nameless, empty]), ({"name": "a", "clock_mhz": 3, "minimum_us": 1}, [empty]),
        ({"name": "a", "energy_mj": 0}, []), ({"name": "a", "power_w": 1}, []), ({"name": "a", "dram_kb": 0}, []),
    ):  # fmt: skip
        row, found = measurement({"name": "", "op": None, **told}, "m")
        assert (found, row is None) == (wrong, bool(wrong))
    _, found = measurement({"name": "a", "latency_us": "x"}, "m")
    assert [column for column, _ in found] == ["latency_us"]
    row, _ = measurement({"name": "a", "latency_us": 1, "covers": " b ;; c;"}, "m:2")
    assert row is not None and row.covers == ("b", "c") and row.where == "m:2"
    row, _ = measurement({"name": "a", "latency_us": 1, "covers": ["b;c", " ", 4]}, "m")
    assert row is not None and row.covers == ("b;c", "4")
    for throughput, batch, wrong in ((1e-300, 10**9, True), (1e18, 1, False), (4, 2, False)):
        row, found = measurement({"name": "a", "throughput_per_s": throughput, "batch": batch}, "m")
        assert (row is None) == wrong
        assert wrong or (row is not None and row.latency_s == batch / throughput)


def test_columns_that_say_the_same_twice() -> None:
    assert unknown_columns(["latency_us", "latency_s", "energy_mj", "minimum_us", "op"]) == [
        ("latency_s", "says the same as latency_us: give one of them")
    ]
    assert [name for name, _ in unknown_columns(["a", "b", "name", "c", "name"])] == ["a", "b", "c", "name"]
    assert unknown_columns(["name", "name"]) == [("name", "says the same as name: give one of them")]
    assert unknown_columns(["energy_us"])[0][1].endswith("one of pj, nj, uj, mj, j)")
    assert columns()[:2] == ("scope", "name") and columns()[-1] == "throughput_per_s" and len(columns()) == 13 + 28


def test_columns_that_no_row_fills_are_left_out_and_six_digits_are_written() -> None:
    rows_ = (Measurement("a", latency_s=1.23456789e-6), Measurement("", output="t", energy_j=0.0, covers=("x", "y")))
    found = to_rows(Measured(rows_))
    assert [list(row) for row in found] == [["scope", "name", "output", "covers", "latency_us", "energy_mj"]] * 2
    assert [list(row.values()) for row in found] == [
        ["layer", "a", None, None, 1.23457, None], ["layer", None, "t", "x;y", None, 0.0],
    ]  # fmt: skip
    assert to_json(Measured(rows_))["rows"][1] == {"scope": "layer", "output": "t", "covers": "x;y", "energy_mj": 0.0}


def test_the_table_in_readme_is_read_and_asks_for_no_operating_point() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    start = text.index("scope,name,output,")
    rows = tables.from_csv(text[start : text.index("```", start)], "README.md")
    assert [row.scope for row in rows] == ["layer", "model"]
    assert not any(row.mode for row in rows)
