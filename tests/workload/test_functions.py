"""Operations per element, counted in the formulas of the ONNX operator reference as one would write them down."""

from __future__ import annotations

import ast

import pytest

from hwsim.workload import functions
from hwsim.workload.functions import ACTIVATION, ELEMENT

GELU = "0.5 * x * (1 + erf(x / s))"
QUANT = "(clip(round(x / s + z)) - z) * s"
#: Of tensors x, y, constants, and functions that are one operation each; ``select`` picks by a comparison that it makes itself.
FORMULAS = {
    "Affine": "a * x + b",
    "BatchNormalization": "a * x + b",
    "BiasAdd": "x + b + residual",
    "BiasDropout": "x + b + residual",
    "BiasGelu": f"x = x + b; {GELU}",
    "Binarizer": "x > t",
    "BipolarQuant": "s * sign(x)",
    "Celu": "select(0, x) + a * (exp(x / a) - 1)",
    "Clip": "min(max(x, low), high)",
    "DequantizeLinear": "(x - z) * s",
    "Elu": "select(x, a * (exp(x) - 1))",
    "FastGelu": "0.5 * x * (1 + tanh(c * (x + d * x * x * x)))",
    "FloatQuant": QUANT,
    "Gelu": GELU,
    "HardSigmoid": "max(0, min(1, a * x + b))",
    "HardSwish": "x * max(0, min(1, a * x + b))",
    "ImageScaler": "a * x + b",
    "Imputer": "select(isnan(x), value)",
    "IntQuant": QUANT,
    "LeakyRelu": "select(x, a * x)",
    "Mish": "x * tanh(log(1 + exp(x)))",
    "ParametricSoftplus": "a * log(1 + exp(b * x))",
    "PRelu": "select(x, a * x)",
    "QLinearAdd": "r = (x - z) * s + (y - w) * t; saturate(round(r / u) + v)",
    "QLinearLeakyRelu": "table(x)",
    "QLinearMul": "r = (x - z) * s * ((y - w) * t); saturate(round(r / u) + v)",
    "QLinearSigmoid": "table(x)",
    "QLinearWhere": "r = (select(x, y) - z) * s; saturate(round(r / u) + v)",
    "Quant": QUANT,
    "QuantizeLinear": "saturate(round(x / s) + z)",
    "QuickGelu": "x * sigmoid(a * x)",
    "Rsqrt": "1 / sqrt(x)",
    "ScaledTanh": "a * tanh(b * x)",
    "Scaler": "(x - b) * s",
    "Selu": "g * select(x, a * (exp(x) - 1))",
    "Shrink": "select(x < low, x > high, x + b)",
    "Softplus": "log(1 + exp(x))",
    "Softsign": "x / (1 + abs(x))",
    "SplitSwish": "y * x * sigmoid(x)",
    "Swish": "x * sigmoid(x)",
    "Trunc": QUANT,
}
#: One operation each, whatever they are called.
SINGLE = """
Abs Acos Acosh Add And Asin Asinh Atan Atanh BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Cos
Cosh Div Equal Erf Exp Floor Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Log Max Mean Min Mod Mul MultiThreshold Neg Not
Or Pow Reciprocal Relu Round Scale Sigmoid Sign Sin Sinh Sqrt Sub Sum Tan Tanh ThresholdedRelu Where Xor
""".split()  # noqa: SIM905
COMPOUND = {
    "SOFTMAX": "e = exp(x - max(m, x)); s + e; e / s",
    "LOG_SOFTMAX": "x = x - max(m, x); s + exp(x); x - log(s)",
    "LAYER_NORM": "s + x; x = x - mean; v + x * x; g * (x * r) + b; share(r)",
    "RMS_NORM": "v + x * x; g * (x * r)",
    "INTERPOLATE": "a * p + b * q + c * r + d * s",
}


def operations(formula: str) -> int:
    return sum(isinstance(node, ast.BinOp | ast.Call | ast.Compare) for node in ast.walk(ast.parse(formula)))


def test_every_operator_costs_what_its_formula_has() -> None:
    expected = {**dict.fromkeys(SINGLE, 1), **{name: operations(formula) for name, formula in FORMULAS.items()}}
    assert {name: number for name, (_, number) in ELEMENT.items()} == expected


def test_activations_cost_what_operators_of_their_name_do() -> None:
    found = {name: number for name, (_, number) in ACTIVATION.items()}
    named = {name.lower(): number for name, (_, number) in ELEMENT.items()}
    own = {
        "relu6": operations("min(max(x, 0), 6)"),
        "silu": operations("x * sigmoid(x)"),
        "swiglu": operations("y * x * sigmoid(x)"),
    }
    assert found == {name: own[name] if name in own else named[name] for name in found}


@pytest.mark.parametrize("name", COMPOUND)
def test_compound_operators_cost_what_their_steps_do(name: str) -> None:
    assert getattr(functions, name) == operations(COMPOUND[name])
