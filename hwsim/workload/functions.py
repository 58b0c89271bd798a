"""What vector work is made of: the functions, and the scalar operations that one element costs.

An operation is one arithmetic step, one comparison or selection, one rounding, or one evaluation of an elementary function
(exp, log, tanh, erf, a power, a sine). A profile may give a rate for each function, since a unit evaluates an exponential more slowly
than it adds. Counts are of the textbook definition of each operator in the ONNX operator reference, without common subexpressions.
"""

from __future__ import annotations

#: Every name that ``VectorOp.function`` may have, and what it stands for.
FUNCTIONS: dict[str, str] = {
    "add": "additions and subtractions",
    "mul": "multiplications",
    "div": "divisions, reciprocals, remainders",
    "compare": "comparisons, minimum, maximum, selection, sign: relu, clip, where",
    "logic": "boolean and bitwise operations, shifts",
    "round": "rounding to an integer",
    "cast": "conversion between types",
    "quantize": "scaling, rounding, shifting and saturating into a narrow type",
    "dequantize": "shifting and scaling out of a narrow type",
    "table": "one look-up in a small table an element",
    "sqrt": "square roots",
    "exp": "exponentials and what is built on one",
    "log": "logarithms and what is built on one",
    "pow": "general powers",
    "trigonometric": "sines, cosines, their inverses and hyperbolic kin",
    "tanh": "hyperbolic tangents and what is built on one",
    "sigmoid": "logistic functions and what is built on one",
    "erf": "error functions, the exact gelu",
    "softmax": "maximum, subtraction, exponential, sum, division along an axis",
    "norm": "mean, variance and scaling along some axes",
    "local_response": "squares over neighbouring channels, a power, a product",
    "pool": "windows summed or compared",
    "reduce": "an axis summed, compared or multiplied away",
    "scan": "running sums and products",
    "sort": "comparisons of sorting and selecting",
    "interpolate": "weighted means of neighbours: resize, sampling, regions of interest",
    "random": "pseudo-random numbers",
    "fft": "butterflies of a Fourier transform",
}

