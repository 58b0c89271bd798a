"""Operators that compute: elementwise, reductions, matrix products, normalizations."""

from __future__ import annotations

import math

from hwsim.errors import ModelError
from hwsim.onnx_io.shapes.op import Handler, Op, RunTimeError, Shaped, broadcast, normal_axes, normal_axis
from hwsim.onnx_io.values import Shape, dtype_name, shown


def unary(op: Op) -> tuple[Shaped, ...]:
    """Same shape and type as the first input."""
    first = op.value(0)
    return (Shaped(first.shape, first.dtype),)


def to_type(dtype: str) -> Handler:
    """Same shape as the first input, another type."""
    return lambda op: (Shaped(op.shape(0), dtype),)


def cast(op: Op) -> tuple[Shaped, ...]:
    """Cast: the attribute ``to`` names the type."""
    to = op.attributes.get("to")
    if isinstance(to, str):  # opset 1 to 5 spell it out
        named = {"FLOAT": "float32", "DOUBLE": "float64"}.get(to, to.lower())
        return (Shaped(op.shape(0), named),)
    if not isinstance(to, int):
        raise ModelError("the required attribute 'to' is missing")
    return (Shaped(op.shape(0), dtype_name(to, "attribute 'to'")),)


def cast_like(op: Op) -> tuple[Shaped, ...]:
    """CastLike: the type of the second input."""
    return (Shaped(op.shape(0), op.dtype(1)),)


def _together(op: Op) -> Shape:
    """Shape of all inputs broadcast, the one-sided way of opsets 1 to 6 included."""
    if op.version < 7 and op.domain == "" and len(op.inputs) == 2:
        left, right = op.shape(0), op.shape(1)
        if left == right or not op.number("broadcast", 0):
            return broadcast(left, right)
        axis = op.number("axis", len(left) - len(right))
        axis += len(left) if axis < 0 else 0
        if not 0 <= axis <= len(left) - len(right):
            raise ModelError(f"axis {axis} does not place {shown(right)} inside {shown(left)}")
        return broadcast(left, right + (1,) * (len(left) - axis - len(right)))
    shapes = [value.shape for value in op.inputs if value is not None]
    return _bounded(shapes) if op.soft else broadcast(*shapes)


def _bounded(shapes: list[Shape]) -> Shape:
    """Shapes of which some are only the largest possible, broadcast: where two of them differ, the smaller bound holds."""
    rank = max(map(len, shapes))
    columns = zip(*[(1,) * (rank - len(shape)) + shape for shape in shapes], strict=True)
    return tuple(min((extent for extent in column if extent != 1), default=1) for column in columns)


def elementwise(op: Op) -> tuple[Shaped, ...]:
    """All inputs broadcast; the first one's type."""
    return (Shaped(_together(op), op.dtype(0)),)


def compare(op: Op) -> tuple[Shaped, ...]:
    """All inputs broadcast to bool."""
    return (Shaped(_together(op), "bool"),)


def where(op: Op) -> tuple[Shaped, ...]:
    """Condition and both choices broadcast; the type of a choice."""
    return (Shaped(_together(op), op.dtype(1)),)


def prelu(op: Op) -> tuple[Shaped, ...]:
    """PRelu: the slope broadcasts to the input, one way (before opset 9 one slope a channel)."""
    x, slope = op.shape(0), op.shape(1)
    if op.version < 9 and len(slope) == 1 and len(x) > 1 and slope[0] in (1, x[1]):
        return (Shaped(x, op.dtype(0)),)
    if broadcast(x, slope) != x:
        raise ModelError(f"the slope {shown(slope)} does not broadcast to the input {shown(x)}")
    return (Shaped(x, op.dtype(0)),)


def matmul_shape(a: Shape, b: Shape) -> Shape:
    """numpy's rules for the product of two stacks of matrices."""
    if not a or not b:
        raise ModelError(f"{shown(a)} and {shown(b)}: a scalar cannot be multiplied as a matrix")
    left, right = (1, *a) if len(a) == 1 else a, (*b, 1) if len(b) == 1 else b
    if left[-1] != right[-2]:
        raise ModelError(f"{shown(a)} and {shown(b)} cannot be multiplied: {left[-1]} columns against {right[-2]} rows")
    result = (*broadcast(left[:-2], right[:-2]), left[-2], right[-1])
    if len(a) == 1:
        result = (*result[:-2], result[-1])
    return result[:-1] if len(b) == 1 else result


