"""Operators that move data: reshape, transpose, concatenate, slice, gather, pad."""

from __future__ import annotations

import math

from hwsim.errors import ModelError
from hwsim.onnx_io.shapes.op import Handler, Op, RunTimeError, Shaped, broadcast, normal_axes, normal_axis
from hwsim.onnx_io.values import Shape, shown


def reshaped(shape: Shape, target: tuple[int, ...], allow_zero: bool = False) -> Shape:
    """``target`` with 0 (copy) and -1 (whatever is left) filled in."""
    if target.count(-1) > 1:
        raise ModelError(f"the target shape {list(target)[:12]} has more than one -1")
    result = list(target)
    for index, extent in enumerate(target):
        if extent == 0 and not allow_zero:
            if index >= len(shape):
                raise ModelError(
                    f"the target shape {list(target)[:12]} copies dim {index}, which {shown(shape)} does not have"
                )
            result[index] = shape[index]
        elif extent < -1:
            raise ModelError(f"the target shape {list(target)[:12]} has a dim below -1")
    total = math.prod(shape)
    if -1 in result:
        rest = math.prod(extent for extent in result if extent != -1)
        if rest == 0 or total % rest:
            raise ModelError(
                f"{shown(shape)} ({total} elements) cannot become {list(target)[:12]}: a batch or size baked into the graph?"
            )
        result[result.index(-1)] = total // rest
    if math.prod(result) != total:
        raise ModelError(
            f"{shown(shape)} ({total} elements) cannot become {list(target)[:12]}: a batch or size baked into the graph?"
        )
    return tuple(result)


def _with_batch(op: Op, shape: Shape, target: tuple[int, ...]) -> tuple[int, ...]:
    """The target whose leading 1 is the batch that the user changed, where the elements allow it."""
    changed = (op.batch or 1, *target[1:])
    try:
        reshaped(shape, changed)
    except ModelError:
        return target
    if shape and shape[0] % (op.batch or 1) == 0:
        op.resolved["shape"], op.rebatched = changed, True
        return changed
    return target


def reshape(op: Op) -> tuple[Shaped, ...]:
    """Reshape: the target is an attribute (opset 1) or an input."""
    target = op.ints_of("shape", 1)
    if target is None:
        raise ModelError("neither an attribute nor an input gives the target shape")
    shape = op.shape(0)
    if op.batch and target[:1] == (1,) and not op.value(0).static:
        target = _with_batch(op, shape, target)
    if op.soft and all(extent > 0 for extent in target) and math.prod(target) < math.prod(shape):
        return (Shaped(target, op.dtype(0)),)  # the file was traced with fewer elements than there can be
    return (Shaped(reshaped(shape, target, bool(op.number("allowzero", 0))), op.dtype(0)),)


def transpose(op: Op) -> tuple[Shaped, ...]:
    """Transpose: the reverse order unless ``perm`` says another."""
    shape = op.shape(0)
    perm = op.numbers("perm")
    if perm is None:
        perm = tuple(reversed(range(len(shape))))
    if sorted(perm) != list(range(len(shape))):
        raise ModelError(f"perm {list(perm)[:12]} is no permutation of the {len(shape)} dims of {shown(shape)}")
    op.resolved["perm"] = perm
    return (Shaped(tuple(shape[axis] for axis in perm), op.dtype(0)),)


