"""Operators with sliding windows: convolutions and poolings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.errors import ModelError
from hwsim.onnx_io.shapes.op import Handler, Op, Shaped
from hwsim.onnx_io.values import Shape, shown

#: A window, stride or padding beyond this is a slip or an attack.
MAX_EXTENT = 1 << 31


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows over the spatial dims, one entry a dim (pads: all begins, then all ends)."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]
    auto_pad: str


def _per_dim(op: Op, name: str, count: int, default: int, least: int) -> tuple[int, ...]:
    values = op.numbers(name)
    if values is None or (not values and count):
        return (default,) * count
    if len(values) != count:
        raise ModelError(f"attribute {name!r} is {list(values)[:8]}: {count} entries are needed")
    for value in values:
        if not least <= value < MAX_EXTENT:
            raise ModelError(
                f"attribute {name!r} is {list(values)[:8]}: each entry must be at least {least} and below 2^31"
            )
    return values


def read_windows(op: Op, kernel: Sequence[int]) -> Windows:
    """Strides, dilations and padding for a kernel, checked."""
    count = len(kernel)
    auto_pad = op.text("auto_pad", "NOTSET") or "NOTSET"
    if auto_pad not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise ModelError(f"auto_pad {auto_pad!r} is unknown (NOTSET, VALID, SAME_UPPER, SAME_LOWER)")
    if any(extent < 1 for extent in kernel):
        raise ModelError(f"kernel {shown(tuple(kernel))} has a dim below 1")
    pads = _per_dim(op, "pads", 2 * count, 0, -MAX_EXTENT) if auto_pad == "NOTSET" else (0,) * (2 * count)
    if any(extent < 0 for extent in pads):
        op.notes.append(f"pads {list(pads)} are negative: the input is cropped")
    return Windows(
        tuple(kernel), _per_dim(op, "strides", count, 1, 1), _per_dim(op, "dilations", count, 1, 1), pads, auto_pad
    )


def slide(op: Op, spatial: Shape, windows: Windows, ceil_mode: bool = False) -> Shape:
    """How many windows fit along each dim; writes the padding that results into the layer's attributes."""
    count = len(spatial)
    outs, begins, ends = [], [], []
    for dim, size in enumerate(spatial):
        stride = windows.strides[dim]
        reach = (windows.kernel[dim] - 1) * windows.dilations[dim] + 1
        begin, end = windows.pads[dim], windows.pads[count + dim]
        if windows.auto_pad.startswith("SAME"):
            rest = size % stride
            total = max(0, reach - (rest or stride))
            small, large = total // 2, total - total // 2
            begin, end = (large, small) if windows.auto_pad == "SAME_LOWER" else (small, large)
        if begin >= reach + size or end >= reach + size:
            op.notes.append(f"pads {list(windows.pads)[:8]} are wider than the window and the input together")
        room = size + begin + end - reach
        if room < 0:
            raise ModelError(
                f"the window ({reach} wide in dim {dim}) is larger than the padded input ({size + begin + end}); a larger input would help"
            )
        out = room // stride + 1
        # since opset 22 a window that would start behind the input is dropped, as PyTorch always did
        if ceil_mode and room % stride and (op.version < 22 or out * stride < size + begin):
            out += 1
        outs.append(out)
        begins.append(begin)
        ends.append(end)
    keep(op, windows, (*begins, *ends))
    return tuple(outs)


def keep(op: Op, windows: Windows, pads: tuple[int, ...]) -> None:
    """Write the windows, all defaults spelled out, into the layer's attributes."""
    op.resolved |= {
        "kernel_shape": windows.kernel,
        "strides": windows.strides,
        "dilations": windows.dilations,
        "pads": pads,
    }
    op.attributes.pop("auto_pad", None)


def _kernel(op: Op, weight: Shape) -> tuple[int, ...]:
    declared = op.numbers("kernel_shape")
    if declared and declared != weight:
        raise ModelError(f"kernel_shape {list(declared)[:8]} does not match the weight's {shown(weight)}")
    return weight