def matmul(a: int = 0, b: int = 1, dtype: str | None = None) -> Handler:
    """Shape function of a matrix product whose operands stand at these inputs."""
    return lambda op: (Shaped(matmul_shape(op.shape(a), op.shape(b)), dtype or op.dtype(a)),)


def gemm_shape(op: Op, a: int, b: int) -> Shape:
    """Shape [M, N] of Gemm, the operands transposed where the attributes say so."""
    left, right = op.shape(a), op.shape(b)
    if op.version < 7 and len(left) > 2:  # Caffe2's FC flattened on its own
        left = (left[0], math.prod(left[1:]))
    if len(left) != 2 or len(right) != 2:
        raise ModelError(f"{shown(left)} and {shown(right)}: Gemm takes two matrices")
    m, k = left[::-1] if op.number("transA", 0) else left
    rows, n = right[::-1] if op.number("transB", 0) else right
    if k != rows:
        raise ModelError(f"{shown(left)} and {shown(right)} cannot be multiplied: {k} columns against {rows} rows")
    return (m, n)


def gemm(op: Op) -> tuple[Shaped, ...]:
    """Gemm: [M, N], to which C broadcasts one way."""
    shape = gemm_shape(op, 0, 1)
    if op.has(2) and op.version >= 7 and broadcast(shape, op.shape(2)) != shape:
        raise ModelError(f"C {shown(op.shape(2))} does not broadcast to the product {shown(shape)}")
    return (Shaped(shape, op.dtype(0)),)


def _reduced(shape: Shape, axes: tuple[int, ...], keep: bool) -> Shape:
    gone = set(normal_axes(axes, len(shape)))
    if keep:
        return tuple(1 if axis in gone else extent for axis, extent in enumerate(shape))
    return tuple(extent for axis, extent in enumerate(shape) if axis not in gone)


def reduce(op: Op) -> tuple[Shaped, ...]:
    """Reduce*: the axes are an attribute or, in newer opsets, an input."""
    shape, axes = op.shape(0), op.ints_of("axes", 1)
    keep = bool(op.number("keepdims", 1))
    if not axes:
        if op.number("noop_with_empty_axes", 0):
            return (Shaped(shape, op.dtype(0)),)
        axes = tuple(range(len(shape)))
    return (Shaped(_reduced(shape, axes, keep), op.dtype(0)),)


def arg_reduce(op: Op) -> tuple[Shaped, ...]:
    """ArgMax, ArgMin: positions along one axis."""
    shape = op.shape(0)
    return (Shaped(_reduced(shape, (op.number("axis", 0),), bool(op.number("keepdims", 1))), "int64"),)


def top_k(op: Op) -> tuple[Shaped, ...]:
    """TopK: k elements along one axis, and where they were."""
    shape = op.shape(0)
    axis = normal_axis(op.number("axis", -1), len(shape))
    try:
        k = (op.ints(1) or (1,))[0] if op.has(1) else op.number("k", 1)
    except RunTimeError:
        name = op.output_names[0] if op.output_names else ""
        k = op.counts.get(name, shape[axis])
        if name not in op.counts:
            op.bounded = True
            op.notes.append(
                f"keeps a number of elements known at run time: all {k} are assumed; --dim '{name}=N' sets it"
            )
    if not 0 <= k <= shape[axis]:
        raise ModelError(f"k is {k}; dim {axis} of {shown(shape)} has {shape[axis]}")
    op.resolved["k"] = int(k)
    out = (*shape[:axis], int(k), *shape[axis + 1 :])
    return (Shaped(out, op.dtype(0)), Shaped(out, "int64"))


def along_axis(default: int) -> Handler:
    """Same shape and type, after checking the attribute ``axis``."""

    def handler(op: Op) -> tuple[Shaped, ...]:
        first = op.value(0)
        normal_axis(op.number("axis", default), max(1, len(first.shape)))
        return (Shaped(first.shape, first.dtype),)

    return handler


def softmax(op: Op) -> tuple[Shaped, ...]:
    """Softmax and its like: the default axis moved from 1 to -1 in opset 13."""
    return along_axis(-1 if op.version >= 13 else min(1, len(op.shape(0)) - 1))(op)


def running(op: Op) -> tuple[Shaped, ...]:
    """CumSum: along an axis that may be known at run time only."""
    first = op.value(0)
    axis = op.value(1).data
    if axis is not None:
        normal_axis(int(axis.reshape(-1)[0]), len(first.shape))
    return (Shaped(first.shape, first.dtype),)


