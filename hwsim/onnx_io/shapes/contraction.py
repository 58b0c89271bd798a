"""Products over several indices at once: Einsum and attention.

onnx's own inference is not asked about these: it never comes back from some equations (``.ij->i``), and lets pass heads that do not fit.
"""

from __future__ import annotations

from hwsim.errors import ModelError
from hwsim.graph.equation import index_extents, parse_equation
from hwsim.onnx_io.shapes.op import Handler, Op, Shaped
from hwsim.onnx_io.values import Shape, shown


def einsum(op: Op) -> tuple[Shaped, ...]:
    """Einsum: the extents of the indices that the result names."""
    shapes = [op.shape(position) for position in range(len(op.inputs))]
    if not shapes:
        raise ModelError("has no operands")
    terms, result = parse_equation(op.text("equation", ""), [len(shape) for shape in shapes])
    extents = index_extents(terms, shapes)
    return (Shaped(tuple(extents[index] for index in result), op.dtype(0)),)


def _split_heads(op: Op, position: int, heads: str) -> Shape:
    """[batch, heads, sequence, width] of an operand, 3-D ones split by the attribute ``heads``."""
    shape = op.shape(position)
    if len(shape) == 4:
        return shape
    if len(shape) != 3:
        raise ModelError(f"input {position} is {shown(shape)}; 3 or 4 dims are needed")
    count = op.number(heads, 0)
    if count < 1 or shape[2] % count:
        raise ModelError(f"attribute {heads!r} is {count}, which does not divide the {shape[2]} of input {position}")
    return (shape[0], count, shape[1], shape[2] // count)


def attention(op: Op) -> tuple[Shaped, ...]:
    """Attention (opset 23 and later) and FlexAttention: the result, the keys and values with the past ones, and the scores."""
    q = _split_heads(op, 0, "q_num_heads")
    k, v = _split_heads(op, 1, "kv_num_heads"), _split_heads(op, 2, "kv_num_heads")
    if k[:3] != v[:3] or q[0] != k[0] or q[3] != k[3] or q[1] % max(1, k[1]):
        raise ModelError(
            f"query {shown(q)}, key {shown(k)} and value {shown(v)} (batch, heads, sequence, width) do not fit together"
        )
    past = op.shape(4) if op.has(4) else ()
    total = k[2] + (past[2] if len(past) == 4 else 0)
    kind = op.dtype(0)
    result = (q[0], q[1], q[2], v[3]) if len(op.shape(0)) == 4 else (q[0], q[2], q[1] * v[3])
    return (
        Shaped(result, kind),
        Shaped((k[0], k[1], total, k[3]), op.dtype(1)),
        Shaped((v[0], v[1], total, v[3]), op.dtype(2)),
        Shaped((q[0], q[1], q[2], total), kind),
    )


HANDLERS: dict[str, Handler] = {"Einsum": einsum, "Attention": attention}
