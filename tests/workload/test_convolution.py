"""Convolutions against a walk over their definition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import ModelError
from hwsim.graph import Tensor
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


def test_a_causal_convolution_slides_over_what_came_before():
    """Every channel by itself along the width; its state stands before the first sample."""
    inputs = [activation("x", 2, 6, 10), parameter("w", 6, 1, 4), activation("b", 6), activation("s", 2, 6, 3)]
    found = work("CausalConvWithState", inputs, [activation("y", 2, 6, 10)], {"activation": "silu"})
    (nest,) = found.nests
    assert nest.extents == (2, 6, 1, 1, 1, 10, 1, 4)
    assert (nest.width, nest.pad_left, nest.pad_top, nest.stride_w, nest.weight_role) == (10, 3, 0, 1, "parameter")
    assert (nest.input.dtype, nest.weight.dtype, nest.output.dtype, nest.accumulator.dtype) == ("float32",) * 4
    assert [(op.function, op.operations, op.elements) for op in found.vectors] == [("sigmoid", 240, 120)]
    made = [inputs[0], activation("w", 6, 1, 4, dtype="float16")]
    (nest,) = work("CausalConvWithState", made, [activation("y", 2, 6, 10, dtype="float16")]).nests
    assert (nest.weight_role, nest.weight.dtype, nest.output.dtype) == ("activation", "float16", "float16")
    nothing = [activation("x", 0, 6, 10), inputs[1]]
    assert work("CausalConvWithState", nothing, [activation("y", 0, 6, 10)]).nests == ()
    for wrong in (0, 1):
        flat = list(inputs)
        flat[wrong] = activation("flat", 6, 10)
        with pytest.raises(ModelError, match="needs at least 3"):
            work("CausalConvWithState", flat, [activation("y", 2, 6, 10)])
    with pytest.raises(ModelError, match="output 'y' has 2 dims, needs at least 3"):
        work("CausalConvWithState", inputs, [activation("y", 6, 10)])


def test_every_field_of_a_convolution_of_three_axes():
    """Depth 9 in steps of 2, 7 rows in steps of 3, 8 columns; groups of two; one output slice is one more image."""
    x, weight = activation("x", 2, 6, 9, 7, 8, dtype="int8"), parameter("w", 10, 3, 3, 2, 5, dtype="int4")
    attributes = {
        "group": 2, "kernel_shape": (3, 2, 5), "strides": (2, 3, 1), "dilations": (1, 2, 1), "pads": (4, 1, 2, 4, 1, 2),
    }  # fmt: skip
    (nest,) = work("Conv", [x, weight], [activation("y", 2, 10, 8, 3, 8, dtype="int32")], attributes).nests
    assert nest.extents == (2 * 8, 2, 5, 3 * 3, 3, 8, 2, 5)
    assert (nest.stride_h, nest.stride_w, nest.dilation_h, nest.dilation_w) == (3, 1, 2, 1)
    assert (nest.height, nest.width, nest.pad_top, nest.pad_left) == (7, 8, 1, 2)
    assert (nest.input.dtype, nest.weight.dtype, nest.output.dtype, nest.accumulator.dtype) == (
        "int8",
        "int4",
        "int32",
        "int32",
    )
    assert nest.repeat == 1


def test_a_signal_has_no_height():
    (nest,) = work(
        "Conv",
        [activation("x", 2, 3, 20), parameter("w", 4, 3, 5)],
        [activation("y", 2, 4, 9)],
        {"strides": (2,), "pads": (1, 1), "dilations": (1,)},
    ).nests
    assert nest.extents == (2, 1, 4, 3, 1, 9, 1, 5)
    assert (nest.height, nest.width, nest.pad_top, nest.pad_left, nest.stride_h, nest.dilation_h) == (1, 20, 0, 1, 1, 1)
    assert nest.stride_w == 2


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, (1, 1, 0)), ({"strides": (2, 2)}, (2, 1, 0)), ({"strides": (2,)}, (1, 1, 0)), ({"strides": (0, 0)}, (1, 1, 0)),
        ({"dilations": (3, 3)}, (1, 3, 0)), ({"pads": (1, 1, 1, 1)}, (1, 1, 1)), ({"pads": (1, 1)}, (1, 1, 0)),
        ({"pads": (1, 1, 1, 1), "auto_pad": "NOTSET"}, (1, 1, 1)), ({"pads": (1, 1, 1, 1), "auto_pad": "VALID"}, (1, 1, 0)),
        ({"group": 0}, (1, 1, 0)), ({"kernel_shape": (3,)}, (1, 1, 0)),
    ],
)  # fmt: skip
def test_attributes_that_are_of_another_rank_say_nothing(given, found):
    (nest,) = work(
        "Conv", [activation("x", 1, 2, 9, 9), parameter("w", 4, 2, 3, 3)], [activation("y", 1, 4, 5, 5)], given
    ).nests
    assert (nest.stride_h, nest.dilation_h, nest.pad_top) == (nest.stride_w, nest.dilation_w, nest.pad_left) == found
    assert (nest.g, nest.s, nest.r) == (1, 3, 3)


@pytest.mark.parametrize(
    ("x", "weight", "y", "given", "message"),
    [
        ((1, 4, 8, 8), (6, 2, 3, 3), (1, 6, 6, 6), {"group": 4}, "4 input and 6 output channels do not divide into 4 groups"),
        ((1, 6, 8, 8), (4, 2, 3, 3), (1, 4, 6, 6), {"group": 4}, "6 input and 4 output channels do not divide into 4 groups"),
        ((1, 4, 8, 8), (4, 4, 3), (1, 4, 6, 6), {}, r"weight \[4, 4, 3\] does not fit input \[1, 4, 8, 8\]"),
        ((1, 4, 8, 8), (4, 4, 3, 3), (1, 4, 6), {}, r"weight \[4, 4, 3, 3\] does not fit input \[1, 4, 8, 8\]"),
        ((1, 4), (4, 4, 3), (1, 4, 6), {}, "input 'x' has 2 dims, needs at least 3"),
        ((1, 4, 8), (4, 4), (1, 4, 6), {}, "input 'w' has 2 dims, needs at least 3"),
        ((1, 4, 8), (4, 4, 3), (1, 4), {}, "output 'y' has 2 dims, needs at least 3"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(x, weight, y, given, message):
    with pytest.raises(ModelError, match=message):
        work("Conv", [activation("x", *x), parameter("w", *weight)], [activation("y", *y)], given)
    if len(weight) != 3 or len(x) != 4:
        return
    with pytest.raises(ModelError, match=message):  # and of a transposed one
        work("ConvTranspose", [activation("x", *x), parameter("w", *weight)], [activation("y", *y)], given)


def test_zeros_of_weights_are_told_by_output_channel():
    """Along the first axis; of a transposed convolution, whose first axis is that of the inputs, not at all."""
    weight = Tensor("w", (4, 4, 3, 3), "int8", "parameter", 0.5, nonzeros=((18, 17, 19, 18), (24, 24, 24)))
    x, y = activation("x", 1, 4, 8, 8), activation("y", 1, 4, 6, 6)
    (nest,) = work("Conv", [x, weight], [y]).nests
    assert (nest.weight.density, nest.weight.nonzeros) == (0.5, (18, 17, 19, 18))
    (nest,) = work("ConvTranspose", [x, weight], [activation("y", 1, 4, 10, 10)]).nests
    assert (nest.weight.density, nest.weight.nonzeros, nest.weight_role) == (0.5, (), "parameter")


@pytest.mark.parametrize(
    ("name", "work_"),
    [("Relu", ("compare", 1)), ("HardSigmoid", ("compare", 4)), ("GELU", ("erf", 5)), ("Wat", ("compare", 1)), ("None", None), ("", None)],
)  # fmt: skip
def test_activations_that_an_attribute_names(name, work_):
    x, weight, y = activation("x", 1, 2, 4, 4), parameter("w", 3, 2, 1, 1), activation("y", 1, 3, 4, 4)
    third = [None, activation("z", 1, 3, 4, 4)]
    for op, extra in (("Conv", []), ("Conv", third), ("FusedConv", []), ("FusedConv", third), ("ConvTranspose", [])):
        if op == "ConvTranspose":
            weight = parameter("w", 2, 3, 1, 1)
        found = work(op, [x, weight, *extra], [y], {"activation": name}, "com.microsoft" if op == "FusedConv" else "")
        expected = [("add", 48, 48)] if op == "FusedConv" and extra else []
        expected += [(work_[0], work_[1] * 48, 48)] if work_ else []
        assert [(op.function, op.operations, op.elements) for op in found.vectors] == expected


def test_requantized_and_sampled_results():
    x, weight, y = activation("x", 2, 4, 5, 5), parameter("w", 8, 4, 3, 3), activation("y", 2, 8, 3, 3)
    found = work("QLinearConv", [x, None, None, weight], [y])
    assert [(op.function, op.operations, op.elements) for op in found.vectors] == [("quantize", 4 * 144, 144)]
    found = work("DeformConv", [x, weight, activation("o", 2, 18, 3, 3)], [y])
    assert [(op.function, op.operations, op.elements) for op in found.vectors] == [
        ("interpolate", 7 * 2 * 4 * 9 * 9, 2 * 4 * 9 * 9)
    ]
    assert found.macs == 2 * 8 * 9 * 4 * 9


def test_phases_of_a_transposed_convolution():
    """Five taps in steps of two: phases of three and of two taps along each axis, each a dense convolution of the input."""
    x, weight = activation("x", 3, 4, 6, 7), parameter("w", 4, 5, 5, 5)
    found = work("ConvTranspose", [x, weight], [activation("y", 3, 10, 15, 17)], {"strides": (2, 2), "group": 2})
    assert [(nest.s, nest.r, nest.repeat) for nest in found.nests] == [(3, 3, 1), (3, 2, 1), (2, 3, 1), (2, 2, 1)]
    for nest in found.nests:
        assert (nest.n, nest.g, nest.k, nest.c, nest.q, nest.p) == (3, 2, 5, 2, 6, 7)
        assert (nest.pad_top, nest.pad_left, nest.height, nest.width) == (nest.s - 1, nest.r - 1, 6, 7)
        assert (nest.stride_h, nest.stride_w, nest.dilation_h, nest.dilation_w) == (1, 1, 1, 1)
    for taps, stride, dilation, nests in (
        (4, 2, 1, [(2, 1, 2)]), (1, 3, 1, [(1, 1, 1)]), (2, 3, 1, [(1, 1, 2)]), (3, 2, 2, [(3, 1, 1)]), (3, 4, 2, [(2, 1, 1), (1, 1, 1)]),
        (5, 1, 3, [(5, 3, 1)]), (4, 6, 4, [(2, 2, 1), (1, 2, 2)]),
    ):  # fmt: skip
        inputs = [activation("x", 1, 1, 5), parameter("w", 1, 1, taps)]
        found = work(
            "ConvTranspose", inputs, [activation("y", 1, 1, 9)], {"strides": (stride,), "dilations": (dilation,)}
        )
        assert [(nest.r, nest.dilation_w, nest.repeat) for nest in found.nests] == nests
    axes = [activation("x", 1, 1, 2, 2, 2, 2), parameter("w", 1, 1, 2, 2, 2, 2)]  # of four axes the first stays whole
    found = work("ConvTranspose", axes, [activation("y", 1, 1, 4, 4, 4, 4)], {"strides": (2, 2, 2, 2)})
    (nest,) = found.nests
    assert (nest.c, nest.s, nest.r, nest.repeat, found.macs) == (2, 1, 1, 8, 2 * 8 * 16)


def test_layouts_with_channels_last():
    """By the operator, by its domain, or by an attribute of one; anything else has its channels first."""
    last, first = activation("x", 1, 6, 7, 4), activation("x", 1, 4, 6, 7)
    for op, domain, attributes in (
        ("NhwcConv", "com.microsoft", {}), ("NhwcFusedConv", "com.microsoft", {}), ("Conv", "com.ms.internal.nhwc", {}),
        ("Conv", "qonnx.custom_op.channels_last", {}), ("Conv", "", {"channels_last": 1}), ("Conv", "", {"channels_last": 2}),
        ("Conv", "", {}),
    ):  # fmt: skip
        nhwc = op != "Conv" or domain != "" or attributes.get("channels_last") == 1
        inputs = [last if nhwc else first, parameter("w", 8, 4, 3, 3)]
        (nest,) = work(
            op, inputs, [activation("y", 1, 4, 5, 8) if nhwc else activation("y", 1, 8, 4, 5)], attributes, domain
        ).nests
        assert (nest.c, nest.k, nest.q, nest.p, nest.height, nest.width, nest.s, nest.r) == (4, 8, 4, 5, 6, 7, 3, 3)