#: Elementwise operators: function, operations per result element. Operators of several operands are priced per pair, see ``VARIADIC``.
ELEMENT: dict[str, tuple[str, int]] = {
    "Abs": ("compare", 1),
    "Acos": ("trigonometric", 1),
    "Acosh": ("trigonometric", 1),
    "Add": ("add", 1),
    "Affine": ("mul", 2),
    "And": ("logic", 1),
    "Asin": ("trigonometric", 1),
    "Asinh": ("trigonometric", 1),
    "Atan": ("trigonometric", 1),
    "Atanh": ("trigonometric", 1),
    "BatchNormalization": ("norm", 2),  # mean, variance, scale and shift are known: one multiplication, one addition
    "BiasAdd": ("add", 2),  # bias and residual
    "BiasDropout": ("add", 2),  # at inference: bias and residual
    "BiasGelu": ("erf", 6),
    "Binarizer": ("compare", 1),
    "BipolarQuant": ("quantize", 2),  # sign, scale
    "BitCast": ("cast", 1),
    "BitShift": ("logic", 1),
    "BitwiseAnd": ("logic", 1),
    "BitwiseNot": ("logic", 1),
    "BitwiseOr": ("logic", 1),
    "BitwiseXor": ("logic", 1),
    "Cast": ("cast", 1),
    "CastLike": ("cast", 1),
    "Ceil": ("round", 1),
    "Celu": ("exp", 6),  # x/alpha, exp, -1, *alpha, min 0, plus max(0, x): the two halves share the comparison
    "Clip": ("compare", 2),
    "Cos": ("trigonometric", 1),
    "Cosh": ("trigonometric", 1),
    "DequantizeLinear": ("dequantize", 2),  # minus zero point, times scale
    "Div": ("div", 1),
    "Elu": ("exp", 4),  # exp, -1, *alpha, select
    "Equal": ("compare", 1),
    "Erf": ("erf", 1),
    "Exp": ("exp", 1),
    "FastGelu": ("tanh", 9),  # x³ (2), *c, +x, *c, tanh, +1, *x, *0.5
    "FloatQuant": ("quantize", 6),  # as Quant
    "Floor": ("round", 1),
    "Gelu": ("erf", 5),  # /sqrt 2, erf, +1, *x, *0.5
    "Greater": ("compare", 1),
    "GreaterOrEqual": ("compare", 1),
    "HardSigmoid": ("compare", 4),  # *alpha, +beta, max, min
    "HardSwish": ("compare", 5),
    "ImageScaler": ("mul", 2),
    "Imputer": ("compare", 2),
    "IntQuant": ("quantize", 6),
    "IsInf": ("compare", 1),
    "IsNaN": ("compare", 1),
    "LeakyRelu": ("compare", 2),  # *alpha, select
    "Less": ("compare", 1),
    "LessOrEqual": ("compare", 1),
    "Log": ("log", 1),
    "Max": ("compare", 1),
    "Mean": ("add", 1),
    "Min": ("compare", 1),
    "Mish": ("tanh", 5),  # exp, +1, log, tanh, *x
    "Mod": ("div", 1),
    "Mul": ("mul", 1),
    "MultiThreshold": ("compare", 1),  # per threshold
    "Neg": ("add", 1),
    "Not": ("logic", 1),
    "Or": ("logic", 1),
    "PRelu": ("compare", 2),
    "ParametricSoftplus": ("log", 5),
    "Pow": ("pow", 1),
    "QLinearAdd": ("quantize", 9),  # two dequantized (2 each), added, quantized (4)
    "QLinearLeakyRelu": ("table", 1),
    "QLinearMul": ("quantize", 9),
    "QLinearSigmoid": ("table", 1),
    "QLinearWhere": ("quantize", 7),
    "Quant": ("quantize", 6),  # /scale, +zero point, round, clip as one saturation, -zero point, *scale
    "QuantizeLinear": ("quantize", 4),  # /scale, round, +zero point, saturate
    "QuickGelu": ("sigmoid", 3),  # *alpha, sigmoid, *x
    "Reciprocal": ("div", 1),
    "Relu": ("compare", 1),
    "Round": ("round", 1),
    "Rsqrt": ("sqrt", 2),
    "Scale": ("mul", 1),
    "ScaledTanh": ("tanh", 3),
    "Scaler": ("mul", 2),
    "Selu": ("exp", 5),
    "Shrink": ("compare", 4),
    "Sigmoid": ("sigmoid", 1),
    "Sign": ("compare", 1),
    "Sin": ("trigonometric", 1),
    "Sinh": ("trigonometric", 1),
    "Softplus": ("log", 3),  # exp, +1, log
    "Softsign": ("div", 3),
    "Sqrt": ("sqrt", 1),
    "Sub": ("add", 1),
    "Sum": ("add", 1),
    "Swish": ("sigmoid", 2),  # sigmoid, *x
    "Tan": ("trigonometric", 1),
    "Tanh": ("tanh", 1),
    "ThresholdedRelu": ("compare", 1),
    "Trunc": ("quantize", 6),
    "Where": ("compare", 1),
    "Xor": ("logic", 1),
    "SplitSwish": ("sigmoid", 3),
}

#: Elementwise operators of any number of operands: the operations above are paid for every operand after the first.
VARIADIC = frozenset({"Sum", "Mean", "Max", "Min"})

#: Activations that fused operators name in an attribute (lower case): function, operations per element.
ACTIVATION: dict[str, tuple[str, int]] = {
    "relu": ("compare", 1),
    "relu6": ("compare", 2),
    "clip": ("compare", 2),
    "leakyrelu": ("compare", 2),
    "thresholdedrelu": ("compare", 1),
    "sigmoid": ("sigmoid", 1),
    "tanh": ("tanh", 1),
    "hardsigmoid": ("compare", 4),
    "hardswish": ("compare", 5),
    "silu": ("sigmoid", 2),
    "swish": ("sigmoid", 2),
    "swiglu": ("sigmoid", 3),
    "gelu": ("erf", 5),
    "elu": ("exp", 4),
    "softplus": ("log", 3),
    "softsign": ("div", 3),
    "affine": ("mul", 2),
    "scaledtanh": ("tanh", 3),
}

#: Operations per element of compound operators, with what they are made of.
SOFTMAX = 5  # compare with the maximum, subtract, exponentiate, add up, divide
LOG_SOFTMAX = 6  # and a logarithm instead of the division, plus the subtraction of it
LAYER_NORM = 8  # add up, subtract the mean, square, add up, multiply by 1/σ, scale, shift, and the mean's share of 1/σ
RMS_NORM = 4  # square, add up, multiply by 1/rms, scale
INTERPOLATE = 7  # bilinear: four products, three additions
