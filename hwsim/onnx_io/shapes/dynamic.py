"""Operators whose output size depends on the data: bounded by the most it can be, unless the user says how much."""

from __future__ import annotations

import math

from hwsim.errors import ModelError
from hwsim.onnx_io.names import printable
from hwsim.onnx_io.shapes.op import Handler, Op, Shaped, normal_axis
from hwsim.onnx_io.values import shown


def _count(op: Op, bound: int, what: str, output: int = 0) -> int:
    """The user's number, or the upper bound, which is said."""
    name = op.output_names[output] if output < len(op.output_names) else ""
    given = op.counts.get(name)
    if given is not None:
        if given > bound:
            raise ModelError(f"--dim {printable(name)}={given}: at most {bound} {what} are possible")
        return given
    op.bounded = True
    if bound > 1:
        op.notes.append(
            f"how many {what} there are is known at run time: {bound} are assumed (the most possible); --dim '{printable(name)}=N' sets it"
        )
    return bound


def non_zero(op: Op) -> tuple[Shaped, ...]:
    """NonZero: [rank, number of nonzero elements]."""
    value = op.value(0)
    if value.data is not None:
        import numpy as np

        return (Shaped((len(value.shape), int(np.count_nonzero(value.data))), "int64"),)
    return (Shaped((len(value.shape), _count(op, value.elements, "nonzero elements")), "int64"),)


def compress(op: Op) -> tuple[Shaped, ...]:
    """Compress: the elements (or slices along ``axis``) that the condition selects."""
    shape, condition = op.shape(0), op.value(1)
    axis = op.attributes.get("axis")
    size = math.prod(shape) if axis is None else shape[normal_axis(axis, len(shape))]
    bound = min(size, condition.elements)
    count = (
        int(condition.data.astype(bool)[:size].sum())
        if condition.data is not None
        else _count(op, bound, "selected elements")
    )
    if axis is None:
        return (Shaped((count,), op.dtype(0)),)
    axis = normal_axis(axis, len(shape))
    return (Shaped((*shape[:axis], count, *shape[axis + 1 :]), op.dtype(0)),)


def unique(op: Op) -> tuple[Shaped, ...]:
    """Unique: the distinct elements (or slices along ``axis``), and where they are."""
    shape, axis = op.shape(0), op.attributes.get("axis")
    total = math.prod(shape)
    if axis is None:
        count = _count(op, total, "distinct elements")
        values, length = Shaped((count,), op.dtype(0)), total
    else:
        axis = normal_axis(axis, len(shape))
        count, length = _count(op, shape[axis], "distinct slices"), shape[axis]
        values = Shaped((*shape[:axis], count, *shape[axis + 1 :]), op.dtype(0))
    return (values, Shaped((count,), "int64"), Shaped((length,), "int64"), Shaped((count,), "int64"))


def non_max_suppression(op: Op) -> tuple[Shaped, ...]:
    """NonMaxSuppression: [boxes kept, 3], at most max_output_boxes_per_class for every batch and class."""
    boxes, scores = op.shape(0), op.shape(1)
    if len(boxes) != 3 or len(scores) != 3 or boxes[1] != scores[2] or boxes[2] != 4:
        raise ModelError(f"boxes {shown(boxes)} and scores {shown(scores)} do not fit")
    limit = op.value(2).data if op.has(2) else None
    each = scores[2]
    if limit is not None and limit.size:
        wanted = int(limit.reshape(-1)[0])
        op.resolved["max_output_boxes_per_class"] = wanted
        each = max(0, min(each, wanted))
    return (Shaped((_count(op, scores[0] * scores[1] * each, "boxes"), 3), "int64"),)


HANDLERS: dict[str, Handler] = {
    "NonZero": non_zero,
    "Compress": compress,
    "Unique": unique,
    "NonMaxSuppression": non_max_suppression,
}
