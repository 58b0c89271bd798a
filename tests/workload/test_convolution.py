"""Convolutions against a walk over their definition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import ModelError
from tests.workload import naive
from tests.workload.single import activation, parameter, work

sizes = st.integers(1, 4)


@st.composite
def layers(draw, least=1):
    axes = draw(st.integers(least, 3))
    groups = draw(st.integers(1, 3))
    kernel = tuple(draw(st.lists(st.integers(1, 3), min_size=axes, max_size=axes)))
    dilation = tuple(draw(st.lists(st.integers(1, 2), min_size=axes, max_size=axes)))
    return {
        "batch": draw(st.integers(1, 2)),
        "channels": groups * draw(st.integers(1, 2)),
        "filters": groups * draw(st.integers(1, 2)),
        "groups": groups,
        "image": tuple((taps - 1) * d + draw(sizes) for taps, d in zip(kernel, dilation, strict=True)),
        "kernel": kernel,
        "stride": tuple(draw(st.lists(st.integers(1, 3), min_size=axes, max_size=axes))),
        "pad": tuple(draw(st.lists(st.integers(0, 1), min_size=axes, max_size=axes))),
        "dilation": dilation,
    }


def forward(c, out, domain="", op="Conv"):
    x = activation("x", c["batch"], c["channels"], *c["image"])
    weight = parameter("w", c["filters"], c["channels"] // c["groups"], *c["kernel"])
    attributes = {
        "group": c["groups"],
        "kernel_shape": c["kernel"],
        "strides": c["stride"],
        "dilations": c["dilation"],
        "pads": c["pad"] * 2,
    }
    return work(op, [x, weight], [activation("y", *out)], attributes, domain), x, weight


@given(layers())
def test_conv_counts_what_a_walk_counts(c):
    macs, out = naive.convolution(**c)
    found, x, weight = forward(c, out)
    assert found.macs == macs
    (nest,) = found.nests
    assert nest.elements[1] == weight.elements
    assert nest.elements[2] == math.prod(out)
    if len(c["kernel"]) < 3:
        assert nest.elements[0] == x.elements
        assert (nest.pad_left, nest.stride_w, nest.dilation_w) == (c["pad"][-1], c["stride"][-1], c["dilation"][-1])
    assert dict(found.reads) == {"x": x.bytes, "w": weight.bytes}


@given(layers(least=3))
def test_depth_is_folded_so_that_only_the_input_repeats(c):
    _, out = naive.convolution(**c)
    (nest,) = forward(c, out)[0].nests
    assert nest.n == c["batch"] * out[2] and nest.c == c["channels"] // c["groups"] * c["kernel"][0]
    assert (nest.q, nest.p, nest.s, nest.r) == (*out[3:], *c["kernel"][1:])


@given(layers())
def test_conv_transpose_counts_what_a_walk_counts(c):
    x = activation("x", c["batch"], c["channels"], *c["image"])
    weight = parameter("w", c["channels"], c["filters"] // c["groups"], *c["kernel"])
    out = [
        (size - 1) * s + (taps - 1) * d + 1
        for size, taps, s, d in zip(c["image"], c["kernel"], c["stride"], c["dilation"], strict=True)
    ]
    attributes = {"group": c["groups"], "strides": c["stride"], "dilations": c["dilation"]}
    found = work("ConvTranspose", [x, weight], [activation("y", c["batch"], c["filters"], *out)], attributes)
    assert found.macs == naive.transposed(c["batch"], c["channels"], c["filters"], c["groups"], c["image"], c["kernel"])
    assert sum(nest.elements[1] * nest.repeat for nest in found.nests) == weight.elements


@given(st.integers(1, 7), st.integers(1, 6), st.integers(1, 6))
def test_transposed_phases_hold_the_taps_that_meet(taps, stride, dilation):
    walked = naive.phase_taps(taps, stride, dilation)
    x, weight = activation("x", 1, 1, 5), parameter("w", 1, 1, taps)
    out = activation("y", 1, 1, 4 * stride + (taps - 1) * dilation + 1)
    found = work("ConvTranspose", [x, weight], [out], {"strides": (stride,), "dilations": (dilation,)})
    lowered = sorted((nest.r, nest.dilation_w if nest.r > 1 else 0) for nest in found.nests for _ in range(nest.repeat))
    expected = sorted((len(offsets), offsets[1] - offsets[0] if len(offsets) > 1 else 0) for offsets in walked.values())
    assert lowered == expected


def test_auto_pad_splits_the_odd_element_as_its_name_says():
    for auto, before in (("SAME_UPPER", 0), ("SAME_LOWER", 1), ("VALID", 0)):
        out = 4 if auto != "VALID" else 3
        found = work(
            "Conv",
            [activation("x", 1, 1, 4, 4), parameter("w", 1, 1, 2, 2)],
            [activation("y", 1, 1, out, out)],
            {"auto_pad": auto},
        )
        assert (found.nests[0].pad_top, found.nests[0].pad_left) == (before, before)


def test_negative_pads_crop():
    found = work(
        "Conv",
        [activation("x", 1, 1, 8, 8), parameter("w", 1, 1, 3, 3)],
        [activation("y", 1, 1, 4, 4)],
        {"pads": (-1, -1, -1, -1)},
    )
    assert (found.nests[0].pad_top, found.macs) == (-1, 16 * 9)


def test_integer_convolutions_accumulate_in_int32():
    x, weight = activation("x", 1, 4, 5, 5, dtype="uint8"), parameter("w", 8, 4, 3, 3, dtype="int8")
    out = activation("y", 1, 8, 3, 3, dtype="uint8")
    scale = activation("s")
    (nest,) = work("QLinearConv", [x, scale, scale, weight, scale, scale, scale, scale], [out]).nests
    assert (nest.input.bits, nest.weight.bits, nest.output.bits) == (8, 8, 8)
    assert nest.accumulator.dtype == "int32" and nest.macs == 8 * 9 * 4 * 9
    (nest,) = work("ConvInteger", [x, weight], [activation("y", 1, 8, 3, 3, dtype="int32")]).nests
    assert (nest.output.dtype, nest.macs) == ("int32", 8 * 9 * 4 * 9)


def test_channels_last():
    x, out = activation("x", 1, 6, 6, 4), activation("y", 1, 4, 4, 8)
    for shape in ((8, 4, 3, 3), (8, 3, 3, 4)):
        (nest,) = work("NhwcConv", [x, parameter("w", *shape)], [out], domain="com.microsoft").nests
        assert (nest.c, nest.k, nest.s, nest.r, nest.macs) == (4, 8, 3, 3, 16 * 8 * 36)
    same = activation("y", 1, 4, 4, 4)  # as many filters as channels
    for shape in ((4, 4, 3, 3), (4, 3, 3, 4)):
        (nest,) = work("NhwcConv", [x, parameter("w", *shape)], [same], domain="com.microsoft").nests
        assert (nest.c, nest.k, nest.s, nest.r) == (4, 4, 3, 3)
    for last, channels in ((1, 4), (0, 6)):
        inputs = [x, parameter("w", 8, channels, 3, 3)]
        result = out if last else activation("y", 1, 8, 4, 2)
        (nest,) = work(
            "QLinearConv", [inputs[0], None, None, inputs[1]], [result], {"channels_last": last}, "com.microsoft"
        ).nests
        assert nest.c == channels


def test_transposed_channels_divide_into_groups():
    inputs = [activation("x", 1, 3, 8, 5), parameter("w", 3, 2, 3, 3)]
    with pytest.raises(ModelError, match="3 input channels do not divide into 2 groups"):
        work("ConvTranspose", inputs, [activation("y", 1, 4, 10, 7)], {"group": 2})


def test_fused_activation_and_residual_are_vector_work():
    x, weight, bias = activation("x", 1, 2, 4, 4), parameter("w", 3, 2, 1, 1), parameter("b", 3)
    out, other = activation("y", 1, 3, 4, 4), activation("z", 1, 3, 4, 4)
    found = work("FusedConv", [x, weight, bias, other], [out], {"activation": "Relu"}, "com.microsoft")
    assert [(op.function, op.operations) for op in found.vectors] == [("add", 48), ("compare", 48)]


def test_deformable_sampling_is_vector_work():
    x, weight = activation("x", 1, 2, 5, 5), parameter("w", 4, 2, 3, 3)
    found = work("DeformConv", [x, weight, activation("o", 1, 18, 3, 3)], [activation("y", 1, 4, 3, 3)])
    assert found.macs == 4 * 9 * 2 * 9 and found.vectors[0].elements == 2 * 9 * 9


@pytest.mark.parametrize(("shape", "weight"), [((1, 4), (4, 4, 1, 1)), ((1, 4, 5, 5), (4, 4, 3))])
def test_operands_that_do_not_fit_name_the_node(shape, weight):
    with pytest.raises(ModelError, match="node 'node': Conv"):
        work("Conv", [activation("x", *shape), parameter("w", *weight)], [activation("y", 1, 4, 3, 3)])


def test_an_empty_image_is_no_work():
    found = work("Conv", [activation("x", 0, 2, 4, 4), parameter("w", 3, 2, 1, 1)], [activation("y", 0, 3, 4, 4)])
    assert found.nests == () and found.macs == 0


def test_many_axes_are_not_many_phases():
    rank = 24
    x, weight = activation("x", 1, 2, *(1,) * rank), parameter("w", 2, 3, *(2,) * rank)
    out = activation("y", 1, 3, *(2,) * rank)
    found = work("ConvTranspose", [x, weight], [out], {"strides": (2,) * rank, "dilations": (1,) * rank})
    assert found.macs == 2 * 3 * 2**rank and len(found.nests) == 1


@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("taps", [2, 3, 4, 5, 6, 7])
def test_same_padding_is_shared_between_both_sides(auto, taps):
    """Of an odd number of elements one more lies after (upper) or before (lower)."""
    found = work(
        "Conv",
        [activation("x", 1, 1, 9, 9), parameter("w", 1, 1, taps, taps)],
        [activation("y", 1, 1, 9, 9)],
        {"auto_pad": auto},
    )
    before = (taps - 1) // 2 if auto == "SAME_UPPER" else taps - 1 - (taps - 1) // 2
    assert (found.nests[0].pad_top, found.nests[0].pad_left) == (before, before)


def test_weights_that_a_layer_computes_are_no_parameters():
    x, y = activation("x", 1, 4, 8, 8), activation("y", 1, 8, 6, 6)
    for weight, role in ((parameter("w", 8, 4, 3, 3), "parameter"), (activation("w", 8, 4, 3, 3), "activation")):
        (nest,) = work("Conv", [x, weight], [y]).nests
        assert nest.weight_role == role


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_a_transposed_convolution_reads_each_input_for_every_tap(dilation):
    """Without a stride it is a convolution that is padded by the reach of its taps on all sides: every tap meets every input."""
    taps, size = 3, 6
    out = size + (taps - 1) * dilation
    inputs = [activation("x", 1, 2, size, size), parameter("w", 2, 5, taps, taps)]
    found = work("ConvTranspose", inputs, [activation("y", 1, 5, out, out)], {"dilations": (dilation, dilation)})
    (nest,) = found.nests
    assert found.macs == 2 * 5 * taps * taps * size * size
    assert (nest.pad_top, nest.pad_left) == ((taps - 1) * dilation,) * 2