def flatten(op: Op) -> tuple[Shaped, ...]:
    """Flatten: two dims, split at ``axis``."""
    shape, axis = op.shape(0), op.number("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise ModelError(f"axis {axis} is out of range for {len(shape)} dims")
    axis += len(shape) if axis < 0 else 0
    return (Shaped((math.prod(shape[:axis]), math.prod(shape[axis:])), op.dtype(0)),)


def squeeze(op: Op) -> tuple[Shaped, ...]:
    """Squeeze: the named dims, or all that are 1, vanish."""
    shape, axes = op.shape(0), op.ints_of("axes", 1)
    if axes is None:
        return (Shaped(tuple(extent for extent in shape if extent != 1), op.dtype(0)),)
    gone = set(normal_axes(axes, len(shape)))
    for axis in gone:
        if shape[axis] != 1:
            raise ModelError(f"dim {axis} of {shown(shape)} cannot be squeezed: it is {shape[axis]}, not 1")
    return (Shaped(tuple(extent for axis, extent in enumerate(shape) if axis not in gone), op.dtype(0)),)


def unsqueeze(op: Op) -> tuple[Shaped, ...]:
    """Unsqueeze: dims of 1 appear."""
    shape, axes = op.shape(0), op.ints_of("axes", 1)
    if axes is None:
        raise ModelError("neither an attribute nor an input gives the axes")
    new = set(normal_axes(axes, len(shape) + len(axes)))
    rest = iter(shape)
    return (Shaped(tuple(1 if axis in new else next(rest) for axis in range(len(shape) + len(axes))), op.dtype(0)),)


def concat(op: Op) -> tuple[Shaped, ...]:
    """Concat: dims add up along one axis and agree elsewhere."""
    shapes = [value.shape for value in op.inputs if value is not None]
    if not shapes:
        raise ModelError("has no inputs")
    first = shapes[0]
    axis = normal_axis(op.number("axis", 1), len(first))
    for shape in shapes[1:]:
        if len(shape) != len(first) or any(
            a != b for d, (a, b) in enumerate(zip(shape, first, strict=True)) if d != axis
        ):
            raise ModelError(f"shapes {shown(first)} and {shown(shape)} differ outside axis {axis}")
    total = sum(shape[axis] for shape in shapes)
    dtype = next(value.dtype for value in op.inputs if value is not None)
    return (Shaped((*first[:axis], total, *first[axis + 1 :]), dtype),)


def split(op: Op) -> tuple[Shaped, ...]:
    """Split: sizes given, or as many equal parts as outputs."""
    shape = op.shape(0)
    axis = normal_axis(op.number("axis", 0), len(shape))
    parts = op.ints_of("split", 1)
    size, count = shape[axis], op.outputs
    if parts is None:
        count = op.number("num_outputs", count)
        if count != op.outputs:
            raise ModelError(f"num_outputs is {count} for {op.outputs} outputs")
        if "num_outputs" not in op.attributes and size % count:
            raise ModelError(f"dim {axis} of {shown(shape)} cannot be split into {count} equal parts")
        part = -(-size // count)
        parts = tuple(max(0, min(part, size - part * index)) for index in range(count))
    fits = sum(parts) < size if op.soft else False  # traced with fewer slices than there can be
    if (sum(parts) != size and not fits) or len(parts) < op.outputs or min(parts, default=0) < 0:
        raise ModelError(f"split {list(parts)[:8]} does not add up to dim {axis} of {shown(shape)}")
    return tuple(Shaped((*shape[:axis], part, *shape[axis + 1 :]), op.dtype(0)) for part in parts)


def selected(start: int, end: int, step: int, extent: int) -> range:
    """Positions that a Slice takes from a dim: as in Python, but a start before the first is the first, backwards too."""
    if step < 0 and start < -extent:
        start = -extent
    return range(*slice(start, end, step).indices(extent))


def slice_(op: Op) -> tuple[Shaped, ...]:
    """Slice: attributes (opset 1) or inputs; bounds are clamped as in Python."""
    shape = op.shape(0)
    try:
        starts, ends = op.ints_of("starts", 1), op.ints_of("ends", 2)
        axes, steps = op.ints_of("axes", 3), op.ints_of("steps", 4)
    except RunTimeError as unknown:
        return _bounded_slice(op, unknown)
    if starts is None or ends is None:
        raise ModelError("starts or ends are missing")
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ModelError("starts, ends, axes and steps differ in length")
    result = list(shape)
    for axis, start, end, step in zip(normal_axes(axes, len(shape)), starts, ends, steps, strict=True):
        if step == 0:
            raise ModelError("a step is 0")
        result[axis] = len(selected(start, end, step, shape[axis]))
    return (Shaped(tuple(result), op.dtype(0)),)


def _bounded_slice(op: Op, unknown: RunTimeError) -> tuple[Shaped, ...]:
    """A slice whose bounds are computed at run time keeps at most what it had; the user may say how much.

    A start that is an index plus a constant length (as dynamic slicing exports it) is not recognised.
    """
    shape, axes = op.shape(0), op.ints(3) if op.has(3) else None
    count = op.value(1).elements
    if count > len(shape):
        raise ModelError(f"{count} positions for the {len(shape)} dims of {shown(shape)}")
    axes = tuple(range(count)) if axes is None else axes
    result = list(shape)
    name = op.output_names[0] if op.output_names else ""
    for axis in normal_axes(axes, len(shape)):
        result[axis] = min(result[axis], op.counts.get(name, result[axis]))
    if name not in op.counts:
        op.bounded = True
        op.notes.append(
            f"slices at positions known at run time: the whole {shown(shape)} is assumed (its upper bound); --dim '{name}=N' sets it"
        )
    return (Shaped(tuple(result), op.dtype(0)),)


def gather(op: Op) -> tuple[Shaped, ...]:
    """Gather: the shape of the indices in place of one axis."""
    shape, indices = op.shape(0), op.value(1)
    if not shape:
        raise ModelError("a scalar cannot be gathered from")
    axis = normal_axis(op.number("axis", 0), len(shape))
    _check_indices(op, shape[axis])
    return (Shaped((*shape[:axis], *indices.shape, *shape[axis + 1 :]), op.dtype(0)),)


def _check_indices(op: Op, extent: int) -> None:
    data = op.value(1).data
    if data is not None and data.size and data.dtype.kind in "iu":
        low, high = int(data.min()), int(data.max())
        if low < -extent or high >= extent:
            raise ModelError(f"index {low if low < -extent else high} is out of range for a dim of {extent}")


def gather_elements(op: Op) -> tuple[Shaped, ...]:
    """GatherElements: the shape of the indices."""
    if len(op.shape(0)) != len(op.shape(1)):
        raise ModelError(
            f"data {shown(op.shape(0))} and indices {shown(op.shape(1))} must have the same number of dims"
        )
    normal_axis(op.number("axis", 0), len(op.shape(0)))
    return (Shaped(op.shape(1), op.dtype(0)),)


def gather_nd(op: Op) -> tuple[Shaped, ...]:
    """GatherND: the last dim of the indices picks."""
    shape, indices, batch = op.shape(0), op.shape(1), op.number("batch_dims", 0)
    if not indices or not 0 <= batch < len(indices) or batch + indices[-1] > len(shape):
        raise ModelError(f"indices {shown(indices)} do not fit the data {shown(shape)} with batch_dims {batch}")
    return (Shaped((*indices[:-1], *shape[batch + indices[-1] :]), op.dtype(0)),)


def scatter(op: Op) -> tuple[Shaped, ...]:
    """ScatterElements: the shape of the data."""
    normal_axis(op.number("axis", 0), len(op.shape(0)))
    if op.shape(1) != op.shape(2) and not op.soft:
        raise ModelError(f"indices {shown(op.shape(1))} and updates {shown(op.shape(2))} must have the same shape")
    return (Shaped(op.shape(0), op.dtype(0)),)


def scatter_nd(op: Op) -> tuple[Shaped, ...]:
    """ScatterND: the shape of the data."""
    indices = op.shape(1)
    if not indices or indices[-1] > len(op.shape(0)):
        raise ModelError(f"indices {shown(indices)} do not fit the data {shown(op.shape(0))}")
    return (Shaped(op.shape(0), op.dtype(0)),)


def expand(op: Op) -> tuple[Shaped, ...]:
    """Expand: broadcast to a shape."""
    target = op.ints_of("shape", 1) or ()
    if any(extent < 0 for extent in target):
        raise ModelError(f"the target shape {list(target)[:12]} has a negative dim")
    return (Shaped(broadcast(op.shape(0), target), op.dtype(0)),)


def tile(op: Op) -> tuple[Shaped, ...]:
    """Tile: every dim repeated."""
    shape, repeats = op.shape(0), op.ints_of("repeats", 1) or ()
    if op.version < 6 and len(op.inputs) == 3:
        return _tile_along(op)
    if len(repeats) != len(shape) or any(count < 0 for count in repeats):
        raise ModelError(f"repeats {list(repeats)[:12]} do not fit the input {shown(shape)}")
    return (Shaped(tuple(extent * count for extent, count in zip(shape, repeats, strict=True)), op.dtype(0)),)


def _tile_along(op: Op) -> tuple[Shaped, ...]:
    shape, tiles, axis = list(op.shape(0)), op.ints(1) or (1,), op.ints(2) or (0,)
    shape[normal_axis(axis[0], len(shape))] *= tiles[0]
    return (Shaped(tuple(shape), op.dtype(0)),)


def pad(op: Op) -> tuple[Shaped, ...]:
    """Pad: begins, then ends, of all dims or of ``axes``; negative ones crop."""
    shape = op.shape(0)
    pads = op.ints_of("pads", 1) or op.numbers("paddings")
    axes = op.ints(3) if op.has(3) else None
    if pads is None:
        raise ModelError("neither an attribute nor an input gives the pads")
    axes = tuple(range(len(shape))) if axes is None else normal_axes(axes, len(shape))
    if len(pads) != 2 * len(axes):
        raise ModelError(f"pads {list(pads)[:12]} do not fit the {len(axes)} padded dims of {shown(shape)}")
    result = list(shape)
    for index, axis in enumerate(axes):
        result[axis] += pads[index] + pads[len(axes) + index]
        if result[axis] < 0:
            raise ModelError(f"pads {list(pads)[:12]} crop more than dim {axis} of {shown(shape)} has")
    return (Shaped(tuple(result), op.dtype(0)),)


def one_hot(op: Op) -> tuple[Shaped, ...]:
    """OneHot: a new dim of ``depth``."""
    indices, depth = op.shape(0), op.ints(1) or (0,)
    axis = normal_axis(op.number("axis", -1), len(indices) + 1)
    if depth[0] < 1:
        raise ModelError(f"depth is {depth[0]}; it must be at least 1")
    op.resolved["depth"] = depth[0]
    return (Shaped((*indices[:axis], int(depth[0]), *indices[axis:]), op.dtype(2)),)


def eye_like(op: Op) -> tuple[Shaped, ...]:
    """EyeLike: the shape of the input."""
    from hwsim.onnx_io.values import dtype_name

    code = op.attributes.get("dtype")
    if len(op.shape(0)) != 2:
        raise ModelError(f"input {shown(op.shape(0))}: EyeLike takes a matrix")
    return (Shaped(op.shape(0), op.dtype(0) if code is None else dtype_name(code, "attribute 'dtype'")),)


HANDLERS: dict[str, Handler] = {
    "Reshape": reshape,
    "Transpose": transpose,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Concat": concat,
    "Split": split,
    "Slice": slice_,
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "Scatter": scatter,
    "ScatterElements": scatter,
    "ScatterND": scatter_nd,
    "Expand": expand,
    "Tile": tile,
    "Pad": pad,
    "OneHot": one_hot,
    "EyeLike": eye_like,
}
