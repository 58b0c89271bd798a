"""Data movement: bytes that are read and written and not computed on; and operators that cost nothing."""

from __future__ import annotations

from hwsim.workload.call import Call, Demand, bytes_of, extent, vector


def move(call: Call) -> Demand:
    """Transpose, Concat, Pad, DepthToSpace, ...: every operand read, every result written."""
    return Demand(moved=True)


def cut(call: Call) -> Demand:
    """Slice, Split, Compress, ...: of the first operand only what comes out is read."""
    x = call.need(0)
    taken = sum(tensor.elements for tensor in call.outputs if tensor is not None)
    return Demand(reads={0: bytes_of(x, taken)}, moved=True)


def gather(call: Call) -> Demand:
    """Gather, GatherElements, GatherND: the rows gathered are read, not the table."""
    table, out = call.need(0), call.result()
    return Demand(reads={0: -(-table.bits * out.elements // 8)}, moved=True)


def gather_quantized(call: Call) -> Demand:
    """com.microsoft GatherBlockQuantized: gathered rows, dequantized by their blocks."""
    table, out = call.need(0), call.result()
    bits = call.integer("bits", 4) if table.bits == 8 else table.bits
    return Demand(
        vectors=vector("dequantize", 2 * out.elements, out.elements),
        reads={0: min(table.bytes, -(-bits * out.elements // 8)) if table.bytes else 0},
        moved=True,
    )


def scatter(call: Call) -> Demand:
    """ScatterElements, ScatterND, TensorScatter: the operand copied, the updates written over it (and reduced where asked)."""
    updates = call.input(1 if call.layer.op == "TensorScatter" else 2)
    adds = updates is not None and call.text("reduction", "none") not in ("none", "")
    return Demand(vectors=vector("add", updates.elements, updates.elements) if adds and updates else (), moved=True)


def fill(call: Call) -> Demand:
    """Expand, ConstantOfShape, Range, OneHot, EyeLike: the operands are small or spread out; the result is written."""
    x = call.input(0)
    spread = call.layer.op in ("Expand", "Tile", "Where")
    return Demand(reads={} if spread and x is not None else {0: min(64, x.bytes) if x is not None else 0}, moved=True)


def embedding_bag(call: Call) -> Demand:
    """EmbeddingBag: the rows named by the indices are read and added up."""
    table, out = call.need(0, 2), call.result()
    indices = call.need(1)
    gathered = indices.elements * extent(table.shape, 1)
    return Demand(vectors=vector("add", gathered, out.elements), reads={0: -(-table.bits * gathered // 8)})


def quantized_move(call: Call) -> Demand:
    """QLinearConcat: every element is rescaled (dequantized 2, quantized 4) on its way."""
    out = call.result()
    return Demand(vectors=vector("quantize", 6 * out.elements, out.elements))


def overlap(call: Call) -> Demand:
    """Col2Im, MaxUnpool: every element of the operand is added or put into the result once."""
    x, out = call.need(0), call.result()
    return Demand(vectors=vector("add", x.elements, out.elements))


def selection(call: Call) -> Demand:
    """NonZero: every element looked at, indices written."""
    x = call.need(0)
    return Demand(vectors=vector("compare", x.elements, x.elements))


def free(call: Call) -> Demand:
    """Reshape, Identity, Constant, ...: nothing happens at run time."""
    return Demand(free=True)
