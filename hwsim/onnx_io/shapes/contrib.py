"""Operators of onnxruntime (domain com.microsoft), which onnx has no schemas for: their documented output shapes."""

from __future__ import annotations

from hwsim.errors import ModelError
from hwsim.onnx_io.shapes import arithmetic, layout, windows
from hwsim.onnx_io.shapes.op import Handler, Op, Shaped, broadcast, normal_axis
from hwsim.onnx_io.values import Shape, shown

#: Domains of onnxruntime's own operators.
DOMAINS = {"com.microsoft", "com.ms.internal.nhwc", "com.microsoft.nchwc", "com.microsoft.experimental"}


def _of_first(op: Op) -> tuple[Shaped, ...]:
    """Every output has the shape and type of the first input."""
    first = op.value(0)
    return (Shaped(first.shape, first.dtype),) * max(1, op.outputs)


def _binary(op: Op) -> tuple[Shaped, ...]:
    """QLinearAdd, QLinearMul: tensors at 0 and 3."""
    return (Shaped(broadcast(op.shape(0), op.shape(3)), op.dtype(0)),)


def _where(op: Op) -> tuple[Shaped, ...]:
    return (Shaped(broadcast(op.shape(0), op.shape(1), op.shape(4)), op.dtype(1)),)


def _concat(op: Op) -> tuple[Shaped, ...]:
    """QLinearConcat: scale and zero point of the output, then a triple for each input."""
    shapes = [op.shape(index) for index in range(2, len(op.inputs), 3)]
    if not shapes:
        raise ModelError("has no tensors to concatenate")
    axis = normal_axis(op.number("axis", 1), len(shapes[0]))
    total = sum(shape[axis] for shape in shapes if len(shape) == len(shapes[0]))
    return (Shaped((*shapes[0][:axis], total, *shapes[0][axis + 1 :]), op.dtype(2)),)


def _gemm(op: Op) -> tuple[Shaped, ...]:
    """QGemm: A at 0, B at 3; without an output scale the result stays float."""
    shape = arithmetic.gemm_shape(op, 0, 3)
    dtype = op.dtype(8) if op.has(8) else "float32" if not op.has(7) else op.dtype(0)
    return (Shaped(shape, dtype),)


def _fused_matmul(op: Op) -> tuple[Shaped, ...]:
    a, b = op.shape(0), op.shape(1)
    if op.number("transBatchA", 0) and len(a) > 2:
        a = (*a[1:-1], a[0], a[-1])
    if op.number("transBatchB", 0) and len(b) > 2:
        b = (*b[1:-1], b[0], b[-1])
    if op.number("transA", 0) and len(a) > 1:
        a = (*a[:-2], a[-1], a[-2])
    if op.number("transB", 0) and len(b) > 1:
        b = (*b[:-2], b[-1], b[-2])
    return (Shaped(arithmetic.matmul_shape(a, b), op.dtype(0)),)


def _to_float(op: Op) -> tuple[Shaped, ...]:
    """MatMulIntegerToFloat: the type of the scale of A."""
    return (Shaped(arithmetic.matmul_shape(op.shape(0), op.shape(1)), op.dtype(2)),)


def _n_bits(op: Op) -> tuple[Shaped, ...]:
    """MatMulNBits and its kin: [..., K] times a packed K x N."""
    a, k, n = op.shape(0), op.number("K", 0), op.number("N", 0)
    if not a or k < 1 or n < 1 or a[-1] != k:
        raise ModelError(f"K {k} and N {n} do not fit the input {shown(a)}")
    bits = op.number("bits", 4)
    if not 1 <= bits <= 8:
        raise ModelError(f"bits is {bits}; 1 to 8 are possible")
    op.resolved["bits"] = bits
    return (Shaped((*a[:-1], n), op.dtype(0)),)


