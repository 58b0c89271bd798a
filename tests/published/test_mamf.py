"""Largest matrix products that anyone found on accelerators (stas00/ml-engineering, MAMF, first table, bfloat16).

Tolerance 15 %: profiles have the table's share of the peak as the most that is attained, so this says that tiles, waves and L2 take
no more than that away from the best of shapes.
"""

from __future__ import annotations

import pytest

from tests.published.serving_and_boards import MAMF, largest_products
from tests.shared import needs_shared


@needs_shared
def test_the_best_shapes_attain_what_they_did() -> None:
    rows = largest_products()
    assert {row.name for row in rows} == set(MAMF)
    for row in rows:
        assert row.found == pytest.approx(row.measured, rel=0.15), row.name
