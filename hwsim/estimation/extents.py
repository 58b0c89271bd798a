"""What the kernels of a CPU go through, as far as a layer's operands say it: windows of pools, runs of what is moved."""

from __future__ import annotations

import math

from hwsim.graph import Layer, Network
from hwsim.workload import LoopNest

#: Moves of which a run ends where an axis is cut or joined.
MOVES = frozenset({"Concat", "Split", "Slice", "Gather", "Pad", "Expand"})


def pool_nest(layer: Layer, network: Network) -> LoopNest | None:
    """The windows of a pool as those of a depthwise convolution; None where they are not of an image."""
    given, made = (network.tensors[name].shape for name in (layer.inputs[0], layer.outputs[0]))
    kernel, strides, dilations, pads = (
        _whole(layer, name) for name in ("kernel_shape", "strides", "dilations", "pads")
    )
    if len(given) != 4 or len(made) != 4 or len(kernel) != 2:
        return None
    strides, dilations = strides or (1, 1), dilations or (1, 1)
    if len(pads) != 4:
        reaches = [(taps - 1) * apart + 1 for taps, apart in zip(kernel, dilations, strict=True)]
        around = zip(made[2:], strides, reaches, given[2:], strict=True)
        pads = tuple(max(0, (count - 1) * stride + reach - size) // 2 for count, stride, reach, size in around)
    return LoopNest(
        n=made[0], g=made[1], q=made[2], p=made[3], s=kernel[0], r=kernel[1], stride_h=strides[0], stride_w=strides[1],
        dilation_h=dilations[0], dilation_w=dilations[1], height=given[2], width=given[3], pad_top=pads[0], pad_left=pads[1],
    )  # fmt: skip


def _whole(layer: Layer, name: str) -> tuple[int, ...]:
    value = layer.attributes.get(name, ())
    return tuple(int(item) for item in value) if isinstance(value, tuple) else ()


def runs_of(layer: Layer, network: Network) -> tuple[int, int]:
    """Runs that a layer without products goes through its tensors in, and the elements of one [1].

    A run lies in one piece before and after a move, or meets one and the same element of a smaller operand.
    """
    shapes = [
        network.tensors[name].shape
        for name in (*layer.inputs, *layer.outputs)
        if name in network.tensors and network.tensors[name].role == "activation" and network.tensors[name].elements
    ]
    if len(shapes) < 2:
        return 1, 1 << 30
    whole, rank = shapes[-1], len(shapes[-1])
    smaller = min(shapes[:-1], key=math.prod)
    order = layer.attributes.get("perm")
    length = 1
    for axis in reversed(range(rank)):
        own = smaller[axis - rank] if rank - axis <= len(smaller) else 1
        if layer.op == "Transpose":
            if not isinstance(order, tuple) or order[axis] != axis:
                break
        elif layer.op in MOVES:
            if own != whole[axis]:
                length *= min(own, whole[axis])
                break
        elif own != 1 and math.prod(smaller) != math.prod(whole):
            break
        length *= whole[axis]
    return max(1, math.prod(whole) // max(1, length)), length
