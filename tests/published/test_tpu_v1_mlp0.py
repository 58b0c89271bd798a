"""TPU v1, ISCA 2017, Table 4: MLP0 served by a Haswell at two batches.

Tolerance: none below, for the roofline is the most that the machine can do; a factor of three above, for the table's rates are those
that keep the 99th percentile of waiting and computing in bounds, host included. What a batch four times as large gains is within 50 %.
There is no profile of the table's K80, and its TPU row is not at hand.
"""

from __future__ import annotations

from tests.published.edge_families import table
from tests.published.serving_and_boards import MLP0_HASWELL, haswell
from tests.shared import needs_shared


def test_the_roofline_bounds_what_is_served() -> None:
    small, large = haswell()
    for row in (small, large):
        assert 1 <= row.found / row.measured <= 3
    assert 1 / 1.5 <= (large.found / small.found) / (large.measured / small.measured) <= 1.5


@needs_shared
def test_the_facts_are_those_at_hand() -> None:
    rows = [row for row in table("tpu_v1_mlp0_latency") if row["chip"] == "Haswell"]
    assert [(int(row["batch"]), float(row["inferences_per_s"])) for row in rows] == list(MLP0_HASWELL)