def reverse_sequence(op: Op) -> tuple[Shaped, ...]:
    """ReverseSequence: a length for each entry of the batch axis, along the time axis."""
    shape = op.shape(0)
    batch, time = op.number("batch_axis", 1), op.number("time_axis", 0)
    if len(shape) < 2 or {batch, time} != {0, 1} or op.shape(1) != (shape[batch],):
        raise ModelError(
            f"input {shown(shape)}, batch_axis {batch}, time_axis {time} and lengths {shown(op.shape(1))} do not fit"
        )
    return (Shaped(shape, op.dtype(0)),)


def shape_of(op: Op) -> tuple[Shaped, ...]:
    """Shape: as many numbers as dims between ``start`` and ``end``."""
    rank = len(op.shape(0))
    start, end, _ = slice(op.number("start", 0), op.number("end", rank)).indices(rank)
    return (Shaped((max(0, end - start),), "int64"),)


def size_of(op: Op) -> tuple[Shaped, ...]:
    """Size: one number."""
    return (Shaped((), "int64"),)


def dropout(op: Op) -> tuple[Shaped, ...]:
    """Dropout: the mask as a second output."""
    first = op.value(0)
    return (Shaped(first.shape, first.dtype), Shaped(first.shape, "bool" if op.version >= 10 else first.dtype))


def range_(op: Op) -> tuple[Shaped, ...]:
    """Range: its length from start, limit and delta, which must be known."""
    name = op.output_names[0] if op.output_names else ""
    if name in op.counts:
        return (Shaped((op.counts[name],), op.dtype(0)),)
    start, limit, delta = (op.data(index) for index in range(3))
    if start is None or limit is None or delta is None:
        raise ModelError("start, limit and delta must be given")
    step = delta.reshape(-1)[0].item()
    if step == 0 or math.isnan(step):
        raise ModelError(f"delta is {step}: the range never ends")
    count = (limit.reshape(-1)[0].item() - start.reshape(-1)[0].item()) / step
    if not count < 2**53:
        raise ModelError(f"the range has {count:g} elements")
    return (Shaped((max(0, math.ceil(count)),), op.dtype(0)),)


def constant_of_shape(op: Op) -> tuple[Shaped, ...]:
    """ConstantOfShape: the shape is the input."""
    shape = op.ints(0) or ()
    value = op.attributes.get("value")
    if value is not None and math.prod(value.dims) != 1:
        raise ModelError(f"attribute 'value' holds {math.prod(value.dims)} elements; one is needed")
    dtype = "float32" if value is None else dtype_name(value.data_type, "attribute 'value'")
    return (Shaped(shape, dtype),)


_SAME_SHAPE = """
Abs Neg Floor Ceil Round Sqrt Reciprocal Exp Log Erf Sign Not BitwiseNot Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh
Asinh Acosh Atanh Relu LeakyRelu Elu Selu Celu Sigmoid HardSigmoid HardSwish Softplus Softsign ThresholdedRelu Gelu
Mish Swish Shrink Clip Identity LRN MeanVarianceNormalization CumProd Trilu ImageScaler Affine Scale ParametricSoftplus ScaledTanh Crop
GivenTensorFill
"""
_REDUCE = [
    f"Reduce{kind}" for kind in ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare"]
]
_ELEMENTWISE = [
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Pow",
    "Mod",
    "Max",
    "Min",
    "Sum",
    "Mean",
    "BitShift",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
]
_COMPARE = ["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or", "Xor"]

HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(_SAME_SHAPE.split(), unary),
    **dict.fromkeys(_REDUCE, reduce),
    **dict.fromkeys(_ELEMENTWISE, elementwise),
    **dict.fromkeys(_COMPARE, compare),
    "IsNaN": to_type("bool"),
    "IsInf": to_type("bool"),
    "Cast": cast,
    "CastLike": cast_like,
    "Where": where,
    "PRelu": prelu,
    "MatMul": matmul(),
    "MatMulInteger": matmul(dtype="int32"),
    "Gemm": gemm,
    "ArgMax": arg_reduce,
    "ArgMin": arg_reduce,
    "TopK": top_k,
    "Softmax": softmax,
    "LogSoftmax": softmax,
    "Hardmax": softmax,
    "LpNormalization": along_axis(-1),
    "CumSum": running,
    "ReverseSequence": reverse_sequence,
    "Shape": shape_of,
    "Size": size_of,
    "Dropout": dropout,
    "Range": range_,
    "ConstantOfShape": constant_of_shape,
}
