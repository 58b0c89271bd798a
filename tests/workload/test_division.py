"""Parts of layers: together all of the work, and each reads the rows that its own windows touch, as a walk over the loops finds them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.graph import Network
from hwsim.workload import LoopNest
from hwsim.workload.division import WHOLE, By, Part, divide


def touched(nest: LoopNest, low: int, high: int) -> set[int]:
    """Rows of the operand that rows [low, high) of the result read, padding left out."""
    rows = set()
    for q in range(low, high):
        for s in range(nest.s):
            row = q * nest.stride_h + s * nest.dilation_h - nest.pad_top
            if 0 <= row < nest.input_height:
                rows.add(row)
    return rows


def parts_of(network: Network, layer: int, parts: int, by: By) -> tuple[Part, tuple[Part, ...]]:
    prepared = hwsim.prepare(network, bits="w8a8")
    found = prepared.priced[layer]
    return Part(found[1]), divide(*found, prepared.network, parts, by)


@given(
    rows=st.integers(7, 24),
    kernel=st.integers(1, 7),
    stride=st.integers(1, 3),
    parts=st.integers(2, 5),
    batch=st.integers(1, 2),
)
@settings(max_examples=80, deadline=None)
def test_rows_read_what_their_windows_touch(rows: int, kernel: int, stride: int, parts: int, batch: int) -> None:
    built = Network.builder("one").input("x", (batch, 2, rows, 5)).conv(6, kernel=kernel, stride=stride).build()
    whole, found = parts_of(built, 0, parts, "rows")
    nest = whole.work.nests[0]
    assert sum(part.work.macs for part in found) == whole.work.macs
    assert len(found) == min(parts, nest.q) or nest.q < parts
    made: list[int] = []
    for part in found:
        (own,) = part.work.nests
        if own.q == nest.q:  # not the height was divided, as there are too few rows
            continue
        assert part.made is not None
        low, high = part.made.low, part.made.high
        made += range(low, high)
        need = part.needed["x"]
        walked = touched(nest, low, high)
        assert set(range(need.low, need.high)) >= walked
        assert (min(walked), max(walked) + 1) == (need.low, need.high)
        assert own.input_height == need.high - need.low
        # the part by itself touches the same rows, counted from its first
        assert {row + need.low for row in touched(own, 0, own.q)} == walked
        read = dict(part.work.reads)
        assert read["x"] == batch * 2 * 5 * (need.high - need.low)
        weights = [name for name in read if name != "x"]
        assert all(read[name] == dict(whole.work.reads)[name] for name in weights)
    if made:
        assert made == list(range(nest.q))


@given(channels=st.integers(2, 12), groups=st.sampled_from([1, 2]), parts=st.integers(2, 5))
@settings(max_examples=50, deadline=None)
def test_channels_share_out_weights_and_results(channels: int, groups: int, parts: int) -> None:
    built = Network.builder("one").input("x", (1, 4, 6, 6)).conv(2 * channels, kernel=3, groups=groups).build()
    whole, found = parts_of(built, 0, parts, "channels")
    assert sum(part.work.macs for part in found) == whole.work.macs
    for name, size in whole.work.writes:
        assert sum(dict(part.work.writes)[name] for part in found) == size
    for name, size in whole.work.reads:
        read = [dict(part.work.reads)[name] for part in found]
        if name != "x":
            assert sum(read) == size
        elif found[0].work.nests[0].g == groups:  # outputs of each group are divided, every part reads all
            assert read == [size] * len(found)
        else:
            assert sum(read) == size


@pytest.mark.parametrize("by", ["channels", "rows"])
@pytest.mark.parametrize("model", ["light_squeezenet", "light_shufflenet"])
def test_all_layers_of_networks(model: str, by: By) -> None:
    prepared = hwsim.prepare(model, bits="w8a8")
    for layer, work in prepared.priced:
        found = divide(layer, work, prepared.network, 3, by)
        assert sum(part.work.macs for part in found) == work.macs
        assert sum(part.share for part in found) == pytest.approx(1)
        for place, (name, size) in enumerate(work.writes):
            assert sum(part.work.writes[place][1] for part in found) == size, name
        for place, (name, size) in enumerate(work.reads):
            assert sum(part.work.reads[place][1] for part in found) >= size, name
        operations = sum(op.operations for op in work.vectors)
        assert sum(op.operations for part in found for op in part.work.vectors) == operations


def test_what_cannot_be_divided_is_whole() -> None:
    built = Network.builder("one").input("x", (1, 8)).dense(1).build()
    whole, found = parts_of(built, 0, 4, "rows")
    assert [part.work for part in found] == [whole.work]
    assert found[0].made == WHOLE