def convolved(op: Op, x: Shape, w: Shape) -> Shape:
    """Output of a convolution of x [N, C, ...] with w [K, C/group, ...]."""
    if len(x) < 2 or len(w) != len(x):
        raise ModelError(f"input {shown(x)} and weight {shown(w)} must have the same number of dims, at least 2")
    group = op.number("group", 1)
    if group < 1:
        raise ModelError(f"group is {group}; it must be at least 1")
    if w[1] * group != x[1]:
        raise ModelError(
            f"input {shown(x)} has {x[1]} channels; the weight {shown(w)} in {group} group(s) takes {w[1] * group}"
        )
    if w[0] % group:
        raise ModelError(f"group {group} does not divide the {w[0]} output channels")
    op.resolved["group"] = group
    return (x[0], w[0], *slide(op, x[2:], read_windows(op, _kernel(op, w[2:]))))


def _bias(op: Op, index: int, channels: int) -> None:
    if op.has(index) and op.shape(index) not in ((channels,), ()):
        raise ModelError(f"the bias has shape {shown(op.shape(index))}; {channels} is needed")


def convolution(data: int = 0, weight: int = 1, bias: int | None = 2, dtype: str | None = None) -> Handler:
    """Shape function of a convolution whose operands stand at these inputs."""

    def handler(op: Op) -> tuple[Shaped, ...]:
        shape = convolved(op, op.shape(data), op.shape(weight))
        if bias is not None:
            _bias(op, bias, shape[1])
        return (Shaped(shape, dtype or op.dtype(data)),)

    return handler


def channels_last(inner: Handler, data: int = 0) -> Handler:
    """The same operator on a channels-last input [N, ..., C]; its output is channels-last too."""

    def handler(op: Op) -> tuple[Shaped, ...]:
        value = op.value(data)
        shape = value.shape
        if len(shape) < 3:
            raise ModelError(f"input {shown(shape)} needs at least 3 dims")
        value.shape = (shape[0], shape[-1], *shape[1:-1])
        try:
            outs = inner(op)
        finally:
            value.shape = shape
        return tuple(Shaped((out.shape[0], *out.shape[2:], out.shape[1]), out.dtype) for out in outs)

    return handler


def if_channels_last(inner: Handler, data: int = 0) -> Handler:
    """The same operator, whose attribute ``channels_last`` tells the layout."""
    last = channels_last(inner, data)
    return lambda op: last(op) if op.number("channels_last", 0) else inner(op)


def conv_transpose(op: Op) -> tuple[Shaped, ...]:
    """ConvTranspose of x [N, C, ...] with w [C, K/group, ...]."""
    x, w = op.shape(0), op.shape(1)
    if len(x) < 3 or len(w) != len(x):
        raise ModelError(f"input {shown(x)} and weight {shown(w)} must have the same number of dims, at least 3")
    group, count = op.number("group", 1), len(x) - 2
    if group < 1:
        raise ModelError(f"group is {group}; it must be at least 1")
    if w[0] != x[1] or x[1] % group:
        raise ModelError(
            f"input {shown(x)} has {x[1]} channels; the weight {shown(w)} takes {w[0]} in {group} group(s)"
        )
    windows = read_windows(op, _kernel(op, w[2:]))
    extra = _per_dim(op, "output_padding", count, 0, 0)
    reach = [(k - 1) * d + 1 for k, d in zip(windows.kernel, windows.dilations, strict=True)]
    full = [(size - 1) * s + r + e for size, s, r, e in zip(x[2:], windows.strides, reach, extra, strict=True)]
    wanted = op.numbers("output_shape")
    if wanted:
        outs = _per_dim(op, "output_shape", count, 1, 1)
    elif windows.auto_pad.startswith("SAME"):
        outs = tuple(min(f, size * s + e) for f, size, s, e in zip(full, x[2:], windows.strides, extra, strict=True))
    else:
        outs = tuple(f - windows.pads[d] - windows.pads[count + d] for d, f in enumerate(full))
    begins, ends = list(windows.pads[:count]), list(windows.pads[count:])
    if wanted or windows.auto_pad.startswith("SAME"):
        for dim, total in enumerate(f - o for f, o in zip(full, outs, strict=True)):
            small, large = total // 2, total - total // 2
            begins[dim], ends[dim] = (small, large) if windows.auto_pad == "SAME_UPPER" else (large, small)
    if min(outs, default=1) < 1:
        raise ModelError(f"the padding leaves no output ({shown(outs)}); smaller pads or a larger input would help")
    keep(op, windows, (*begins, *ends))
    op.resolved["group"] = group
    _bias(op, 2, w[1] * group)
    return (Shaped((x[0], w[1] * group, *outs), op.dtype(0)),)