def _lstm(op: Op) -> tuple[Shaped, ...]:
    """DynamicQuantizeLSTM: W [D, I, 4H] and R [D, H, 4H] are stored transposed."""
    x, r = op.shape(0), op.shape(2)
    if len(x) != 3 or len(r) != 3:
        raise ModelError(f"X {shown(x)} and R {shown(r)} must have 3 dims")
    hidden = op.number("hidden_size", r[1])
    directions = 2 if op.text("direction", "forward") == "bidirectional" else 1
    op.resolved["hidden_size"] = hidden
    state = Shaped((directions, x[1], hidden), op.dtype(0))
    return (Shaped((x[0], directions, x[1], hidden), op.dtype(0)), state, state)


def _skip_norm(op: Op) -> tuple[Shaped, ...]:
    first = op.value(0)
    stats = Shaped((*first.shape[:-1], 1), "float32")
    whole = Shaped(first.shape, first.dtype)
    return (whole, stats, stats, whole)


def _embed_norm(op: Op) -> tuple[Shaped, ...]:
    ids, table = op.shape(0), op.shape(2)
    whole = Shaped((*ids, table[-1]), op.dtype(2))
    return (whole, Shaped(ids[:1], "int32"), whole)


def _heads(op: Op) -> int:
    heads = op.number("num_heads", 0)
    if heads < 1:
        raise ModelError(f"num_heads is {heads}; it must be at least 1")
    return heads


