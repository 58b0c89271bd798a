"""Matrix products: Gemm, MatMul and what is one with operands in another order, type or packing."""

from __future__ import annotations

from hwsim.graph import Tensor
from hwsim.workload.call import (
    Call,
    Demand,
    accumulator,
    operand,
    operand_type,
    product,
    vector,
)
from hwsim.workload.functions import ACTIVATION
from hwsim.workload.nest import LoopNest, OperandType
from hwsim.workload.work import VectorOp


def gemm(call: Call) -> Demand:
    """Gemm, FusedGemm: rows × reduction × columns of two matrices, either transposed; the bias starts the accumulator."""
    return Demand(_matrices(call, call.need(0, 2), call.need(1, 2)), _activation(call))


def qgemm(call: Call) -> Demand:
    """com.microsoft QGemm: A and B are inputs 0 and 3; results are requantized where an output scale is given."""
    out = call.result()
    quantized = 4 * out.elements if call.input(7) else 2 * out.elements
    return Demand(_matrices(call, call.need(0, 2), call.need(3, 2)), vector("quantize", quantized, out.elements))


def matmul(call: Call) -> Demand:
    """MatMul, MatMulInteger: numpy's rules, with batch dims broadcast."""
    return Demand(matmul_nests(call, call.need(0, 1), call.need(1, 1)), _activation(call))


def fused_matmul(call: Call) -> Demand:
    """com.microsoft FusedMatMul: MatMul with the last two dims of either operand swapped."""
    left = _turned(call, call.need(0, 1), "transA", "transBatchA")
    right = _turned(call, call.need(1, 1), "transB", "transBatchB")
    return Demand(matmul_nests(call, left, right), _activation(call))


def qlinear_matmul(call: Call) -> Demand:
    """QLinearMatMul: a and b are inputs 0 and 3; results are requantized."""
    out = call.result()
    nests = matmul_nests(call, call.need(0, 1), call.need(3, 1))
    return Demand(nests, vector("quantize", 4 * out.elements, out.elements))


def ordered_matmul(call: Call) -> Demand:
    """com.microsoft QOrderedMatMul: A and B are inputs 0 and 2, each followed by its scale; results are requantized."""
    out = call.result()
    nests = matmul_nests(call, call.need(0, 1), call.need(2, 1))
    return Demand(nests, vector("quantize", 4 * out.elements, out.elements))


def distances(call: Call) -> Demand:
    """com.microsoft CDist: for every pair of rows a difference, a square and a sum per column; no matrix product is assumed."""
    left, out = call.need(0, 2), call.result()
    return Demand(vectors=vector("mul", 3 * out.elements * left.shape[-1], out.elements))


def dynamic_matmul(call: Call) -> Demand:
    """com.microsoft MatMulIntegerToFloat, DynamicQuantizeMatMul: an integer product, scaled back to float.

    DynamicQuantizeMatMul first finds the range of its float operand (two comparisons) and quantizes it (four), to uint8.
    """
    left, right, out = call.need(0, 1), call.need(1, 1), call.result()
    nests = matmul_nests(call, left, right)
    vectors = vector("dequantize", 2 * out.elements, out.elements)
    if call.layer.op == "DynamicQuantizeMatMul":
        narrow = operand_type("uint8")
        nests = tuple(_with_input(nest, narrow) for nest in nests)
        vectors = vector("quantize", 6 * left.elements, left.elements) + vectors
    return Demand(nests, vectors)


def matmul_blocked(call: Call) -> Demand:
    """com.microsoft MatMulNBits and kin: a float operand times K × N weights of a few bits, packed, scaled per block.

    K, N and bits are attributes; the stored tensor is a blob of bytes. Weights are widened on their way into the product, as they are where
    a DequantizeLinear before a MatMul is folded: no vector work.
    """
    left, out = call.need(0, 1), call.result()
    reduction = call.integer("K") or left.shape[-1]
    columns = call.integer("N") or (out.shape[-1] if out.shape else 1)
    bits = call.integer("bits", 4)
    first, second = operand(left), operand_type(f"uint{min(max(bits, 1), 8)}")
    rows = left.elements // left.shape[-1] if left.shape[-1] else 0
    nest = LoopNest(
        k=columns,
        c=reduction,
        p=rows,
        input=first,
        weight=second,
        output=operand(out),
        accumulator=accumulator(first, operand_type("float32")),
    )
    return Demand((nest,) if nest.macs else ())


