"""Quantization of the standard operators, and recurrences."""

from __future__ import annotations

import math

from hwsim.errors import ModelError
from hwsim.onnx_io.shapes.arithmetic import matmul_shape
from hwsim.onnx_io.shapes.op import Handler, Op, Shaped, normal_axis
from hwsim.onnx_io.values import dtype_name, shown


def quantize_linear(op: Op) -> tuple[Shaped, ...]:
    """QuantizeLinear: the zero point's type, ``output_dtype``, or uint8."""
    dtype = "uint8"
    if op.has(2):
        dtype = op.dtype(2)
    elif op.number("output_dtype", 0):
        dtype = dtype_name(op.number("output_dtype", 0), "attribute 'output_dtype'")
    _check_scale(op)
    return (Shaped(op.shape(0), dtype),)


def dequantize_linear(op: Op) -> tuple[Shaped, ...]:
    """DequantizeLinear: the scale's type or ``output_dtype``."""
    dtype = op.dtype(1)
    if op.number("output_dtype", 0):
        dtype = dtype_name(op.number("output_dtype", 0), "attribute 'output_dtype'")
    _check_scale(op)
    return (Shaped(op.shape(0), dtype),)


def _check_scale(op: Op) -> None:
    """Scale per tensor, per axis or blocked; a value that means nothing is said."""
    x, scale = op.shape(0), op.value(1)
    if scale.elements > 1 and len(scale.shape) == 1 and len(x) >= 1:
        axis = normal_axis(op.number("axis", 1 if len(x) > 1 else 0), len(x))
        if op.number("block_size", 0) == 0 and scale.shape[0] != x[axis]:
            raise ModelError(f"{scale.shape[0]} scales for dim {axis} of {shown(x)}")
    if len(scale.shape) > 1 and (len(scale.shape) != len(x) or not op.number("block_size", 0)):
        raise ModelError(f"scales {shown(scale.shape)} for {shown(x)} in blocks of {op.number('block_size', 0)}")
    data = scale.data
    if (
        data is not None
        and data.size
        and data.dtype.kind == "f"
        and not bool((data > 0).all() and (data < math.inf).all())
    ):
        op.notes.append(
            "has a scale that is zero, negative or not a number: the network's results mean nothing, its cost is unaffected"
        )


def dynamic_quantize_linear(op: Op) -> tuple[Shaped, ...]:
    """DynamicQuantizeLinear: uint8, with a scale and a zero point found at run time."""
    return (Shaped(op.shape(0), "uint8"), Shaped((), "float32"), Shaped((), "uint8"))


def qlinear_matmul(op: Op) -> tuple[Shaped, ...]:
    """QLinearMatMul: operands at 0 and 3; the type of the output's zero point."""
    dtype = op.dtype(7) if op.has(7) else op.dtype(0)
    return (Shaped(matmul_shape(op.shape(0), op.shape(3)), dtype),)


def recurrent(gates: int) -> Handler:
    """LSTM (4 gates), GRU (3), RNN (1): Y [S, D, B, H], the last state, and for LSTM the last cell."""

    def handler(op: Op) -> tuple[Shaped, ...]:
        x, w, r = op.shape(0), op.shape(1), op.shape(2)
        if len(x) != 3 or len(w) != 3 or len(r) != 3:
            raise ModelError(f"X {shown(x)}, W {shown(w)} and R {shown(r)} must have 3 dims")
        hidden = op.number("hidden_size", r[2])
        directions = 2 if op.text("direction", "forward") == "bidirectional" else 1
        batch_first = bool(op.number("layout", 0))
        length, batch = (x[1], x[0]) if batch_first else (x[0], x[1])
        if w != (directions, gates * hidden, x[2]) or r != (directions, gates * hidden, hidden):
            raise ModelError(
                f"W {shown(w)} and R {shown(r)} do not fit the input {shown(x)}, {directions} direction(s) and hidden_size {hidden}"
            )
        state = (batch, directions, hidden) if batch_first else (directions, batch, hidden)
        for index in (5, 6) if gates == 4 else (5,):
            if op.has(index) and op.shape(index) != state:
                raise ModelError(f"the initial state has shape {shown(op.shape(index))}; {shown(state)} is needed")
        full = (batch, length, directions, hidden) if batch_first else (length, directions, batch, hidden)
        dtype = op.dtype(0)
        op.resolved["hidden_size"] = hidden
        return (Shaped(full, dtype), Shaped(state, dtype), Shaped(state, dtype))

    return handler


HANDLERS: dict[str, Handler] = {
    "QLinearMatMul": qlinear_matmul,
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
    "DynamicQuantizeLinear": dynamic_quantize_linear,
    "LSTM": recurrent(4),
    "GRU": recurrent(3),
    "RNN": recurrent(1),
}
