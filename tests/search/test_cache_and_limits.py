"""What is kept on disk and what is not; answers do not depend on threads."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hwsim.errors import Infeasible
from hwsim.mapping import Hierarchy, Level, Storage
from hwsim.search import Found, best, best_many, cache
from hwsim.workload import LoopNest

_ENERGY = {"read_j": (1.0, 1.0, 1.0), "fill_j": (1.0, 1.0, 1.0), "update_j": (1.0, 1.0, 1.0)}


def hierarchy(bits: int = 4096) -> Hierarchy:
    inner = Level("buffer", storage=(Storage((True, True, True), bits),), **_ENERGY)  # type: ignore[arg-type]
    outer = Level("dram", read_j=(64.0,) * 3, fill_j=(64.0,) * 3, update_j=(64.0,) * 3, off_chip=True)
    return Hierarchy("two", (inner, outer), 4, 4, mac_j=1.0)


NEST = LoopNest(k=24, c=18, p=20)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HWSIM_CACHE_DIR", str(tmp_path))
    return tmp_path / "mappings"


def test_a_result_is_kept_and_a_spoiled_one_is_made_anew(folder: Path) -> None:
    first = best(NEST, hierarchy())
    (file,) = folder.rglob("*.json")
    assert best(NEST, hierarchy()) == first
    whole = file.read_text()
    file.write_text(whole[:-20])
    assert best(NEST, hierarchy()) == first
    assert file.read_text() == whole


def test_no_cache_leaves_nothing(folder: Path) -> None:
    best(NEST, hierarchy(), cache=False)
    assert not folder.exists()


def test_a_search_cut_short_by_time_says_so_and_is_not_kept(folder: Path) -> None:
    found = best(LoopNest(k=512, c=512, q=28, p=28, s=3, r=3), hierarchy(), seconds=1e-9)
    assert isinstance(found, Infeasible) or found.limited
    assert not list(folder.rglob("*.json"))


def test_time_to_search_is_not_answered_by_what_less_work_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["hwsim.search.best"], "BUDGET", 1)
    nest = LoopNest(k=64, c=60, q=14, p=14, s=3, r=3)
    short = best(nest, hierarchy())
    timed = best(nest, hierarchy(), seconds=60.0)
    assert isinstance(short, Found) and isinstance(timed, Found)
    assert not timed.limited and timed.bound_gap < short.bound_gap
    assert best(nest, hierarchy()) == short and best(nest, hierarchy(), seconds=60.0) == timed
    assert len(list(folder.rglob("*.json"))) == 2


def test_questions_that_differ_have_files_of_their_own() -> None:
    same = (NEST, hierarchy(), "edp", "exact", False)
    others = [
        (replace(NEST, pad_left=1), *same[1:]),
        (NEST, hierarchy(2048), *same[2:]),
        (*same[:2], "energy", *same[3:]),
        (*same[:3], "timeloop", False),
        (*same[:4], True),
        (*same, "quick"),
        (*same, "full", True),
    ]
    places = {cache.place(*question) for question in (same, *others)}  # type: ignore[arg-type]
    assert len(places) == 8


def test_threads_do_not_change_answers() -> None:
    nests = [LoopNest(k=8 + number, c=12, p=9) for number in range(6)]
    alone = best_many(nests, hierarchy(), cache=False)
    assert best_many(nests, hierarchy(), cache=False, threads=3) == alone


def test_what_fits_nowhere_names_the_level_and_the_levers() -> None:
    trouble = best(NEST, hierarchy(bits=20), cache=False)
    assert isinstance(trouble, Infeasible)
    assert (trouble.level, trouble.have) == ("buffer", 20)
    assert trouble.need > 20
    assert trouble.levers


def test_bound_of_repeats_is_that_of_all(folder: Path) -> None:
    once, thrice = best(NEST, hierarchy()), best(replace(NEST, repeat=3), hierarchy())
    assert isinstance(once, Found) and isinstance(thrice, Found)
    assert thrice.lower_bound == pytest.approx(9 * once.lower_bound)
