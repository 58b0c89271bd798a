"""Which function gives the shapes of which operator."""

from __future__ import annotations

from hwsim.onnx_io.shapes import arithmetic, layout, windows
from hwsim.onnx_io.shapes.op import Handler

STANDARD: dict[str, Handler] = {**arithmetic.HANDLERS, **windows.HANDLERS, **layout.HANDLERS}


def handler_of(op: str, domain: str) -> Handler | None:
    """The shape function of an operator, or None where onnx's own inference must do."""
    if domain == "":
        return STANDARD.get(op)
    return None
