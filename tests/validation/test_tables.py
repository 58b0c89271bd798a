"""Tables of our own form: units in the column, every malformed row named with its line, written and read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.errors import UsageError
from hwsim.report.files import csv_text
from hwsim.validation.measured import QUANTITIES, Measured, Measurement, fastest
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


@pytest.mark.parametrize(("stem", "unit"), [(stem, unit) for stem, units in QUANTITIES.items() for unit in units])
def test_every_unit_is_read_at_its_factor(stem: str, unit: str) -> None:
    (row,) = from_csv(f"name,{stem}_{unit}{'' if stem == 'latency' else ',latency_s'}\na,2{'' if stem == 'latency' else ',1'}\n", "m") \
        if stem != "throughput" else from_csv("name,throughput_per_s\na,2\n", "m")  # fmt: skip
    names = {"latency": "latency_s", "minimum": "minimum_s", "energy": "energy_j", "power": "power_w", "dram": "dram_bytes",
             "clock": "clock_hz", "throughput": "latency_s"}  # fmt: skip
    expected = 0.5 if stem == "throughput" else 2 * QUANTITIES[stem][unit]
    assert getattr(row, names[stem]) == pytest.approx(expected)


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