def matmul_nests(call: Call, left: Tensor, right: Tensor) -> tuple[LoopNest, ...]:
    """The nest of a broadcast matrix product.

    Batch dims that both operands have are groups; those of the left one only are more rows of the same weight; those of the right one only
    are more columns for the same input.
    """
    a = left.shape if len(left.shape) > 1 else (1, *left.shape)
    b = right.shape if len(right.shape) > 1 else (*right.shape, 1)
    if a[-1] != b[-2]:
        raise call.error(f"{list(left.shape)} times {list(right.shape)}: the reduced dims {a[-1]} and {b[-2]} differ")
    rank = max(len(a), len(b)) - 2
    batch_a = (1,) * (rank - len(a) + 2) + a[:-2]
    batch_b = (1,) * (rank - len(b) + 2) + b[:-2]
    groups, rows, columns = 1, a[-2], b[-1]
    for one, other in zip(batch_a, batch_b, strict=True):
        if one == other:
            groups *= one
        elif other == 1:
            rows *= one
        elif one == 1:
            columns *= other
        else:
            raise call.error(f"{list(left.shape)} times {list(right.shape)}: batch dims {one} and {other} differ")
    return product(left, right, operand(call.result()), groups=groups, rows=rows, reduction=a[-1], columns=columns)


def bilinear(call: Call) -> Demand:
    """SVM and linear models of ai.onnx.ml: rows times coefficients, which are an attribute."""
    x, out = call.need(0), call.result()
    rows = x.shape[0] if len(x.shape) > 1 else 1
    columns = out.elements // rows if rows else 0
    macs = x.elements * columns
    return Demand(vectors=vector("mul", 2 * macs, out.elements))


def popcount(call: Call) -> Demand:
    """XnorPopcountMatMul of QONNX: a product of one-bit operands."""
    one = OperandType("int1")
    nests = matmul_nests(call, call.need(0, 1), call.need(1, 1))
    return Demand(tuple(_with_input(nest, one, one) for nest in nests))


def _matrices(call: Call, left: Tensor, right: Tensor) -> tuple[LoopNest, ...]:
    left, right = _turned(call, left, "transA"), _turned(call, right, "transB")
    if len(left.shape) != 2 or len(right.shape) != 2:
        raise call.error(f"needs two matrices, has {list(left.shape)} and {list(right.shape)}")
    return matmul_nests(call, left, right)


def _turned(call: Call, tensor: Tensor, transpose: str, batch: str = "") -> Tensor:
    """The operand as the product reads it."""
    shape, nonzeros = tensor.shape, tensor.nonzeros
    if batch and call.integer(batch) and len(shape) > 2:
        shape = (*shape[1:-1], shape[0], shape[-1])
    if call.integer(transpose) and len(shape) > 1:
        shape, nonzeros = (*shape[:-2], shape[-1], shape[-2]), nonzeros[::-1] if len(shape) == 2 else ()
    if (shape, nonzeros) == (tensor.shape, tensor.nonzeros):
        return tensor
    return Tensor(tensor.name, shape, tensor.dtype, tensor.role, tensor.density, nonzeros=nonzeros)


def _with_input(nest: LoopNest, narrow: OperandType, weight: OperandType | None = None) -> LoopNest:
    second = weight or nest.weight
    return LoopNest(
        g=nest.g,
        k=nest.k,
        c=nest.c,
        p=nest.p,
        input=narrow,
        weight=second,
        output=nest.output,
        accumulator=accumulator(narrow, second),
        weight_role=nest.weight_role,
        repeat=nest.repeat,
    )


def _activation(call: Call) -> tuple[VectorOp, ...]:
    name = (call.text("activation") or ("gelu" if call.layer.op == "GemmFastGelu" else "")).lower()
    if not name or name == "none":
        return ()
    elements = call.result().elements
    function, operations = ACTIVATION.get(name, ("compare", 1))
    return vector(function, operations * elements, elements)
