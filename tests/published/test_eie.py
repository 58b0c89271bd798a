"""EIE, ISCA 2016, Table II: areas of one PE's memories, and the power of reading its weights.

Tolerance: 25 % for the two large memories and the power, since the table's parts hold some logic and capacities are recalled; the
memories together within 15 %. The smallest, 2 KiB, is 40 % of its part: the rest of that part is logic.
"""

from __future__ import annotations

import pytest

from tests.published.edge_families import table
from tests.published.eie import TABLE_II, areas, power_of_weights
from tests.shared import needs_shared


def test_areas_of_the_memories() -> None:
    found = {part.name: part.found / part.published for part in areas()}
    assert found["SpmatRead"] == pytest.approx(1, abs=0.25)
    assert found["PtrRead"] == pytest.approx(1, abs=0.25)
    assert 0.3 < found["ActRW"] < 1
    assert sum(part.found for part in areas()) == pytest.approx(TABLE_II["memory"][1], rel=0.15)


def test_power_of_reading_weights() -> None:
    part = power_of_weights()
    assert part.found == pytest.approx(part.published, rel=0.25)


@needs_shared
def test_the_facts_are_those_at_hand() -> None:
    found = {row["part"]: (row["power_mW"], row["area_um2"]) for row in table("eie_isca2016_pe_breakdown")}
    for name, (power, area) in TABLE_II.items():
        assert (float(found[name][0]), float(found[name][1])) == (power, area)
