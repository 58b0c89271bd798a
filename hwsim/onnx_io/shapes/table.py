"""Which function gives the shapes of which operator."""

from __future__ import annotations

from hwsim.onnx_io.shapes import (
    arithmetic,
    contraction,
    contrib,
    dynamic,
    layout,
    learning,
    normalization,
    qonnx,
    quantized,
    resampling,
    windows,
)
from hwsim.onnx_io.shapes.op import Handler

STANDARD: dict[str, Handler] = {
    **arithmetic.HANDLERS,
    **quantized.HANDLERS,
    **resampling.HANDLERS,
    **windows.HANDLERS,
    **layout.HANDLERS,
    **dynamic.HANDLERS,
    **contraction.HANDLERS,
    **normalization.HANDLERS,
}

#: onnxruntime writes these of its operators into the default domain, where onnx does not have them.
_ADOPTED = (
    "SimplifiedLayerNormalization",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
    "FusedMatMul",
    "FusedConv",
    "MatMulNBits",
)


def handler_of(op: str, domain: str) -> Handler | None:
    """The shape function of an operator, or None where onnx's own inference must do."""
    if domain == "":
        found = STANDARD.get(op)
        return contrib.HANDLERS[op] if found is None and op in _ADOPTED else found
    if domain in contrib.DOMAINS:
        return contrib.HANDLERS.get(op) or STANDARD.get(op)
    if domain in learning.DOMAINS:
        return learning.HANDLERS.get(op)
    if domain == "ai.onnx.preview":
        return contraction.attention if op == "FlexAttention" else None
    if domain in qonnx.DOMAINS:
        special = qonnx.CHANNELS_LAST.get(op) if domain.endswith("channels_last") else None
        return special or qonnx.GENERAL.get(op)
    return None
