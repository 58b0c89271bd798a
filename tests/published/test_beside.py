"""The README's table of areas and powers beside published ones is what the command prints; half of its ratios are within 30 %."""

from __future__ import annotations

import pytest

from tests.published.beside import FIRST, LAST, README, cores, errors, others, powers, section
from tests.published.power import POWERS, Power, off_chip_share
from tests.published.silicon import CORES


def test_the_readme_holds_what_the_command_prints() -> None:
    between = README.read_text(encoding="utf-8").split(FIRST)[1].split(LAST)[0]
    assert between.strip() == section(), "run: python -m tests.published.beside --write"


def test_half_of_all_ratios_are_within_30_percent() -> None:
    """Areas and powers together, in the family that is the default. Aladdin's misses it by two points: its MACs are synthesized for
    1 ns, four times Horowitz's at 16 bits, and DianNao's or NVDLA's powers show that these are nearer.
    """
    horowitz, aladdin = errors((*cores(), *others(), *powers()))
    assert horowitz < 0.30
    assert 0.30 < aladdin < 0.35


@pytest.mark.parametrize("power", POWERS, ids=lambda power: power.name)
def test_every_chip_could_work_at_the_rate_that_its_power_stands_for(power: Power) -> None:
    """Its off-chip memory brings what the mapping asks for. ShiDianNao holds whole networks: only its sensor's pixels and results move."""
    assert off_chip_share(power) <= 1.001 or power.name == "shidiannao"


def test_nothing_is_left_out() -> None:
    assert len(cores()) == len(CORES) + 1
    assert len(powers()) == len(POWERS) == 12
    assert all(value > 0 for row in (*cores(), *powers()) for value in row.found)
