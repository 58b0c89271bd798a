"""Parts of layers: together all of the work, and each reads the rows that its own windows touch, as a walk over the loops finds them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.graph import Network, Tensor
from hwsim.workload import LoopNest, lower
from hwsim.workload.division import WHOLE, By, Part, Slice, divide
from tests.workload.single import activation, parameter, single


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


def _parts(op: str, inputs: list[Tensor], output: Tensor, parts: int, by: By, **attributes: object) -> tuple[Part, ...]:
    network = single(op, inputs, [output], attributes)  # type: ignore[arg-type]
    return divide(network.layers[0], lower(network.layers[0], network), network, parts, by)


IMAGE, RESULT = activation("x", 1, 4, 6, 5), activation("y", 1, 4, 6, 5)


@pytest.mark.parametrize(
    ("by", "axis", "ends"), [("rows", "height", (0, 2, 4, 6)), ("channels", "channels", (0, 1, 2, 4))]
)
def test_elementwise_parts_need_what_they_make(by: By, axis: str, ends: tuple[int, ...]) -> None:
    found = _parts("Add", [IMAGE, activation("z", 1, 4, 6, 5)], RESULT, 3, by)
    for part, low, high in zip(found, ends, ends[1:], strict=False):
        own = Slice(axis, low, high, ends[-1])
        assert part.made == own and part.needed == {"x": own, "z": own}
        assert part.work.reads == (("x", 480 * (high - low) // ends[-1]), ("z", 480 * (high - low) // ends[-1]))
        assert part.share == (high - low) / ends[-1]


def test_rows_of_a_table_are_divided() -> None:
    found = _parts("Relu", [activation("x", 2, 3, 7)], activation("y", 2, 3, 7), 2, "rows")
    assert [part.made for part in found] == [Slice("rows", 0, 3, 6), Slice("rows", 3, 6, 6)]
    assert [part.needed for part in found] == [{"x": part.made} for part in found]


def test_a_pool_needs_the_rows_of_its_windows_and_the_channels_that_it_makes() -> None:
    out = activation("y", 1, 4, 3, 5)
    by_rows = _parts("MaxPool", [IMAGE], out, 3, "rows", kernel_shape=(3, 1), strides=(2, 1), pads=(1, 0, 0, 0))
    assert [part.needed["x"] for part in by_rows] == [
        Slice("height", low, high, 6) for low, high in ((0, 2), (1, 4), (3, 6))
    ]
    by_channels = _parts("MaxPool", [IMAGE], out, 2, "channels", kernel_shape=(3, 1), strides=(2, 1), pads=(1, 0, 0, 0))
    assert [part.needed["x"] for part in by_channels] == [Slice("channels", 0, 2, 4), Slice("channels", 2, 4, 4)]


@pytest.mark.parametrize("by", ["rows", "channels"])
def test_what_is_added_to_a_part_is_needed_as_it_is_made(by: By) -> None:
    """A residual folded into a convolution: of its result's size, so each part adds the slice that it makes."""
    builder = Network.builder("one").input("x", (1, 4, 6, 5)).relu(name="start")
    start = builder.current
    built = builder.conv(4, kernel=3, name="conv", bias=False).add(start, name="sum").build()
    prepared = hwsim.prepare(built, bits="w8a8")
    place = next(place for place, (layer, _) in enumerate(prepared.priced) if layer.op == "Conv")
    layer, work = prepared.priced[place]
    if "sum" not in layer.fused:
        pytest.skip("the sum is a layer of its own")
    (residual,) = {name for name in layer.inputs if prepared.network.tensors[name].role == "activation"}
    for part in divide(layer, work, prepared.network, 2, by):
        assert part.made is not None and part.needed[residual].low <= part.made.low


def test_rows_of_a_convolution_are_rows_of_its_height() -> None:
    """6 rows of 5 columns with windows of 3 and padding of one: halves make 3 rows each, and need 4 of the 6."""
    found = _parts("Conv", [IMAGE, parameter("w", 4, 4, 3, 3)], RESULT, 2, "rows", pads=(1, 1, 1, 1))
    assert [part.made for part in found] == [Slice("height", 0, 3, 6), Slice("height", 3, 6, 6)]
    assert [part.needed["x"] for part in found] == [Slice("height", 0, 4, 6), Slice("height", 2, 6, 6)]


