"""What every tensor is: computed, learned, or merely constant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set

from hwsim.graph import Layer, Tensor, dtype_kind
from hwsim.onnx_io.scope import Reading
from hwsim.onnx_io.tensors import density_of, nonzeros_of
from hwsim.onnx_io.values import Value

#: Operators none of whose inputs is learned.
_NOTHING_LEARNED = """
Where Clip Pad Resize Upsample Slice Reshape Expand Tile TopK OneHot Range CumSum Trilu ReverseSequence
NonMaxSuppression RoiAlign GridSample RotaryEmbedding QLinearAdd QLinearMul QLinearConcat MultiThreshold Pow Max Min
Mod
"""

#: Inputs that are learned where they are stored, by operator; those of the operators not named here follow their type and size.
LEARNED: dict[str, frozenset[int]] = {
    op: frozenset(places)
    for op, places in {
        "Conv": (0, 1, 2),
        "ConvTranspose": (0, 1, 2),
        "FusedConv": (0, 1, 2),
        "NhwcConv": (0, 1, 2),
        "DeformConv": (1, 3),
        "ConvInteger": (0, 1),
        "MatMulInteger": (0, 1),
        "QLinearConv": (3,),
        "QLinearMatMul": (0, 3),
        "QGemm": (0, 3),
        "QAttention": (1, 2),
        "DynamicQuantizeMatMul": (1, 4),
        "MatMulIntegerToFloat": (0, 1, 6),
        "MatMulNBits": (1, 5),
        "Gemm": (0, 1, 2),
        "FusedGemm": (0, 1, 2),
        "MatMul": (0, 1),
        "FusedMatMul": (0, 1),
        "Gather": (0,),
        "GatherElements": (0,),
        "GatherND": (0,),
        "GatherBlockQuantized": (0,),
        "Cast": (0,),
        "DequantizeLinear": (0,),
        "QuantizeLinear": (0,),
        "Quant": (0,),
        "IntQuant": (0,),
        "BipolarQuant": (0,),
        "FloatQuant": (0,),
        "Trunc": (0,),
        "BatchNormalization": (1, 2),
        "InstanceNormalization": (1, 2),
        "GroupNormalization": (1, 2),
        "LayerNormalization": (1, 2),
        "RMSNormalization": (1,),
        "SimplifiedLayerNormalization": (1,),
        "SkipLayerNormalization": (2, 3, 4),
        "SkipSimplifiedLayerNormalization": (2, 3),
        "EmbedLayerNormalization": (2, 3, 4, 5, 6),
        "LSTM": (1, 2, 3, 7),
        "GRU": (1, 2, 3),
        "RNN": (1, 2, 3),
        "DynamicQuantizeLSTM": (1, 2, 3, 7),
        "PRelu": (1,),
        "Attention": (1, 2),
        "MultiHeadAttention": (3,),
        "BiasGelu": (1,),
        "FastGelu": (1,),
        "Einsum": tuple(range(64)),
        "MoE": (2, 3, 4, 5, 6, 7),
        "QMoE": (2, 5, 8),
        **dict.fromkeys(
            _NOTHING_LEARNED.split(),
            (),
        ),
    }.items()
}

#: Types that hold learned numbers; wider integers are sums, positions and sizes.
_NARROW = ("int8", "uint8", "int4", "uint4", "int2", "uint2", "int16", "uint16")


#: Input that holds the zero point of a stored weight, by operator and by input of the weight.
_ZERO_POINTS = {
    "DequantizeLinear": {0: 2},
    "QLinearConv": {3: 5},
    "QLinearMatMul": {0: 2, 3: 5},
    "ConvInteger": {1: 3},
    "MatMulInteger": {1: 3},
    "QGemm": {3: 5},
}


def _is_matrix(value: Value) -> bool:
    return sum(extent > 1 for extent in value.shape) > 1


def _is_mask(layer: Layer, value: Value, before_softmax: Set[str]) -> bool:
    """A table that no training made: sines and cosines that are multiplied with, masks that are added to attention scores."""
    if not _is_matrix(value):
        return False
    if layer.op in ("Mul", "Div", "Sub"):
        return True
    return layer.op == "Add" and set(value.shape[:-2]) <= {1} and layer.outputs[0] in before_softmax


def _is_learned(layer: Layer, position: int, value: Value) -> bool:
    if not value.origins or not (dtype_kind(value.dtype) == "float" or value.dtype in _NARROW):
        return False
    places = LEARNED.get(layer.op)
    if places is not None:
        return position in places
    return dtype_kind(value.dtype) == "float" and value.elements > 1


def _zero(reading: Reading, layer: Layer, position: int) -> float:
    """The stored number that means zero: the weight's zero point, where one layer-wide number gives it."""
    place = _ZERO_POINTS.get(layer.op, {}).get(position)
    name = layer.inputs[place] if place is not None and place < len(layer.inputs) else ""
    value = reading.values.get(name)
    if value is None or value.data is None or not value.data.size or not (value.data == value.data.flat[0]).all():
        return 0.0
    return float(value.data.flat[0])


