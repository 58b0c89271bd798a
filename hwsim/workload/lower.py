"""lower: from one layer to the work it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from hwsim.errors.plugins import OPERATORS, plugins
from hwsim.graph import Layer, Network, Tensor
from hwsim.graph.operators import ELEMENTWISE, FREE, known_domain
from hwsim.workload import attention, convolution, einsum, expert, movement, pointwise, products, recurrent
from hwsim.workload.call import Call, Demand, Handler, operand_type
from hwsim.workload.nest import LoopNest
from hwsim.workload.work import DataMove, VectorOp, Work

_BY_HANDLER: tuple[tuple[Handler, str], ...] = (
    (movement.free, " ".join(sorted(FREE))),
    (pointwise.elementwise, " ".join(sorted(ELEMENTWISE))),
    (convolution.conv, "Conv ConvInteger FusedConv NhwcConv NhwcFusedConv"),
    (convolution.qlinear_conv, "QLinearConv"),
    (convolution.deform_conv, "DeformConv"),
    (convolution.causal_conv, "CausalConvWithState"),
    (convolution.conv_transpose, "ConvTranspose ConvTransposeWithDynamicPads"),
    (products.gemm, "Gemm FusedGemm GemmFastGelu GemmFloat8"),
    (products.qgemm, "QGemm"),
    (products.matmul, "MatMul MatMulInteger"),
    (products.fused_matmul, "FusedMatMul FusedMatMulActivation TransposeMatMul"),
    (products.qlinear_matmul, "QLinearMatMul"),
    (products.ordered_matmul, "QOrderedMatMul"),
    (products.distances, "CDist"),
    (products.dynamic_matmul, "DynamicQuantizeMatMul MatMulIntegerToFloat"),
    (products.matmul_blocked, "MatMulNBits MatMulBnb4 MatMulFpQ4"),
    (products.popcount, "XnorPopcountMatMul"),
    (products.bilinear, "LinearClassifier LinearRegressor SVMClassifier SVMRegressor"),
    (einsum.einsum, "Einsum"),
    (attention.attention, "Attention FlexAttention"),
    (attention.projected_attention, "com.microsoft::Attention QAttention PackedAttention"),
    (
        attention.multi_head,
        "MultiHeadAttention PackedMultiHeadAttention DecoderMaskedMultiHeadAttention DecoderMaskedSelfAttention",
    ),
    (attention.grouped_query, "GroupQueryAttention SparseAttention PagedAttention"),
    (attention.linear_attention, "LinearAttention"),
    (recurrent.recurrent, "LSTM GRU RNN DynamicQuantizeLSTM"),
    (expert.experts, "MoE"),
    (expert.quantized_experts, "QMoE"),
    (pointwise.pool, "AveragePool MaxPool LpPool NhwcMaxPool MaxpoolWithMask QuantAvgPool2d"),
    (pointwise.qlinear_pool, "QLinearAveragePool"),
    (pointwise.global_pool, "GlobalAveragePool GlobalMaxPool GlobalLpPool QLinearGlobalAveragePool"),
    (
        pointwise.reduction,
        "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
        "ReduceSumSquare ArgMax ArgMin QLinearReduceMean ReduceSumInteger",
    ),
    (pointwise.softmax, "Softmax LogSoftmax Hardmax QLinearSoftmax BiasSoftmax"),
    (
        pointwise.layer_norm,
        "LayerNormalization InstanceNormalization GroupNormalization GroupNorm MeanVarianceNormalization Normalizer QLayerNormalization",
    ),
    (pointwise.rms_norm, "RMSNormalization SimplifiedLayerNormalization LpNormalization"),
    (pointwise.skip_norm, "SkipLayerNormalization SkipSimplifiedLayerNormalization SkipGroupNorm"),
    (pointwise.embed_norm, "EmbedLayerNormalization"),
    (pointwise.local_response, "LRN"),
    (pointwise.running, "CumSum CumProd"),
    (pointwise.sorting, "TopK Unique"),
    (pointwise.suppression, "NonMaxSuppression"),
    (pointwise.interpolation, "Resize Upsample GridSample RoiAlign CropAndResize AffineGrid"),
    (pointwise.roi_pool, "MaxRoiPool"),
    (pointwise.fourier, "DFT Rfft Irfft"),
    (pointwise.short_fourier, "STFT"),
    (
        pointwise.generator,
        "Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike",
    ),
    (pointwise.window, "BlackmanWindow HammingWindow HannWindow MelWeightMatrix"),
    (pointwise.determinant, "Det Inverse"),
    (pointwise.dynamic_quantize, "DynamicQuantizeLinear"),
    (pointwise.rotary, "RotaryEmbedding"),
    (pointwise.gated, "SwiGLU BiasSplitGelu"),
    (pointwise.loss, "SoftmaxCrossEntropyLoss NegativeLogLikelihoodLoss"),
    (pointwise.trees, "TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor"),
    (
        movement.move,
        "Concat DepthToSpace Pad SpaceToDepth Tile Transpose Trilu ReverseSequence Im2Col CenterCropPad ConcatFromSequence "
        "ReorderInput ReorderOutput QLinearTranspose FeatureVectorizer LabelEncoder OneHotEncoder CategoryMapper CastMap ZipMap "
        "DictVectorizer StringConcat StringNormalizer StringSplit RegexFullMatch TfIdfVectorizer ImageDecoder "
        "RemovePadding RestorePadding UnfoldTensor",
    ),
    (movement.cut, "Slice Split SplitToSequence Compress Crop ArrayFeatureExtractor DynamicSlice"),
    (movement.gather, "Gather GatherElements GatherND"),
    (movement.gather_quantized, "GatherBlockQuantized"),
    (movement.scatter, "Scatter ScatterElements ScatterND TensorScatter"),
    (movement.fill, "Expand ConstantOfShape Range OneHot EyeLike ConstantFill"),
    (movement.embedding_bag, "EmbeddingBag"),
    (movement.quantized_move, "QLinearConcat"),
    (movement.overlap, "Col2Im MaxUnpool"),
    (movement.selection, "NonZero"),
)

#: What answers for each operator, by name, or by ``domain::name`` where the same name means something else in a domain.
HANDLERS: dict[str, Handler] = {op: handler for handler, names in _BY_HANDLER for op in names.split()}


def handler_of(layer: Layer) -> Handler | None:
    """The handler of an operator, hwsim's own or a plugin's, None for one that nobody knows."""
    own = (HANDLERS.get(f"{layer.domain}::{layer.op}") or HANDLERS.get(layer.op)) if known_domain(layer) else None
    return own or _plugged().get(f"{layer.domain}::{layer.op}")


@lru_cache(maxsize=1)
def _plugged() -> dict[str, Handler]:
    """Handlers of entry points of the group ``hwsim.operators``, each a mapping of ``domain::Operator`` to a handler."""
    return {name: handler for _, content in plugins(OPERATORS) for name, handler in content.items()}


def lower(layer: Layer, network: Network) -> Work:
    """The loop nests, vector operations, data moves and bytes of one layer, all its repeats included.

    A fused layer asks for what its members ask for, less the bytes that pass between them; its nests write the type of its result.
    Raises ModelError naming the node where operands are missing or do not fit the operator.
    """
    if layer.members:
        return _fused(layer, network)
    tensors = network.tensors
    call = Call(
        layer,
        tuple([tensors.get(name) if name else None for name in layer.inputs]),
        tuple([tensors.get(name) if name else None for name in layer.outputs]),
    )
    handler = handler_of(layer)
    try:
        demand = Demand() if handler is None else handler(call)
    except (IndexError, ZeroDivisionError, ValueError) as problem:
        # a handler took apart an operand that has too few dims, or divided by an extent of 0: the node is illegal
        raise call.error(f"its operands do not fit the operator ({problem})") from None
    if demand.free:
        return _FREE
    repeat = layer.repeat
    reads = _touched(call.inputs, demand.reads, repeat)
    writes = _touched(call.outputs, demand.writes, repeat)
    nests, vectors = demand.nests, demand.vectors
    if repeat != 1:
        nests = tuple(replace(nest, repeat=nest.repeat * repeat) for nest in nests)
        vectors = tuple(VectorOp(op.function, op.operations * repeat, op.elements * repeat) for op in vectors)
    moves: tuple[DataMove, ...] = ()
    if demand.moved or handler is None:
        moves = (DataMove(sum(size for _, size in reads), sum(size for _, size in writes)),)
    work = Work(nests, vectors, moves, reads, writes, known=handler is not None)
    most = max([work.macs, *(op.operations for op in vectors), *(size for _, size in reads + writes)])
    if most >= MAX_WORK:
        raise call.error(f"asks for {most:.3g} MACs, operations or bytes; 2^63 and more are not costed")
    return work


#: Work beyond 64 bits is a slip or an attack: no machine does it within a lifetime.
MAX_WORK = 1 << 63
_FREE = Work(free=True)


def _touched(tensors: tuple[Tensor | None, ...], said: Mapping[int, int], repeat: int) -> tuple[tuple[str, int], ...]:
    """Bytes by tensor name; a tensor that stands at two places is counted once, at the larger."""
    found: dict[str, int] = {}
    for position, tensor in enumerate(tensors):
        if tensor is not None:
            size = said.get(position, tensor.bytes) * repeat
            if size >= found.get(tensor.name, 0):
                found[tensor.name] = size
    return tuple(found.items())


def _fused(layer: Layer, network: Network) -> Work:
    kept = set(layer.inputs), set(layer.outputs)
    nests: list[LoopNest] = []
    vectors: list[VectorOp] = []
    moves: list[DataMove] = []
    reads: dict[str, int] = {}
    writes: dict[str, int] = {}
    known = True
    for member in layer.members:
        work = lower(member, network)
        nests += work.nests
        vectors += work.vectors
        moves += work.moves
        known = known and work.known
        for name, size in work.reads:
            if name in kept[0]:
                reads[name] = max(size, reads.get(name, 0))
        for name, size in work.writes:
            if name in kept[1]:
                writes[name] = size
    if nests and layer.outputs and layer.outputs[0] in network.tensors:
        result = operand_type(network.tensors[layer.outputs[0]].dtype)
        nests = [replace(nest, output=result) for nest in nests]
    return Work(tuple(nests), tuple(vectors), tuple(moves), tuple(reads.items()), tuple(writes.items()), known=known)
