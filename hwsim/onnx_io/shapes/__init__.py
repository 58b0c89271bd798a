"""Output shapes of operators: a fast function for the frequent ones, onnx's own inference for the rest."""

from hwsim.onnx_io.shapes.op import Handler, Op, RunTimeError, Shaped
from hwsim.onnx_io.shapes.table import handler_of

__all__ = ["Handler", "Op", "RunTimeError", "Shaped", "handler_of"]
