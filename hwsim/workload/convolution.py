"""Convolutions, of one to three spatial axes, forward and transposed.

One spatial axis is the width. With three, the depth folds into batch and channels: every output slice is one more image, every kernel slice
more input channels. MACs, weights and outputs stay exact; the input is counted once for each kernel slice that reads it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product as every_pair

from hwsim.graph import Tensor
from hwsim.workload.call import Call, Demand, accumulator, operand, stored_ahead, vector
from hwsim.workload.functions import ACTIVATION, INTERPOLATE
from hwsim.workload.nest import LoopNest, OperandType
from hwsim.workload.work import VectorOp

#: Axes of a transposed convolution that are split into phases; further ones, which nobody uses, stay whole.
_PHASED = 3


def conv(call: Call) -> Demand:
    """Conv, ConvInteger, FusedConv and kin: operands X, W."""
    return Demand(_forward(call, call.need(0, 3), call.need(1, 3), call.result(3)), _activation(call))


def qlinear_conv(call: Call) -> Demand:
    """QLinearConv: operands x, its scale and zero point, w; results are requantized (scale, round, shift, saturate)."""
    out = call.result(3)
    return Demand(
        _forward(call, call.need(0, 3), call.need(3, 3), out), vector("quantize", 4 * out.elements, out.elements)
    )


def deform_conv(call: Call) -> Demand:
    """DeformConv: every tap is sampled bilinearly, once for each offset group's channels, then convolved."""
    x, weight, out = call.need(0, 3), call.need(1, 3), call.result(3)
    samples = out.shape[0] * x.shape[1] * math.prod(out.shape[2:]) * math.prod(weight.shape[2:])
    return Demand(_forward(call, x, weight, out), vector("interpolate", INTERPOLATE * samples, samples))


def causal_conv(call: Call) -> Demand:
    """CausalConvWithState: a depthwise convolution along the width, with the state as its left padding."""
    x, weight, out = call.need(0, 3), call.need(1, 3), call.result(3)
    taps = weight.shape[2]
    first, second = operand(x), operand(weight)
    nest = LoopNest(
        n=out.shape[0],
        g=out.shape[1],
        p=out.shape[2],
        r=taps,
        width=x.shape[2],
        pad_left=taps - 1,
        input=first,
        weight=second,
        output=operand(out),
        accumulator=accumulator(first, second),
        weight_role="parameter" if stored_ahead(weight) else "activation",
    )
    return Demand((nest,) if nest.macs else (), _activation(call))


def conv_transpose(call: Call) -> Demand:
    """ConvTranspose: input elements · outputs per group · kernel, as one ordinary convolution per output phase.

    With stride s, outputs of one phase (their index modulo s) meet only every s-th tap, so the layer is up to s dense convolutions of the
    unstrided input per axis; phases with equally many taps are one nest repeated.
    """
    x, weight, out = call.need(0, 3), call.need(1, 3), call.result(3)
    rank = len(x.shape) - 2
    groups = max(1, call.integer("group", 1))
    if len(weight.shape) != rank + 2:
        raise call.error(f"weight {list(weight.shape)} does not fit input {list(x.shape)}")
    if x.shape[1] % groups:
        raise call.error(f"{x.shape[1]} input channels do not divide into {groups} groups")
    strides, dilations = _per_axis(call, "strides", rank), _per_axis(call, "dilations", rank)
    axes = zip(weight.shape[2:], strides, dilations, strict=True)
    phases = [
        _phases(taps, stride, dilation) if axis >= rank - _PHASED else [(taps, dilation, 1)]
        for axis, (taps, stride, dilation) in enumerate(axes)
    ]
    nests: list[LoopNest] = []
    for chosen in every_pair(*phases):
        taps = tuple(phase[0] for phase in chosen)
        steps = tuple(phase[1] for phase in chosen)
        repeat = math.prod(phase[2] for phase in chosen)
        nest = _nest(
            x,
            replace(weight, nonzeros=()),  # its first axis is that of the inputs
            operand(out),
            batch=x.shape[0],
            groups=groups,
            outputs=weight.shape[1],
            reduction=x.shape[1] // groups,
            image=x.shape[2:],
            result=x.shape[2:],
            kernel=taps,
            strides=(1,) * rank,
            dilations=steps,
            pads=tuple((tap - 1) * step for tap, step in zip(taps, steps, strict=True)),
            repeat=repeat,
        )
        nests += [nest] if nest.macs else []
    return Demand(tuple(nests), _activation(call))


