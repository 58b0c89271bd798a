"""Which nodes run before the network does, and whose learned numbers their results hold."""

from __future__ import annotations

from collections.abc import Set

from hwsim.graph import dtype_bits
from hwsim.onnx_io.shapes.op import Op

#: Different every time: never constant.
_RANDOM = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"}
#: Shapes are known here, whatever the tensor holds.
_SHAPE_ONLY = {"Shape", "Size"}
#: They turn stored weights into the numbers that are computed with; the passes fold them into the tensor's type.
DEQUANTIZERS = {"DequantizeLinear", "Quant", "IntQuant", "BipolarQuant", "FloatQuant", "Trunc"}
#: Operators that only rearrange or select the numbers of their first input (Concat: of all).
_REARRANGING = """
Transpose Reshape Flatten Squeeze Unsqueeze Identity Cast CastLike Slice Split Concat Gather GatherElements GatherND
Pad Tile Expand DepthToSpace SpaceToDepth Dropout ConstantOfShape QuantizeLinear
"""
_RELAYOUT = frozenset(_REARRANGING.split())
#: More tensors than this in one constant: it counts as a tensor of its own.
_MAX_ORIGINS = 256


def is_folded(op: Op, static: bool) -> bool:
    """Whether a node is worked out before run time.

    static : whether all its inputs are known before run time.
    """
    if op.op in _SHAPE_ONLY:
        return True
    if not static or op.op in _RANDOM or op.domain not in ("", "com.microsoft"):
        return False
    if op.op in DEQUANTIZERS:
        return False
    return not (op.op == "Cast" and _widens(op))


def _widens(op: Op) -> bool:
    """A stored weight of few bits, cast to be multiplied by its scale: dequantization by hand."""
    source = op.value(0)
    narrow = source.dtype not in ("bool", "float16", "bfloat16") and dtype_bits(source.dtype) <= 16
    return narrow and source.elements > 1 and op.number("to", 0) in (1, 10, 11, 16)


def derived_origins(op: Op, generated: Set[str]) -> tuple[str, ...]:
    """The stored tensors whose numbers a folded result holds; ``generated`` ones survive rearranging only."""
    given = [value for value in op.inputs if value is not None]
    moved = op.op in _RELAYOUT
    if moved and op.op != "Concat":
        given = given[:1]
    found = [
        value.origins
        for value in given
        if value.origins and value.elements > 0 and not value.dtype.startswith(("int64", "bool"))
    ]
    merged = found[0] if len(found) == 1 else tuple(dict.fromkeys(name for origins in found for name in origins))
    if not moved and generated:
        merged = tuple(name for name in merged if name not in generated)
    return merged if len(merged) <= _MAX_ORIGINS else ()