def _packed(layer: Layer, position: int) -> int | None:
    """Numbers in a packed matrix of MatMulNBits: N·K."""
    if layer.op == "MatMulNBits" and position == 1:
        n, k = layer.attributes.get("N"), layer.attributes.get("K")
        if isinstance(n, int) and isinstance(k, int):
            return n * k
    return None


def _uses(reading: Reading, learned: Mapping[str, int | None]) -> dict[str, int]:
    """How many learned vectors each stored vector is: exporters merge vectors of equal numbers (all biases of zero), not matrices.

    Found on the exports of the reference set: bert_base, bert_tiny, llama, vgg16 and the residual networks have exactly PyTorch's
    parameters only so. Where one layer's matrix is another's too (unrolled loops, shared blocks), the vectors are shared as well.
    """
    readers = Counter((name, layer.op) for layer in reading.layers for name in set(layer.inputs) if name in learned)
    if any(count > 1 and op != "Gather" and _is_matrix(reading.values[name]) for (name, op), count in readers.items()):
        return {}
    uses: dict[str, int] = {}
    for (name, _), count in readers.items():
        if len(reading.values[name].shape) == 1 and reading.values[name].origins == (name,):
            uses[name] = uses.get(name, 0) + count
    return uses


def tensors_of(reading: Reading) -> dict[str, Tensor]:
    """All tensors that layers read or write, with their roles; every stored number counts as a parameter once."""
    learned: dict[str, int | None] = {}
    zeros: dict[str, float] = {}
    before_softmax = {layer.inputs[0] for layer in reading.layers if layer.op == "Softmax"}
    for layer in reading.layers:
        for position, name in enumerate(layer.inputs):
            value = reading.values.get(name)
            if value is None or not value.static or _is_mask(layer, value, before_softmax):
                continue
            if _is_learned(layer, position, value) and any(reading.stored[origin] > 1 for origin in value.origins):
                learned[name] = _packed(layer, position) or learned.get(name)
                if name in reading.measured:
                    zeros[name] = _zero(reading, layer, position)
    uses = _uses(reading, learned)
    counted: set[str] = set()
    tensors: dict[str, Tensor] = {}
    for name in [*learned, *(other for other in reading.values if other not in learned)]:
        value = reading.values[name]
        shape = value.shape if value.items is None else (sum(item.elements for item in value.items),)
        if name not in learned:
            tensors[name] = Tensor(
                name, shape, value.dtype, "constant" if value.static else "activation", value.density
            )
            continue
        numbers = learned[name]
        if numbers is None:
            numbers = uses.get(name, 1) * sum(
                reading.stored[origin] for origin in value.origins if origin not in counted
            )
        counted.update(value.origins)
        density = value.density
        nonzeros: tuple[tuple[int, ...], ...] = ()
        tensor = reading.measured.get(name)
        if tensor is not None:
            density = density_of(tensor, zeros[name])
            nonzeros = nonzeros_of(tensor, zeros[name]) if density < 1 else ()
        tensors[name] = Tensor(
            name, shape, value.dtype, "parameter", density, None if numbers == value.elements else numbers, nonzeros
        )
    return {name: tensors[name] for name in reading.values}
