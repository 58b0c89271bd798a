"""Fused chains: traffic against a walker with sets of addresses, the search against every partition."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.simulation.fusing import Chain, Group, Halo, Link, best_group, fuse, grouped
from tests.oracles.row_walker import walk


@st.composite
def chains(draw: st.DrawFn, longest: int = 4) -> Chain:
    rows = draw(st.integers(4, 20))
    first, links = rows, []
    for index in range(draw(st.integers(1, longest))):
        span, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
        pad = draw(st.integers(0, span - 1))
        rows = max(1, (rows + 2 * pad - span) // stride + 1)
        links.append(
            Link(
                f"l{index}",
                rows,
                draw(st.integers(1, 9)),
                span,
                stride,
                pad,
                draw(st.integers(0, 60)),
                draw(st.sampled_from([0, 0, 7])),
            )
        )
    return Chain(first, draw(st.integers(1, 9)), tuple(links), draw(st.integers(1, 3)))


@given(chains(), st.data())
@settings(max_examples=200, deadline=None)
def test_traffic_is_that_of_a_walk_over_addresses(chain: Chain, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(chain.links) - 1))
    last = data.draw(st.integers(first + 1, len(chain.links)))
    halo: Halo = data.draw(st.sampled_from(["cache", "recompute"]))
    rows = data.draw(st.integers(1, chain.links[last - 1].rows))
    capacity = data.draw(st.integers(1, 700))
    own = data.draw(st.one_of(st.none(), st.integers(0, 150)))
    group = grouped(chain, first, last, rows, halo, capacity, own)
    walked = walk(chain, first, last, rows, halo, capacity, own)
    if group is None:
        assert walked.buffer > capacity
        return
    assert (group.read_bytes, group.weight_bytes, group.write_bytes) == (walked.read, walked.weights, walked.written)
    assert group.made == walked.made
    assert group.buffer_bytes == walked.buffer <= capacity


@given(chains(), st.integers(1, 500), st.sampled_from([("cache",), ("recompute",), ("cache", "recompute")]))
@settings(max_examples=150, deadline=None)
def test_search_finds_the_best_of_all_partitions(chain: Chain, capacity: int, halos: tuple[Halo, ...]) -> None:
    found = fuse(chain, halos, capacity)
    assert [group.first for group in found] == [0, *(group.last for group in found[:-1])]
    assert found[-1].last == len(chain.links)
    least = None
    for cuts in itertools.product((False, True), repeat=len(chain.links) - 1):
        edges = [0, *(place + 1 for place, cut in enumerate(cuts) if cut), len(chain.links)]
        groups = [best_group(chain, low, high, halos, capacity) for low, high in itertools.pairwise(edges)]
        if None not in groups:
            traffic = sum(group.traffic for group in groups if group is not None)
            least = traffic if least is None else min(least, traffic)
    assert sum(group.traffic for group in found) == least


def one_image(*links: Link) -> Chain:
    return Chain(32, 100, links)


def test_two_convolutions_by_hand() -> None:
    """3 × 3 after 3 × 3, padding 1, one row at a time: with a cache 3 + 3 + 1 rows are held and every row is made once."""
    chain = one_image(Link("a", 32, 10, 3, 1, 1), Link("b", 32, 100, 3, 1, 1))
    cached = grouped(chain, 0, 2, 1, "cache", 10**6)
    assert isinstance(cached, Group)
    assert cached.buffer_bytes == 5 * 100 + 3 * 10 + 100
    assert cached.made == (32, 32)
    assert cached.traffic == 32 * 100 + 32 * 100
    again = grouped(chain, 0, 2, 1, "recompute", 10**6)
    assert isinstance(again, Group)
    assert again.made == (3 * 30 + 2 * 2, 32)
    assert again.buffer_bytes == 5 * 100 + 3 * 10


@pytest.mark.parametrize(("capacity", "groups"), [(10, 2), (10_000, 1)])
def test_fusion_needs_room(capacity: int, groups: int) -> None:
    chain = one_image(Link("a", 32, 10, 3, 1, 1), Link("b", 32, 100, 3, 1, 1))
    assert len(fuse(chain, ("cache", "recompute"), capacity)) == groups
