"""Bits that flip in what is kept: found by a checksum, made anew or refused, never believed."""

from __future__ import annotations

import os
import random
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hwsim.errors import HwsimError, UsageError
from hwsim.kernels.compiled import Files
from hwsim.mapping import LevelLoops, Mapping
from hwsim.search import cache
from hwsim.search.cache import Entry
from hwsim.study import Study
from hwsim.study.store import described
from hwsim.study.study import opened

ENTRY = Entry(Mapping((LevelLoops((("K", 4),), (("C", 2),), (), (True, False, True)),)), 1.25, 100, 1e9)


def test_no_flipped_byte_of_a_kept_mapping_is_believed(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    cache.write(file, ENTRY)
    whole = file.read_bytes()
    assert cache.read(file) == ENTRY
    for place in range(len(whole)):
        for bit in range(8):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            assert cache.read(file) is None
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        assert cache.read(file) is None


def test_no_flipped_byte_of_a_kept_kernel_is_run(tmp_path: Path) -> None:
    files = Files(tmp_path, "kernel")
    files.save("key", {"code": b"machine code", "numbers": list(range(20))})
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    assert files.load("key")["code"] == b"machine code"
    assert files.load("another key") is None
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        assert files.load("key") is None
    file.write_bytes(b"")
    assert files.load("key") is None


@pytest.fixture
def study(tmp_path: Path) -> Study:
    table = tmp_path / "l.csv"
    table.write_text("op,k,c,p,q\nConv,8,8,4,4\n", encoding="utf-8")
    base = {"model": str(table), "device": "ws_16x16", "rung": "roofline"}
    return Study({"clock_mhz": [100, 200, 300, 400]}, base=base)


def test_flipped_bits_of_a_study_are_refused_or_computed_again(tmp_path: Path, study: Study) -> None:
    """Every byte is tried that holds something, on a sample (HWSIM_TEST_FLIPS)."""
    path = tmp_path / "s.sqlite"
    expected = list(study.run(path).rows())
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    whole, (signature, columns, provenance) = path.read_bytes(), described(path)
    holding = [place for place, byte in enumerate(whole) if byte]
    generator = random.Random(4)
    refused = again = 0
    damaged = tmp_path / "d.sqlite"
    for place in generator.sample(holding, int(os.environ.get("HWSIM_TEST_FLIPS", "150"))):
        for beside in tmp_path.glob("d.sqlite*"):
            beside.unlink()
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << generator.randrange(8)]) + whole[place + 1 :])
        try:
            results = opened(damaged)
            assert (results.store.columns, results.provenance) == (columns, provenance)
            rows = list(results.rows())
            again += len(rows) < len(expected)
            assert all(row in expected for row in rows)
            assert list(study.run(damaged).rows()) == expected
        except UsageError as error:
            refused += 1
            assert len(error.findings) == 1 and "d.sqlite" in str(error)
    assert refused and signature


def test_a_damaged_row_is_computed_again(tmp_path: Path, study: Study) -> None:
    path = tmp_path / "s.sqlite"
    expected = list(study.run(path).rows())
    with sqlite3.connect(path) as database:
        column = study.columns.index("latency_s")
        database.execute(f"UPDATE points SET c{column} = c{column} * 2 WHERE number = 2")
    database.close()
    assert list(opened(path).rows()) == [*expected[:2], expected[3]]
    assert list(study.run(path).rows()) == expected


@pytest.mark.parametrize("name", ["provenance", "columns", "signature", "schema"])
def test_a_damaged_description_is_refused(tmp_path: Path, study: Study, name: str) -> None:
    path = tmp_path / "s.sqlite"
    study.run(path)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE meta SET value = substr(value, 1, length(value) - 1) || '!' WHERE name = ?", (name,))
    database.close()
    for use in (lambda: opened(path), lambda: study.run(path)):
        with pytest.raises(HwsimError, match=r"s\.sqlite"):
            use()


def test_a_damaged_order_of_evaluations_is_left_out(tmp_path: Path, study: Study) -> None:
    from hwsim.study.store import Store

    store = Store(tmp_path / "t.sqlite", study.signature, study.columns, study.description, in_turns=True)
    row: tuple[Any, ...] = (1.0,) * len(study.columns)
    store.add([(3, row), (0, row)])
    store.add([(2, row)])
    assert store.turns() == [3, 0, 2]
    store._database.execute("UPDATE turns SET number = 1 WHERE turn = 2")
    assert store.turns() == [3, 2]


def test_entries_differ_from_their_neighbours(tmp_path: Path) -> None:
    """The checks above would pass if nothing were ever read."""
    other = replace(ENTRY, lower_bound=1.5)
    cache.write(tmp_path / "a.json", ENTRY)
    cache.write(tmp_path / "b.json", other)
    assert cache.read(tmp_path / "a.json") == ENTRY != cache.read(tmp_path / "b.json")