def pool(op: Op) -> tuple[Shaped, ...]:
    """MaxPool, AveragePool, LpPool; the second output of MaxPool holds indices."""
    x, kernel = op.shape(0), op.numbers("kernel_shape")
    if kernel is None:
        raise ModelError("the required attribute 'kernel_shape' is missing")
    if len(x) < 2 or len(kernel) != len(x) - 2:
        raise ModelError(f"kernel_shape {list(kernel)[:8]} does not fit the input {shown(x)}")
    outs = slide(op, x[2:], read_windows(op, kernel), bool(op.number("ceil_mode", 0)))
    first = Shaped((*x[:2], *outs), op.dtype(0))
    return (first, Shaped(first.shape, "int64"))


def global_pool(op: Op) -> tuple[Shaped, ...]:
    """GlobalAveragePool and its like: every spatial dim becomes 1."""
    x = op.shape(0)
    if len(x) < 2:
        raise ModelError(f"input {shown(x)} needs at least 2 dims")
    return (Shaped((*x[:2], *(1 for _ in x[2:])), op.dtype(0)),)


def max_roi_pool(op: Op) -> tuple[Shaped, ...]:
    """MaxRoiPool: the features of every region."""
    x, pooled = op.shape(0), op.numbers("pooled_shape") or ()
    return (Shaped((op.shape(1)[0], x[1], *pooled), op.dtype(0)),)


def max_unpool(op: Op) -> tuple[Shaped, ...]:
    """MaxUnpool: the input of the pooling that gave the indices."""
    x, kernel = op.shape(0), op.numbers("kernel_shape") or ()
    if len(kernel) != len(x) - 2:
        raise ModelError(f"kernel_shape {list(kernel)[:8]} does not fit the input {shown(x)}")
    windows = read_windows(op, kernel)
    if op.has(2):
        return (Shaped(op.ints(2) or (), op.dtype(0)),)
    count = len(kernel)
    outs = tuple(
        (size - 1) * windows.strides[d] - windows.pads[d] - windows.pads[count + d] + windows.kernel[d]
        for d, size in enumerate(x[2:])
    )
    return (Shaped((*x[:2], *outs), op.dtype(0)),)


def deform_conv(op: Op) -> tuple[Shaped, ...]:
    """DeformConv: a convolution whose third input moves the taps, two numbers for each tap, output position and offset group."""
    w, offset, groups = op.shape(1), op.shape(2), op.number("offset_group", 1)
    shape = convolved(op, op.shape(0), w)
    if groups < 1 or offset != (shape[0], 2 * groups * math.prod(w[2:]), *shape[2:]):
        raise ModelError(f"offset {shown(offset)} in {groups} group(s) does not fit the output {shown(shape)}")
    return (Shaped(shape, op.dtype(0)),)


HANDLERS: dict[str, Handler] = {
    "Conv": convolution(),
    "ConvInteger": convolution(bias=None, dtype="int32"),
    "QLinearConv": convolution(0, 3, 8),
    "ConvTranspose": conv_transpose,
    "DeformConv": deform_conv,
    "MaxPool": pool,
    "AveragePool": pool,
    "LpPool": pool,
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_pool,
    "GlobalLpPool": global_pool,
    "MaxRoiPool": max_roi_pool,
    "MaxUnpool": max_unpool,
}
