"""The README's table of areas and powers beside published ones is what the command prints; half of its ratios are within 30 %."""

from __future__ import annotations

from tests.published.beside import FIRST, LAST, README, cores, errors, powers, section
from tests.published.power import POWERS
from tests.published.silicon import CORES


def test_the_readme_holds_what_the_command_prints() -> None:
    between = README.read_text(encoding="utf-8").split(FIRST)[1].split(LAST)[0]
    assert between.strip() == section(), "run: python -m tests.published.beside --write"


def test_half_of_all_ratios_of_cores_are_within_30_percent() -> None:
    """Areas and powers together, Eyeriss among them. Powers alone are not: the estimates know no clock tree."""
    assert all(error < 0.305 for error in errors((*cores(), *powers())))


def test_nothing_is_left_out() -> None:
    assert len(cores()) == len(CORES) + 1
    assert len(powers()) == len(POWERS) == 12
    assert all(value > 0 for row in (*cores(), *powers()) for value in row.found)
