"""Parts of layers: together all of the work, and each reads the rows that its own windows touch, as a walk over the loops finds them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.graph import Network, Tensor
from hwsim.workload import LoopNest, OperandType, Work, lower
from hwsim.workload.division import WHOLE, By, Part, Slice, divide
from hwsim.workload.work import DataMove, VectorOp
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


def _reads(found: tuple[Part, ...]) -> list[dict[str, int]]:
    return [dict(part.work.reads) for part in found]


def test_slices_lie_within_each_other() -> None:
    here = Slice("height", 2, 4, 6)
    assert here.within(here) and here.within(Slice("height", 0, 6, 6)) and Slice("height", 3, 3, 6).within(here)
    for other in (Slice("height", 3, 6, 6), Slice("height", 0, 3, 6), Slice("rows", 0, 6, 6), Slice("height", 0, 6, 7)):
        assert not here.within(other)
    assert not Slice("height", 5, 4, 6).within(Slice("height", 0, 6, 6))
    assert (WHOLE.axis, WHOLE.low, WHOLE.high, WHOLE.extent) == ("", 0, 1, 1) and WHOLE.within(WHOLE)
    assert Part(Work()).share == 1.0 and Part(Work()).made == WHOLE and Part(Work()).needed == {}


@pytest.mark.parametrize("parts", [0, 1])
def test_one_part_is_all(parts: int) -> None:
    for by in ("rows", "channels"):
        (whole,) = _parts("Add", [IMAGE, activation("z", 1, 4, 6, 5)], RESULT, parts, by)  # type: ignore[arg-type]
        assert whole.share == 1 and whole.needed == {"x": WHOLE, "z": WHOLE} and whole.made == WHOLE
    (free,) = _parts("Identity", [IMAGE], RESULT, 3, "rows")
    assert free.work.free and free.needed == {}


@pytest.mark.parametrize(
    ("extents", "parts", "by", "dims"),
    [
        ({"g": 4, "k": 8}, 4, "channels", [(1, 8)] * 4), ({"g": 3, "k": 8}, 4, "channels", [(3, 2)] * 4),
        ({"g": 3, "k": 2}, 4, "channels", [(1, 2)] * 3), ({"g": 2, "k": 3}, 4, "channels", [(2, 1)] * 3),
        ({"g": 1, "k": 2}, 2, "channels", [(1, 1)] * 2), ({"k": 5}, 3, "channels", [(1, 1), (1, 2), (1, 2)]),
        ({"g": 1, "k": 1}, 3, "channels", None),
        ({"q": 5, "p": 9, "n": 9}, 4, "rows", [(1, 9, 9), (1, 9, 9), (1, 9, 9), (2, 9, 9)]),
        ({"q": 3, "p": 9, "n": 9}, 4, "rows", [(3, 2, 9)] * 3 + [(3, 3, 9)]),
        ({"q": 3, "p": 3, "n": 4}, 4, "rows", [(3, 3, 1)] * 4), ({"q": 2, "p": 3, "n": 1}, 4, "rows", [(2, 1, 1)] * 3),
        ({"q": 3, "p": 3, "n": 3}, 4, "rows", [(1, 3, 3)] * 3), ({}, 2, "rows", None),
    ],
)  # fmt: skip
def test_the_dim_that_is_divided(
    extents: dict[str, int], parts: int, by: By, dims: list[tuple[int, ...]] | None
) -> None:
    """The first that gives every part something, else the longest, of which each part has one or two."""
    nest = LoopNest(**extents)
    work = Work((nest,), reads=(("x", 100),), writes=(("y", 100),))
    network = single("Odd", [activation("x", 100, dtype="int8")], [activation("y", 100, dtype="int8")])
    found = divide(network.layers[0], work, network, parts, by)
    names = ("g", "k") if by == "channels" else ("q", "p", "n")
    if dims is None:
        assert [part.work for part in found] == [work]
        return
    assert sorted(tuple(getattr(part.work.nests[0], name) for name in names) for part in found) == sorted(dims)
    assert sum(dict(part.work.writes)["y"] for part in found) == 100 and sum(
        part.share for part in found
    ) == pytest.approx(1)


def test_where_results_lie_only_as_far_as_shapes_show_it() -> None:
    """Channels of an image; rows of a table whose width is that of one product; not where heads or groups share them."""
    kernel = parameter("w", 6, 4, 3, 3)
    by_k = _parts("Conv", [IMAGE, kernel], activation("y", 1, 6, 6, 5), 2, "channels", pads=(1, 1, 1, 1))
    assert [part.made for part in by_k] == [Slice("channels", 0, 3, 6), Slice("channels", 3, 6, 6)]
    assert [part.needed for part in by_k] == [{"x": WHOLE}, {"x": WHOLE}] and _reads(by_k) == [{"x": 480, "w": 432}] * 2
    grouped = _parts(
        "Conv",
        [IMAGE, parameter("w", 6, 2, 3, 3)],
        activation("y", 1, 6, 6, 5),
        3,
        "channels",
        group=2,
        pads=(1, 1, 1, 1),
    )
    assert [part.made for part in grouped] == [None] * 3 and _reads(grouped) == [{"x": 480, "w": 144}] * 3
    depth = _parts("Conv", [IMAGE, parameter("w", 4, 1, 3, 3)], RESULT, 3, "channels", group=4, pads=(1, 1, 1, 1))
    assert [part.made for part in depth] == [
        Slice("channels", 0, 1, 4),
        Slice("channels", 1, 2, 4),
        Slice("channels", 2, 4, 4),
    ]
    table = _parts("MatMul", [activation("x", 6, 8), parameter("w", 8, 4)], activation("y", 6, 4), 4, "rows")
    assert [part.made for part in table] == [
        Slice("rows", low, high, 6) for low, high in ((0, 1), (1, 3), (3, 4), (4, 6))
    ]
    columns = _parts("MatMul", [activation("x", 6, 8), parameter("w", 8, 4)], activation("y", 6, 4), 2, "channels")
    assert [part.made for part in columns] == [None, None] and _reads(columns) == [{"x": 192, "w": 64}] * 2
    assert [part.needed for part in columns] == [{"x": WHOLE}] * 2
    heads = _parts(
        "MatMul", [activation("x", 2, 6, 8), activation("w", 2, 8, 4)], activation("y", 2, 6, 4), 2, "channels"
    )
    assert [part.made for part in heads] == [None, None] and _reads(heads) == [{"x": 192, "w": 128}] * 2
    by_row = _parts("MatMul", [activation("x", 2, 6, 8), activation("w", 2, 8, 4)], activation("y", 2, 6, 4), 2, "rows")
    assert [part.made for part in by_row] == [None, None] and _reads(by_row) == [{"x": 192, "w": 256}] * 2
    images = _parts(
        "Conv", [activation("x", 3, 4, 1, 1), parameter("w", 4, 4, 1, 1)], activation("y", 3, 4, 1, 1), 3, "rows"
    )
    assert [part.made for part in images] == [None] * 3 and _reads(images) == [{"x": 16, "w": 64}] * 3


def test_halves_of_a_signal_and_of_an_image_have_the_padding_that_they_touch() -> None:
    """Nine rows in steps of two with four of padding: the second half begins at row four, the last with none before it."""
    image, kernel = activation("x", 1, 1, 9, 7), parameter("w", 1, 1, 5, 3)
    found = _parts("Conv", [image, kernel], activation("y", 1, 1, 7, 5), 3, "rows", pads=(4, 0, 4, 0), strides=(2, 1))
    nests = [part.work.nests[0] for part in found]
    assert [(nest.q, nest.pad_top, nest.input_height) for nest in nests] == [(2, 4, 3), (2, 0, 7), (3, 0, 5)]
    assert [part.needed["x"] for part in found] == [
        Slice("height", low, high, 9) for low, high in ((0, 3), (0, 7), (4, 9))
    ]
    assert [read["x"] for read in _reads(found)] == [-(-252 * rows // 9) for rows in (3, 7, 5)]
    dilated = _parts(
        "Conv", [image, kernel], activation("y", 1, 1, 3, 3), 3, "rows", pads=(1, 1, 1, 1), dilations=(2, 3)
    )
    assert [(part.needed["x"].low, part.needed["x"].high) for part in dilated] == [(0, 8), (0, 9), (1, 9)]
    cropped = _parts(
        "Conv", [image, parameter("w", 1, 1, 1, 1)], activation("y", 1, 1, 3, 7), 3, "rows", pads=(6, 0, -12, 0)
    )
    assert [(part.needed["x"].low, part.needed["x"].high) for part in cropped] == [
        (0, 1)
    ] * 3  # padding alone: one row at least


def test_operands_of_a_product_that_is_made_at_run_time() -> None:
    """By channels the second operand is divided as weights are; what is folded in is of the size of the result."""
    q, k = activation("q", 1, 4, 6, 8, dtype="int8"), activation("k", 1, 4, 8, 6, dtype="int8")
    found = _parts("MatMul", [q, k], activation("y", 1, 4, 6, 6, dtype="int8"), 2, "channels")
    assert _reads(found) == [{"q": 96, "k": 96}] * 2
    found = _parts("MatMul", [q, k], activation("y", 1, 4, 6, 6, dtype="int8"), 2, "rows")
    assert _reads(found) == [{"q": 96, "k": 192}] * 2
    assert [part.work.nests[0].p for part in found] == [3, 3]
    nest = LoopNest(k=4, p=6, c=8, weight_role="activation", input=OperandType("int16"))
    sizes = (("z", 5), ("x", 96), ("w", 32), ("r", 24))
    work = Work((nest,), vectors=(VectorOp("add", 24, 24),), moves=(DataMove(7, 9),), reads=sizes, writes=(("y", 24),))
    network = single(
        "Odd",
        [
            activation("z", 5, dtype="int8"),
            activation("x", 6, 8, dtype="int16"),
            activation("w", 8, 4, dtype="int8"),
            activation("r", 6, 4, dtype="int8"),
        ],
        [activation("y", 6, 4, dtype="int8")],
    )
    rows = divide(network.layers[0], work, network, 2, "rows")
    assert _reads(rows) == [{"z": 2, "x": 48, "w": 32, "r": 12}, {"z": 3, "x": 48, "w": 32, "r": 12}]
    assert [part.needed for part in rows] == [
        {"x": made, "r": made} for made in (Slice("rows", 0, 3, 6), Slice("rows", 3, 6, 6))
    ]
    assert [
        (part.work.vectors[0].operations, part.work.moves[0].read_bytes, part.work.moves[0].write_bytes)
        for part in rows
    ] == [(12, 3, 4), (12, 4, 5)]
    columns = divide(network.layers[0], work, network, 2, "channels")
    assert _reads(columns) == [{"z": 2, "x": 96, "w": 16, "r": 12}, {"z": 3, "x": 96, "w": 16, "r": 12}]


def test_several_nests_are_divided_together_or_not_at_all() -> None:
    """As many parts as the nest has that has the least; repeats count among what is read."""
    network = single("Odd", [activation("x", 90, dtype="int8")], [activation("y", 30, dtype="int8")])
    nests = (LoopNest(k=6, c=5, p=3, repeat=2), LoopNest(k=3, c=4, p=15))
    work = Work(nests, reads=(("x", 90),), writes=(("y", 30),))
    found = divide(network.layers[0], work, network, 5, "channels")
    assert [[nest.k for nest in part.work.nests] for part in found] == [[2, 1]] * 3
    assert (
        [part.made for part in found] == [None] * 3
        and _reads(found) == [{"x": 90}] * 3
        and [part.needed for part in found] == [{}] * 3
    )
    rows = divide(network.layers[0], work, network, 3, "rows")
    assert _reads(rows) == [{"x": -(-90 * (2 * 5 + 20) // 90)}] * 3
    lone = replace(work, nests=(nests[0], LoopNest(k=1, c=4, p=15)))
    assert [part.work for part in divide(network.layers[0], lone, network, 3, "channels")] == [lone]


def test_layers_without_products_in_equal_shares() -> None:
    """Where nothing shows how results depend on operands: weights are read by all, rows of tables by those that gather them."""
    scale = parameter("g", 7)
    table, index = parameter("t", 100, 7), activation("i", 6, dtype="int64")
    norm = _parts("LayerNormalization", [activation("x", 2, 3, 7), scale], activation("y", 2, 3, 7), 4, "rows")
    assert [part.share for part in norm] == [1 / 6, 2 / 6, 1 / 6, 2 / 6] and [part.made for part in norm] == [None] * 4
    assert [part.needed for part in norm] == [{}] * 4
    assert _reads(norm) == [{"x": size, "g": 28} for size in (28, 56, 28, 56)]
    gathered = _parts("Gather", [table, index], activation("y", 6, 7), 2, "rows")
    assert _reads(gathered) == [{"t": 84, "i": 24}] * 2
    assert [(part.work.moves[0].read_bytes, part.work.moves[0].write_bytes) for part in gathered] == [(108, 84)] * 2
    few = _parts("Softmax", [activation("x", 1, 8)], activation("y", 1, 8), 4, "channels")
    assert [part.share for part in few] == [0.25] * 4 and [dict(part.work.writes)["y"] for part in few] == [8] * 4
    assert len(_parts("Softmax", [activation("x", 3, 8)], activation("y", 3, 8), 2, "rows")) == 2


def test_axes_of_layers_without_products() -> None:
    """Rows before channels or the other way round as it is asked; the next one where there is only one; a join along channels by rows."""
    one_row, one_channel = activation("x", 1, 4, 1, 5), activation("x", 1, 1, 6, 5)
    for by in ("rows", "channels"):
        assert [part.made for part in _parts("Relu", [one_row], activation("y", 1, 4, 1, 5), 2, by)] == [  # type: ignore[arg-type]
            Slice("channels", 0, 2, 4), Slice("channels", 2, 4, 4),
        ]  # fmt: skip
        assert [part.made for part in _parts("Relu", [one_channel], activation("y", 1, 1, 6, 5), 2, by)] == [  # type: ignore[arg-type]
            Slice("height", 0, 3, 6), Slice("height", 3, 6, 6),
        ]  # fmt: skip
    wide = activation("y", 1, 8, 6, 5)
    joined = _parts("Concat", [IMAGE, activation("z", 1, 4, 6, 5)], wide, 2, "channels", axis=1)
    assert [part.needed for part in joined] == [{"x": part.made, "z": part.made} for part in joined]
    assert [part.made for part in joined] == [Slice("height", 0, 3, 6), Slice("height", 3, 6, 6)]
    other = _parts("Concat", [IMAGE, activation("z", 1, 4, 6, 5)], activation("y", 1, 4, 12, 5), 2, "rows", axis=2)
    assert [part.made for part in other] == [None, None]
    pooled = _parts("GlobalAveragePool", [IMAGE], activation("y", 1, 4, 1, 1), 2, "rows")
    assert [part.needed["x"] for part in pooled] == [Slice("channels", 0, 2, 4), Slice("channels", 2, 4, 4)]
    broadcast = _parts(
        "Add", [IMAGE, activation("z", 1, 4, 1, 1), activation("b", 5), parameter("s", 1, 4, 6, 5)], RESULT, 2, "rows"
    )
    assert [set(part.needed) for part in broadcast] == [{"x"}] * 2
    assert _reads(broadcast) == [{"x": 240, "z": 8, "b": 10, "s": 480}] * 2
    by_channel = _parts("Add", [IMAGE, activation("z", 1, 4, 1, 1), activation("b", 1, 1, 6, 5)], RESULT, 2, "channels")
    assert [set(part.needed) for part in by_channel] == [{"x", "z"}] * 2 and _reads(by_channel) == [
        {"x": 240, "z": 8, "b": 60}
    ] * 2
    rows = _parts("Add", [activation("x", 6, 5), activation("b", 5)], activation("y", 6, 5), 2, "channels")
    assert [set(part.needed) for part in rows] == [{"x"}] * 2 and _reads(rows) == [{"x": 60, "b": 10}] * 2
    assert [part.made for part in _parts("Relu", [activation("x", 1, 5)], activation("y", 1, 5), 2, "rows")] == [
        None,
        None,
    ]
