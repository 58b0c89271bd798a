"""Windows along the height: which rows of its operand a layer needs for a row of its result."""

from __future__ import annotations

from hwsim.graph import Layer
from hwsim.graph.operators import ELEMENTWISE
from hwsim.workload.work import Work

#: Pools whose windows move over rows.
POOLS = ("MaxPool", "AveragePool")


def row_window(layer: Layer, work: Work) -> tuple[int, int, int] | None:
    """Span, stride and padding along the height [1]; None for a layer that does not work row by row."""
    if layer.repeat != 1 or work.moves or len(work.nests) > 1:
        return None
    if work.nests:
        nest = work.nests[0]
        if nest.repeat != 1 or nest.weight_role != "parameter" or nest.pad_top < 0:
            return None
        return (nest.s - 1) * nest.dilation_h + 1, nest.stride_h, nest.pad_top
    if layer.op not in POOLS:
        return (1, 1, 0) if layer.op in ELEMENTWISE else None
    kernel, strides, pads, dilations = (
        _whole(layer, name) for name in ("kernel_shape", "strides", "pads", "dilations")
    )
    if len(kernel) != 2 or layer.attributes.get("auto_pad", "NOTSET") != "NOTSET":
        return None
    return (kernel[0] - 1) * (dilations or (1,))[0] + 1, (strides or (1,))[0], (pads or (0,))[0]


def _whole(layer: Layer, name: str) -> tuple[int, ...]:
    value = layer.attributes.get(name, ())
    return tuple(int(item) for item in value) if isinstance(value, tuple) else ()
