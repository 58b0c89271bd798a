"""fold_quantization: operands travel in the type in which they are stored, whatever way an exporter has to say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from hwsim.graph.draft import Draft, listed
from hwsim.graph.fusion import grouped
from hwsim.graph.network import Network
from hwsim.graph.operators import DEQUANTIZE, FAKE_QUANTIZE, FREE, PRESERVING, QUANTIZE, RESHAPING, known_domain
from hwsim.graph.records import Layer, dtype_bits, dtype_kind

_NARROW_BITS = 16


def fold_quantization(network: Network) -> Network:
    """Fold away what only says how a tensor is quantized.

    - DequantizeLinear (ai.onnx or com.microsoft): its readers read what is stored, int8 or packed int4, and types pass on through
      reshapes, transposes, slices and pools.
    - QuantizeLinear: joins the layer that wrote the wide value, which then writes the narrow one (``Layer.members``: its operations count).
    - Cast of an integer weight and the scaling after it, written by hand.
    - QONNX Quant, IntQuant, FloatQuant, BipolarQuant: the tensor gets the type that they round to; MultiThreshold writes its out_dtype.

    What a graph returns keeps its type, so a last DequantizeLinear stays. Notes say how many were folded. Linear in layers.
    """
    draft = Draft(network)
    folded: Counter[str] = Counter()
    for index, layer in draft.present():
        if not known_domain(layer) or not layer.inputs or not layer.inputs[0] or not layer.outputs:
            continue
        if layer.inputs[0] not in draft.tensors or layer.outputs[0] not in draft.tensors:
            continue
        if layer.op in _FOLDS and _FOLDS[layer.op](draft, index, layer):
            folded[layer.op] += 1
    if folded:
        return draft.finish(f"folded {listed(folded)} into the layers around them")
    return network if draft.tensors == network.tensors else draft.finish()


def _dequantize(draft: Draft, index: int, layer: Layer) -> bool:
    return _read_stored(draft, index, layer.inputs[0], layer.outputs[0])


def _read_stored(draft: Draft, index: int, stored: str, wide: str) -> bool:
    """Readers of a dequantized value read what is stored; a reader that only renames a result of the network keeps the wide one."""
    for reader in tuple(draft.readers.get(wide, ())):
        layer = draft.layers[reader]
        if layer is not None and layer.op in FREE and any(name in draft.results for name in layer.outputs):
            return False
    draft.read_instead(wide, stored)
    if wide in draft.results:
        return False
    draft.drop(index)
    return True


def _pass_type_on(draft: Draft, index: int, layer: Layer) -> bool:
    """A layer that only moves or selects writes the type that it reads; done to stored weights, it is done ahead of time."""
    data = [name for name in (layer.inputs if layer.op == "Concat" else layer.inputs[:1]) if name]
    source, result = draft.tensors[data[0]], layer.outputs[0]
    types = {draft.tensors[name].dtype for name in data if name in draft.tensors}
    written = draft.tensors[result]
    if len(types) != 1 or source.dtype == written.dtype or any(name in draft.results for name in layer.outputs):
        return False
    if layer.op in RESHAPING and source.role != "activation":
        learned = source.parameters if draft.only_reader(source.name) is not None else 0
        draft.tensors[result] = replace(
            written,
            dtype=source.dtype,
            role=source.role,
            density=source.density,
            learned=learned,
            nonzeros=source.nonzeros,
        )
        draft.drop(index)
        return True
    for name in layer.outputs:
        if layer.op not in ("MaxPool", "Dropout") or name == result:
            _set_dtype(draft, name, source.dtype)
    return False


def _write_narrow(draft: Draft, index: int, layer: Layer) -> bool:
    """The layer that wrote the value to be quantized writes the quantized one."""
    wide, narrow = layer.inputs[0], layer.outputs[0]
    if draft.tensors[wide].dtype == draft.tensors[narrow].dtype and narrow not in draft.results:
        draft.read_instead(narrow, wide)
        draft.drop(index)
        return True
    position = draft.writer.get(wide)
    if position is None or draft.only_reader(wide) != index:
        return False
    writer = draft.layers[position]
    if writer is None or len(writer.outputs) != 1 or writer.repeat != layer.repeat or not known_domain(writer):
        return False
    if writer.op in FREE or writer.op in PRESERVING or writer.op in QUANTIZE or writer.op in DEQUANTIZE:
        return False
    if not all(draft.known_ahead(name) for name in layer.inputs[1:] if name):
        return False
    draft.drop(index)
    draft.put(position, grouped([writer, layer]))
    return True


def _fake_quantize(draft: Draft, index: int, layer: Layer) -> bool:
    dtype = _rounded_to(draft, layer)
    source, result = layer.inputs[0], layer.outputs[0]
    if dtype is None:
        return False
    if not draft.known_ahead(source):
        _set_dtype(draft, result, dtype)
        return _write_narrow(draft, index, layer)
    stored = draft.tensors[source]
    if result in draft.results:
        return False
    if draft.only_reader(source) is None and stored.dtype != dtype:  # rounded to several types: each is stored
        draft.tensors[result] = replace(stored, name=result, dtype=dtype)
        draft.tensors[source] = replace(stored, learned=0)
        draft.drop(index)
        return True
    draft.tensors[source] = replace(stored, dtype=dtype)
    return _read_stored(draft, index, source, result)


def _by_hand(draft: Draft, index: int, layer: Layer) -> bool:
    """Cast of a narrow stored integer, and products or sums of such a one with known scales: readers read the integer."""
    result = draft.tensors[layer.outputs[0]]
    if result.name in draft.results:
        return False
    for name in layer.inputs:
        stored = draft.tensors.get(name)
        if stored is None or stored.role != "parameter" or stored.elements != result.elements:
            continue
        if dtype_kind(stored.dtype) != "int" or dtype_bits(stored.dtype) > _NARROW_BITS:
            continue
        if dtype_kind(result.dtype) == "float" and all(
            draft.known_ahead(other) for other in layer.inputs if other and other != name
        ):
            return _read_stored(draft, index, name, result.name)
    return False


def _threshold(draft: Draft, _index: int, layer: Layer) -> bool:
    """MultiThreshold stays, and writes the type that it names."""
    _set_dtype(draft, layer.outputs[0], qonnx_dtype(str(layer.attributes.get("out_dtype", ""))))
    return False


def _set_dtype(draft: Draft, name: str, dtype: str | None) -> None:
    if name in draft.tensors and dtype is not None:
        draft.tensors[name] = replace(draft.tensors[name], dtype=dtype)


def _rounded_to(draft: Draft, layer: Layer) -> str | None:
    """The type that a QONNX operator rounds to, None where its bits are not known ahead."""
    if layer.op == "BipolarQuant":
        return "int1"
    if layer.op == "FloatQuant":
        exponent, mantissa = (_number(layer, name) for name in ("exponent_bits", "mantissa_bits"))
        return None if exponent is None or mantissa is None else f"float{1 + exponent + mantissa}"
    bits = (
        _number(layer, "bits")
        or _number(layer, "bit_width")
        or _number(layer, "bitwidth")
        or _number(layer, "out_bits")
    )
    if bits is None or not 1 <= bits <= 64:
        return None
    return f"{'int' if layer.attributes.get('signed', 1) else 'uint'}{bits}"


def _number(layer: Layer, name: str) -> int | None:
    value = layer.attributes.get(name)
    if isinstance(value, tuple):
        value = value[0] if len(value) == 1 else None
    if not isinstance(value, int | float) or not 0 <= value <= 64:
        return None
    return -int(-value // 1)  # fractional widths are stored in whole bits


#: What is tried on a layer, by operator; each answers whether the layer went away.
_FOLDS: dict[str, Callable[[Draft, int, Layer], bool]] = {
    **dict.fromkeys(PRESERVING, _pass_type_on),
    **dict.fromkeys(DEQUANTIZE, _dequantize),
    **dict.fromkeys(QUANTIZE, _write_narrow),
    **dict.fromkeys((*FAKE_QUANTIZE, "Trunc"), _fake_quantize),
    **dict.fromkeys(("Cast", "Mul", "Div", "Sub", "Add"), _by_hand),
    "MultiThreshold": _threshold,
}


def qonnx_dtype(name: str) -> str | None:
    """hwsim's name of a QONNX type such as ``UINT4``, ``INT8``, ``BIPOLAR``, ``TERNARY``; None for others."""
    if name in ("BIPOLAR", "BINARY"):
        return "int1" if name == "BIPOLAR" else "uint1"
    if name == "TERNARY":
        return "int2"
    try:
        dtype_bits(name.lower())
    except ValueError:
        return None
    return name.lower()
