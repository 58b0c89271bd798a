"""What kinds of operators there are, as far as passes and counting need to agree on it: plain sets of names.

An operator is written ``Name`` where its domain does not matter, and ``domain::Name`` where the same name means something else there.
"""

from __future__ import annotations

from hwsim.graph.records import Layer


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Domains whose operator names hwsim knows; an operator of any other domain is unknown, whatever its name.
KNOWN_DOMAINS = frozenset(
    {
        "",
        "ai.onnx",
        "ai.onnx.ml",
        "ai.onnx.preview",
        "com.microsoft",
        "com.microsoft.nchwc",
        "com.ms.internal.nhwc",
        "qonnx.custom_op.general",
        "qonnx.custom_op.channels_last",
        "onnx.brevitas",
        "finn.custom_op.general",
    }
)

#: One result element from the element(s) at the same place: no neighbours, no reduction.
ELEMENTWISE = _names(
    """
    Abs Acos Acosh Add And Asin Asinh Atan Atanh BatchNormalization BiasAdd BiasDropout BiasGelu BitCast BitShift
    BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike
    Ceil Celu Clip Cos Cosh DequantizeLinear Div Elu Equal Erf Exp FastGelu Floor Gelu Greater
    GreaterOrEqual HardSigmoid HardSwish IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or
    PRelu Pow QLinearAdd QLinearLeakyRelu QLinearMul QLinearSigmoid QLinearWhere QuantizeLinear QuickGelu Reciprocal Relu Round
    Rsqrt Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Sum Swish Tan Tanh ThresholdedRelu Where Xor
    Quant IntQuant FloatQuant BipolarQuant Trunc MultiThreshold SplitSwish Affine ImageScaler ParametricSoftplus ScaledTanh Scale
    Binarizer Scaler Imputer
    """
)

#: Nothing happens at run time: the result is the operand under another name or shape, or is known beforehand.
FREE = _names(
    """
    BitmaskDropout Constant Dropout ExpandDims Flatten Identity Reshape Shape Size Squeeze Unsqueeze Optional
    OptionalGetElement OptionalHasElement
    SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength
    """
)

#: Free operators whose result is not their operand's data: known ahead, or a few numbers about it.
VALUELESS = _names("Constant Shape Size SequenceLength OptionalHasElement SequenceEmpty")

#: Quantizing and dequantizing, by the names that exporters use (the domains differ, the meaning does not).
QUANTIZE = frozenset({"QuantizeLinear"})
DEQUANTIZE = frozenset({"DequantizeLinear"})
#: QONNX operators that round a float tensor to a narrow type and leave it stored as float.
FAKE_QUANTIZE = frozenset({"Quant", "IntQuant", "FloatQuant", "BipolarQuant"})

#: The first operand's elements come out unchanged, so their type does too (Concat: all of its operands').
PRESERVING = _names(
    """
    Concat DepthToSpace Dropout Expand Flatten Gather GatherElements GatherND GlobalMaxPool Identity MaxPool Pad Reshape
    ReverseSequence Slice SpaceToDepth Split Squeeze Tile Transpose Unsqueeze
    """
)
#: Of those, the ones that can be done ahead of time to a stored tensor: same elements, other places.
RESHAPING = _names("Flatten Identity Reshape Squeeze Transpose Unsqueeze")

#: Convolutions, whose result has one channel per column of the weight.
CONVOLUTIONS = frozenset({"Conv", "ConvTranspose", "FusedConv", "NhwcConv", "ConvInteger", "QLinearConv", "DeformConv"})
#: Matrix products of two operands.
PRODUCTS = _names(
    """
    Gemm MatMul MatMulInteger QLinearMatMul QGemm MatMulNBits FusedMatMul FusedGemm MatMulIntegerToFloat DynamicQuantizeMatMul Einsum
    TransposeMatMul MatMulBnb4 MatMulFpQ4 FusedMatMulActivation GemmFastGelu GemmFloat8 XnorPopcountMatMul
    """
)
#: Operators that an elementwise follower may be folded into, besides elementwise ones.
ABSORBING = (
    CONVOLUTIONS
    | PRODUCTS
    | _names(
        """
        AveragePool MaxPool GlobalAveragePool GlobalMaxPool LayerNormalization GroupNormalization InstanceNormalization
        RMSNormalization SimplifiedLayerNormalization SkipLayerNormalization SkipSimplifiedLayerNormalization LRN Softmax
        LogSoftmax ReduceMean ReduceSum ReduceMax ReduceMin QLinearAveragePool QLinearGlobalAveragePool Resize Upsample
        """
    )
)


def known_domain(layer: Layer) -> bool:
    """Whether the names of the layer's domain mean anything to hwsim."""
    return layer.domain in KNOWN_DOMAINS
