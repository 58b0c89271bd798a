"""README's table of products and chips is what comes out here; errors on devices left out of the fit take minutes, and stay as they are."""

from __future__ import annotations

import re

import pytest

from tests.published import products_and_chips
from tests.published.accuracy import PARTS_BEGIN, PARTS_END, shown
from tests.shared import needs_shared


@needs_shared
def test_readme_shows_what_comes_out() -> None:
    left_out = products_and_chips.HEAD.index("constants fitted without the device")
    mine, theirs = products_and_chips.lines(products_and_chips.rows({})), shown(PARTS_BEGIN, PARTS_END)
    assert len(mine) == len(theirs)
    for one, other in zip(mine[2:], theirs[2:], strict=True):
        cells, given = one.strip("| ").split(" | "), other.strip("| ").split(" | ")
        for place, (cell, expected) in enumerate(zip(cells, given, strict=True)):
            numbers = [[float(value) for value in re.findall(r"\d+\.\d", text)] for text in (cell, expected)]
            if place != left_out:
                assert re.sub(r"\d+\.\d", "", cell) == re.sub(r"\d+\.\d", "", expected)
                assert numbers[0] == pytest.approx(numbers[1], abs=0.5)