def _phases(taps: int, stride: int, dilation: int) -> list[tuple[int, int, int]]:
    """(taps of a phase, their distance in input elements, number of such phases) of one axis; empty phases are left out."""
    common = math.gcd(stride, dilation)
    period = stride // common
    fewer, more = divmod(taps, period)
    found = [(fewer + 1, dilation // common, more), (fewer, dilation // common, period - more)]
    return [phase for phase in found if phase[0] > 0 and phase[2] > 0]


def _forward(call: Call, x: Tensor, weight: Tensor, out: Tensor) -> tuple[LoopNest, ...]:
    rank = len(x.shape) - 2
    last = _channels_last(call)
    image, result = (x.shape[1:-1], out.shape[1:-1]) if last else (x.shape[2:], out.shape[2:])
    channels, filters = (x.shape[-1], out.shape[-1]) if last else (x.shape[1], out.shape[1])
    groups = max(1, call.integer("group", 1))
    if filters % groups or channels % groups:
        raise call.error(f"{channels} input and {filters} output channels do not divide into {groups} groups")
    reduction = channels // groups
    if len(weight.shape) != rank + 2 or len(result) != rank:
        raise call.error(f"weight {list(weight.shape)} does not fit input {list(x.shape)}")
    kernel = call.integers("kernel_shape")
    if len(kernel) != rank:
        by_rows = last and weight.shape[1] != reduction and weight.shape[-1] == reduction
        kernel = weight.shape[1:-1] if by_rows else weight.shape[2:]
    strides, dilations = _per_axis(call, "strides", rank), _per_axis(call, "dilations", rank)
    nest = _nest(
        x,
        weight,
        operand(out),
        batch=out.shape[0],
        groups=groups,
        outputs=filters // groups,
        reduction=reduction,
        image=image,
        result=result,
        kernel=kernel,
        strides=strides,
        dilations=dilations,
        pads=_pads(call, image, result, kernel, strides, dilations),
    )
    return (nest,) if nest.macs else ()


def _nest(
    x: Tensor,
    weight: Tensor,
    output: OperandType,
    *,
    batch: int,
    groups: int,
    outputs: int,
    reduction: int,
    image: tuple[int, ...],
    result: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    pads: tuple[int, ...],
    repeat: int = 1,
) -> LoopNest:
    """The nest of a convolution with any number of spatial axes: leading ones fold into batch and channels."""
    folded = max(0, len(kernel) - 2)
    height, flat = (folded, 1) if len(kernel) > 1 else (0, 0)
    first, second = operand(x), operand(weight, 0)
    return LoopNest(
        n=batch * math.prod(result[:folded]),
        g=groups,
        k=outputs,
        c=reduction * math.prod(kernel[:folded]),
        q=result[height] if flat else 1,
        p=result[-1],
        s=kernel[height] if flat else 1,
        r=kernel[-1],
        stride_h=strides[height] if flat else 1,
        stride_w=strides[-1],
        dilation_h=dilations[height] if flat else 1,
        dilation_w=dilations[-1],
        height=image[height] if flat else 1,
        width=image[-1],
        pad_top=pads[height] if flat else 0,
        pad_left=pads[-1],
        input=first,
        weight=second,
        output=output,
        accumulator=accumulator(first, second),
        weight_role="parameter" if stored_ahead(weight) else "activation",
        repeat=repeat,
    )


def _per_axis(call: Call, name: str, rank: int) -> tuple[int, ...]:
    values = call.integers(name)
    if len(values) != rank:
        return (1,) * rank
    return tuple(max(1, value) for value in values)


def _pads(
    call: Call,
    image: tuple[int, ...],
    result: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> tuple[int, ...]:
    """Padding before the first element of every axis; negative pads crop."""
    auto = call.text("auto_pad", "NOTSET")
    if auto.startswith("SAME"):
        total = [
            max(0, (out - 1) * stride + (taps - 1) * dilation + 1 - size)
            for size, out, taps, stride, dilation in zip(image, result, kernel, strides, dilations, strict=True)
        ]
        return tuple(pad // 2 if auto == "SAME_UPPER" else pad - pad // 2 for pad in total)
    pads = call.integers("pads")
    return pads[: len(image)] if auto == "NOTSET" and len(pads) == 2 * len(image) else (0,) * len(image)


def _channels_last(call: Call) -> bool:
    layer = call.layer
    return (
        layer.op in ("NhwcConv", "NhwcFusedConv")
        or layer.domain in ("com.ms.internal.nhwc", "qonnx.custom_op.channels_last")
        or call.integer("channels_last") == 1
    )


def _activation(call: Call) -> tuple[VectorOp, ...]:
    """The vector work of an ``activation`` attribute and of a residual operand Z (FusedConv's fourth)."""
    out = call.result()
    found = vector("add", out.elements, out.elements) if call.layer.op == "FusedConv" and call.input(3) else ()
    name = call.text("activation").lower()
    if name and name != "none":
        function, operations = ACTIVATION.get(name, ("compare", 1))
        found += vector(function, operations * out.elements, out.elements)
    return found