def _attention(past: int) -> Handler:
    """Attention, QAttention: input [B, S, I] and one weight [I, Q+K+V]; ``past`` is the input that holds earlier keys."""

    def handler(op: Op) -> tuple[Shaped, ...]:
        x, w, heads = op.shape(0), op.shape(1), _heads(op)
        sizes = op.numbers("qkv_hidden_sizes") or (w[-1] // 3,) * 3
        if len(x) < 2 or len(sizes) != 3 or x[-1] != w[0]:
            raise ModelError(f"input {shown(x)}, weight {shown(w)} and qkv_hidden_sizes {list(sizes)} do not fit")
        op.resolved["qkv_hidden_sizes"] = sizes
        earlier = op.shape(past)[3] if op.has(past) and len(op.shape(past)) == 5 else 0
        out = Shaped((*x[:-1], sizes[2]), op.dtype(0) if op.op != "QAttention" else op.dtype(3))
        length = x[1] if len(x) == 3 else x[0]
        return (out, Shaped((2, x[0], heads, length + earlier, sizes[2] // heads), out.dtype))

    return handler


def _multi_head(op: Op) -> tuple[Shaped, ...]:
    """MultiHeadAttention and DecoderMaskedMultiHeadAttention: query [B, S, H], or packed [B, S, N, 3, h]."""
    q, heads = op.shape(0), _heads(op)
    if len(q) == 3 and q[2] % heads:
        raise ModelError(f"query {shown(q)} does not divide into {heads} heads")
    if len(q) == 5:
        size, hidden, length, v_size = q[4], q[2] * q[4], q[1], q[4]
    elif op.has(1) and len(op.shape(1)) == 5:
        key = op.shape(1)
        size, hidden, length, v_size = key[4], key[2] * key[4], key[1], key[4]
    else:
        size, hidden = q[-1] // heads, q[-1]
        key = op.shape(1) if op.has(1) else q
        length = key[2] if len(key) == 4 else key[1]
        v_size = size
        if op.has(2):
            value = op.shape(2)
            v_size = value[3] if len(value) == 4 else value[2] // heads
            hidden = v_size * heads
    past = 6 if op.op == "MultiHeadAttention" else 5
    earlier = op.shape(past)[2] if op.has(past) and len(op.shape(past)) == 4 else 0
    total = length if op.op != "MultiHeadAttention" and earlier else length + earlier
    kind = op.dtype(0)
    return (
        Shaped((q[0], q[1], hidden), kind),
        Shaped((q[0], heads, max(total, earlier), size), kind),
        Shaped((q[0], heads, max(total, earlier), v_size), kind),
        Shaped((q[0], heads, q[1], total), kind),
    )


def _grouped(op: Op) -> tuple[Shaped, ...]:
    """GroupQueryAttention and SparseAttention: query [B, S, N·h], or query, key and value packed into it."""
    q, heads, groups = op.shape(0), _heads(op), op.number("kv_num_heads", 1)
    if len(q) != 3 or groups < 1 or heads % groups:
        raise ModelError(f"query {shown(q)}, {heads} heads and {groups} key heads do not fit")
    packed = not op.has(1)
    size = q[2] // (heads + 2 * groups) if packed else q[2] // heads
    earlier = op.shape(3)[2] if op.has(3) and len(op.shape(3)) == 4 else 0
    total = op.value(6).data if op.has(6) else None
    length = max(earlier, int(total.reshape(-1)[0])) if total is not None else earlier + q[1]
    op.resolved["head_size"] = size
    op.resolved["total_sequence_length"] = int(total.reshape(-1)[0]) if total is not None else earlier + q[1]
    present = Shaped((q[0], groups, length, size), op.dtype(3) if op.has(3) else op.dtype(0))
    return (Shaped((q[0], q[1], heads * size), op.dtype(0)), present, present)


def _packed_attention(op: Op) -> tuple[Shaped, ...]:
    x, w = op.shape(0), op.shape(1)
    sizes = op.numbers("qkv_hidden_sizes") or (w[-1] // 3,) * 3
    return (Shaped((x[0], sizes[2]), op.dtype(0)),)


def _packed_multi_head(op: Op) -> tuple[Shaped, ...]:
    q = op.shape(0)
    if len(q) == 4:
        return (Shaped((q[0], q[1] * q[3]), op.dtype(0)),)
    return (Shaped((q[0], op.shape(2)[-1] if op.has(2) else q[-1]), op.dtype(0)),)


def _linear_attention(op: Op) -> tuple[Shaped, ...]:
    """LinearAttention: query, key, value [B, S, N·h]; the state [B, N, d_k, d_v] goes on."""
    q, v = op.shape(0), op.shape(2) if op.has(2) else op.shape(0)
    heads, groups = op.number("q_num_heads", 1), op.number("kv_num_heads", op.number("q_num_heads", 1))
    if len(q) == 4:
        return (Shaped((*q[:3], v[3]), op.dtype(0)), Shaped((q[0], v[1], q[3], v[3]), op.dtype(0)))
    if len(q) != 3 or heads < 1 or groups < 1 or q[2] % heads or v[-1] % groups:
        raise ModelError(f"query {shown(q)} and value {shown(v)} do not fit {heads} heads and {groups} key heads")
    d_k, d_v = q[2] // heads, v[2] // groups
    return (Shaped((q[0], q[1], heads * d_v), op.dtype(0)), Shaped((q[0], groups, d_k, d_v), op.dtype(0)))


def _gather_quantized(op: Op) -> tuple[Shaped, ...]:
    """GatherBlockQuantized: rows of a packed table; uint8 holds several numbers a byte."""
    table, indices = op.shape(0), op.shape(1)
    axis = normal_axis(op.number("gather_axis", 0), len(table))
    last = table[-1] * (8 // op.number("bits", 4) if op.dtype(0) == "uint8" else 1)
    full = (*table[:-1], last)
    return (Shaped((*full[:axis], *indices, *full[axis + 1 :]), op.dtype(2)),)


def _expand_dims(op: Op) -> tuple[Shaped, ...]:
    axis = op.ints(1) or (0,)
    shape = op.shape(0)
    at = normal_axis(axis[0], len(shape) + 1)
    return (Shaped((*shape[:at], 1, *shape[at:]), op.dtype(0)),)


def _half_last(op: Op) -> tuple[Shaped, ...]:
    """BiasSplitGelu: the last dim halves."""
    shape = op.shape(0)
    return (Shaped((*shape[:-1], shape[-1] // 2), op.dtype(0)),)


def _distances(op: Op) -> tuple[Shaped, ...]:
    return (Shaped((op.shape(0)[0], op.shape(1)[0]), op.dtype(0)),)


def _reduce_quantized(op: Op) -> tuple[Shaped, ...]:
    """QLinearReduceMean: axes are an attribute."""
    return arithmetic.reduce(Op(op.op, "", 11, op.attributes, op.inputs[:1], 1))


def _reorder_output(op: Op) -> tuple[Shaped, ...]:
    """ReorderOutput: blocked channels are cut to the real number."""
    x = op.shape(0)
    channels = op.number("channels", x[1])
    if op.number("channels_last", 0):
        return (Shaped((x[0], *x[2:], channels), op.dtype(0)),)
    return (Shaped((x[0], channels, *x[2:]), op.dtype(0)),)


def _reorder_input(op: Op) -> tuple[Shaped, ...]:
    x = op.shape(0)
    if op.number("channels_last", 0):
        x = (x[0], x[-1], *x[1:-1])
    return (Shaped(x, op.dtype(0)),)


def _crop(op: Op) -> tuple[Shaped, ...]:
    """CropAndResize: one crop a box."""
    x, sizes = op.shape(0), op.ints(3) or ()
    return (Shaped((op.shape(1)[0], x[1], *sizes), op.dtype(0)),)


def _global_pool(op: Op) -> tuple[Shaped, ...]:
    shape: Shape = op.shape(0)
    last = bool(op.number("channels_last", 0))
    spatial = len(shape) - 2
    return (Shaped((shape[0], *(1,) * spatial, shape[-1]) if last else (*shape[:2], *(1,) * spatial), op.dtype(0)),)


_SAME_SHAPE = """
QLinearSigmoid QLinearLeakyRelu QLinearSoftmax Gelu FastGelu BiasGelu QuickGelu BiasAdd BiasSoftmax BiasDropout
Inverse RotaryEmbedding GemmaRotaryEmbedding MoE QMoE GroupNorm SkipGroupNorm SimplifiedLayerNormalization Trilu
NhwcUpsample
"""

HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(
        _SAME_SHAPE.split(),
        _of_first,
    ),
    "QLinearAdd": _binary,
    "QLinearMul": _binary,
    "QLinearWhere": _where,
    "QLinearConcat": _concat,
    "QLinearGlobalAveragePool": _global_pool,
    "QLinearAveragePool": windows.if_channels_last(windows.pool),
    "QLinearReduceMean": _reduce_quantized,
    "QLinearConv": windows.if_channels_last(windows.convolution(0, 3, 8)),
    "QGemm": _gemm,
    "MatMulNBits": _n_bits,
    "MatMulBnb4": _n_bits,
    "MatMulFpQ4": _n_bits,
    "MatMulInteger16": arithmetic.matmul(dtype="int32"),
    "DynamicQuantizeMatMul": arithmetic.matmul(),
    "MatMulIntegerToFloat": _to_float,
    "DynamicQuantizeLSTM": _lstm,
    "FusedConv": windows.convolution(),
    "FusedMatMul": _fused_matmul,
    "TransposeMatMul": _fused_matmul,
    "FusedGemm": arithmetic.gemm,
    "NhwcConv": windows.channels_last(windows.convolution()),
    "NhwcFusedConv": windows.channels_last(windows.convolution()),
    "NhwcMaxPool": windows.channels_last(windows.pool),
    "ConvTransposeWithDynamicPads": windows.conv_transpose,
    "SkipLayerNormalization": _skip_norm,
    "SkipSimplifiedLayerNormalization": _skip_norm,
    "EmbedLayerNormalization": _embed_norm,
    "Attention": _attention(4),
    "QAttention": _attention(8),
    "MultiHeadAttention": _multi_head,
    "DecoderMaskedMultiHeadAttention": _multi_head,
    "GroupQueryAttention": _grouped,
    "SparseAttention": _grouped,
    "PackedAttention": _packed_attention,
    "PackedMultiHeadAttention": _packed_multi_head,
    "LinearAttention": _linear_attention,
    "GatherBlockQuantized": _gather_quantized,
    "ExpandDims": _expand_dims,
    "BiasSplitGelu": _half_last,
    "CDist": _distances,
    "CropAndResize": _crop,
    "ReorderInput": _reorder_input,
    "ReorderOutput": _reorder_output,
    "Pad": layout.pad,
}