def test_where_rows_of_the_height_do_not_lie_in_its_place_all_may_be_needed() -> None:
    """With channels last the third extent is the width: no slice of it is the rows that a part reads."""
    image, kernel, out = activation("x", 1, 12, 9, 4), parameter("w", 4, 4, 3, 3), activation("y", 1, 10, 7, 4)
    network = single("Conv", [image, kernel], [out], {}, "qonnx.custom_op.channels_last")
    layer = network.layers[0]
    found = divide(layer, lower(layer, network), network, 2, "rows")
    assert [part.work.nests[0].q for part in found] == [5, 5] and found[0].work.nests[0].input_height == 7
    assert [part.needed.get("x") for part in found] == [None, None]


def test_groups_need_their_channels() -> None:
    """4 groups of one channel each make one filter each."""
    found = _parts("Conv", [IMAGE, parameter("w", 4, 1, 3, 3)], RESULT, 2, "channels", group=4, pads=(1, 1, 1, 1))
    assert [part.needed["x"] for part in found] == [Slice("channels", 0, 2, 4), Slice("channels", 2, 4, 4)]
    assert [part.made for part in found] == [Slice("channels", 0, 2, 4), Slice("channels", 2, 4, 4)]
    assert [dict(part.work.reads) for part in found] == [{"x": 240, "w": 72}] * 2
    paired = _parts("Conv", [IMAGE, parameter("w", 4, 2, 3, 3)], RESULT, 2, "channels", group=2, pads=(1, 1, 1, 1))
    assert [part.needed["x"] for part in paired] == [Slice("channels", 0, 2, 4), Slice("channels", 2, 4, 4)]


def test_rows_of_a_product_need_rows() -> None:
    found = _parts("MatMul", [activation("x", 2, 3, 8), parameter("w", 8, 4)], activation("y", 2, 3, 4), 2, "rows")
    assert [part.needed["x"] for part in found] == [Slice("rows", 0, 3, 6), Slice("rows", 3, 6, 6)]
    assert [part.made for part in found] == [Slice("rows", 0, 3, 6), Slice("rows", 3, 6, 6)]
    assert [dict(part.work.reads) for part in found] == [{"x": 96, "w": 128}] * 2


def test_a_signal_is_divided_along_its_length() -> None:
    """12 windows of 3 over 12 samples with one of padding on either side: three parts of 5, 6 and 5 samples."""
    found = _parts(
        "Conv", [activation("x", 1, 2, 12), parameter("w", 3, 2, 3)], activation("y", 1, 3, 12), 3, "rows", pads=(1, 1)
    )
    nests = [part.work.nests[0] for part in found]
    assert [(nest.p, nest.input_width, nest.pad_left) for nest in nests] == [(4, 5, 1), (4, 6, 0), (4, 5, 0)]
    assert sum(part.work.macs for part in found) == 12 * 3 * 2 * 3
    assert [dict(part.work.reads)["x"] for part in found] == [5 * 2 * 4, 6 * 2 * 4, 5 * 2 * 4]


def test_phases_of_a_transposed_convolution_are_divided_together() -> None:
    """Stride 2 with 4 taps: four phases of 2 x 2 taps, one nest repeated; where the results lie is not said."""
    inputs = [IMAGE, parameter("w", 4, 6, 4, 4)]
    found = _parts(
        "ConvTranspose", inputs, activation("y", 1, 6, 12, 10), 2, "channels", strides=(2, 2), pads=(1, 1, 1, 1)
    )
    assert [part.made for part in found] == [None, None]
    assert [part.needed for part in found] == [{}, {}]
    assert [part.work.macs for part in found] == [4 * 6 * 5 * 3 * 16] * 2
    assert [dict(part.work.reads) for part in found] == [{"x": 480, "w": 768}] * 2
