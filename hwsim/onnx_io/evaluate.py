"""Small constants worked out ahead of time, as a runtime's constant folding would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hwsim.onnx_io.shapes.layout import selected
from hwsim.onnx_io.shapes.op import Op
from hwsim.onnx_io.values import MAX_EVALUATED, Array, Shape, numpy_dtype

Evaluator = Callable[[Op, list[Any], Shape, "np.dtype[Any]"], Array]


def evaluated(op: Op, shape: Shape, dtype: str) -> Array | None:
    """The first output of a node whose inputs are known, or None where this module does not know how.

    shape, dtype : of that output, already worked out; the result always has them.
    """
    kind = numpy_dtype(dtype)
    function = _FUNCTIONS.get(op.op)
    if function is None or kind is None or op.domain not in ("", "com.microsoft"):
        return None
    arrays = [None if value is None else value.data for value in op.inputs]
    if any(value is not None and value.items is not None for value in op.inputs):
        return None
    with np.errstate(all="ignore"):
        try:
            result = function(op, arrays, shape, kind)
        except (ValueError, IndexError, TypeError, OverflowError, ZeroDivisionError):
            return None
    result = np.asarray(result)
    if result.size > MAX_EVALUATED or result.shape != shape:
        return None
    return result.astype(kind, copy=False)


def _reshaped(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    return np.asarray(arrays[0]).reshape(shape)


def _plain(function: Callable[..., Any]) -> Evaluator:
    return lambda op, arrays, shape, kind: function(*arrays)


def _folded(function: Callable[[Any, Any], Any]) -> Evaluator:
    def evaluator(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
        result = arrays[0]
        for array in arrays[1:]:
            result = function(result, array)
        return np.asarray(result)

    return evaluator


def _div(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    if kind.kind not in "iu":
        return np.asarray(arrays[0] / arrays[1])
    quotient = np.abs(arrays[0]) // np.abs(arrays[1])  # ONNX truncates, numpy floors
    return np.asarray(quotient * np.sign(arrays[0]) * np.sign(arrays[1]))


def _mod(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    return np.asarray((np.fmod if op.attributes.get("fmod") else np.mod)(arrays[0], arrays[1]))


def _cast(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    return np.asarray(arrays[0]).astype(kind)


def _concat(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    return np.asarray(np.concatenate(arrays, axis=int(op.attributes.get("axis", 1))))


def _transpose(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    return np.transpose(arrays[0], op.resolved["perm"])


def _gather(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    return np.asarray(np.take(arrays[0], arrays[1], axis=int(op.attributes.get("axis", 0))))


def _slice(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    starts, ends = op.resolved["starts"], op.resolved["ends"]
    axes = op.resolved.get("axes", range(len(starts)))
    steps = op.resolved.get("steps", (1,) * len(starts))
    index: list[Any] = [slice(None)] * np.ndim(arrays[0])
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        found = selected(start, end, step, arrays[0].shape[axis])
        index[axis] = slice(found.start, found.stop if found.stop >= 0 else None, step)
    return np.asarray(arrays[0][tuple(index)])


def _expand(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    return np.broadcast_to(arrays[0], shape)


def _tile(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    return np.tile(arrays[0], op.resolved["repeats"])


def _range(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    start, delta = arrays[0].reshape(-1)[0], arrays[2].reshape(-1)[0]
    return np.asarray(start + delta * np.arange(shape[0]))


def _constant_of_shape(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    from onnx import numpy_helper

    value = op.attributes.get("value")
    return np.full(shape, 0 if value is None else numpy_helper.to_array(value).reshape(-1)[0], kind)


def _reduction(function: Callable[..., Any]) -> Evaluator:
    def evaluator(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
        axes = op.resolved.get("axes")
        return np.asarray(function(arrays[0], axis=tuple(axes) if axes else None)).reshape(shape)

    return evaluator


def _where(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    return np.asarray(np.where(arrays[0], arrays[1], arrays[2]))


def _trilu(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    offset = int(arrays[1].reshape(-1)[0]) if len(arrays) > 1 and arrays[1] is not None else 0
    return (np.triu if op.attributes.get("upper", 1) else np.tril)(arrays[0], offset)


def _cum_sum(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    if op.attributes.get("exclusive", 0) or op.attributes.get("reverse", 0):
        raise ValueError("only the plain form is evaluated")
    return np.asarray(np.cumsum(arrays[0], axis=int(arrays[1].reshape(-1)[0])))


def _scatter_nd(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    result = np.array(arrays[0])
    result[tuple(np.moveaxis(arrays[1], -1, 0))] = arrays[2]
    return result


def _non_zero(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    return np.stack(np.nonzero(arrays[0]))


def _pow(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    return np.asarray(np.power(arrays[0].astype(np.float64), arrays[1].astype(np.float64)))


def _one_hot(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    depth = int(op.resolved["depth"])
    axis = int(op.attributes.get("axis", -1))
    off, on = arrays[2].reshape(-1)
    wanted = np.expand_dims(np.mod(arrays[0], depth), axis)
    grid = np.arange(depth).reshape(
        [-1 if size == depth and at == axis % len(shape) else 1 for at, size in enumerate(shape)]
    )
    return np.asarray(np.where(wanted == grid, on, off))


def _arg_max(op: Op, arrays: list[Any], shape: Shape, kind: np.dtype[Any]) -> Array:
    function = np.argmax if op.op == "ArgMax" else np.argmin
    if op.attributes.get("select_last_index", 0):
        raise ValueError("only the first index is evaluated")
    return np.asarray(function(arrays[0], axis=int(op.attributes.get("axis", 0)))).reshape(shape)


_FUNCTIONS: dict[str, Evaluator] = {
    **dict.fromkeys(("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Dropout"), _reshaped),
    "Add": _plain(np.add),
    "Sub": _plain(np.subtract),
    "Mul": _plain(np.multiply),
    "Div": _div,
    "Mod": _mod,
    "Pow": _pow,
    "Max": _folded(np.maximum),
    "Min": _folded(np.minimum),
    "Sum": _folded(np.add),
    "Neg": _plain(np.negative),
    "Abs": _plain(np.abs),
    "Sign": _plain(np.sign),
    "Floor": _plain(np.floor),
    "Ceil": _plain(np.ceil),
    "Round": _plain(np.rint),
    "Sqrt": _plain(np.sqrt),
    "Exp": _plain(np.exp),
    "Log": _plain(np.log),
    "Reciprocal": _plain(np.reciprocal),
    "Sin": _plain(np.sin),
    "Cos": _plain(np.cos),
    "Not": _plain(np.logical_not),
    "And": _plain(np.logical_and),
    "Or": _plain(np.logical_or),
    "Xor": _plain(np.logical_xor),
    "Equal": _plain(np.equal),
    "Greater": _plain(np.greater),
    "Less": _plain(np.less),
    "GreaterOrEqual": _plain(np.greater_equal),
    "LessOrEqual": _plain(np.less_equal),
    "Where": _where,
    "Cast": _cast,
    "CastLike": _cast,
    "Concat": _concat,
    "Transpose": _transpose,
    "Gather": _gather,
    "Slice": _slice,
    "Expand": _expand,
    "Tile": _tile,
    "Range": _range,
    "ConstantOfShape": _constant_of_shape,
    "ReduceProd": _reduction(np.prod),
    "ReduceSum": _reduction(np.sum),
    "ReduceMax": _reduction(np.max),
    "ReduceMin": _reduction(np.min),
    "ReduceMean": _reduction(np.mean),
    "ArgMax": _arg_max,
    "ArgMin": _arg_max,
    "Trilu": _trilu,
    "CumSum": _cum_sum,
    "ScatterND": _scatter_nd,
    "NonZero": _non_zero,
    "OneHot": _one_hot,
}
