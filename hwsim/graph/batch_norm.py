"""fold_batch_norm: scales and shifts per channel go into the weights and bias of the layer before them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hwsim.graph.draft import Draft, listed
from hwsim.graph.network import Network
from hwsim.graph.operators import DEQUANTIZE, FAKE_QUANTIZE, known_domain
from hwsim.graph.records import Layer, Tensor

_HEADS = frozenset({"Conv", "ConvTranspose", "Gemm"})
_AFFINE = frozenset({"Mul", "Add", "Sub", "Div"})


def fold_batch_norm(network: Network) -> Network:
    """Fold BatchNormalization, and per-channel constants multiplied or added, into the Conv, ConvTranspose or Gemm before them.

    Only where nobody else reads what lies between and the weights are known ahead. The layer keeps its MACs and gets a bias where it had
    none: the normalization's own. Notes say how many were folded.
    """
    draft = Draft(network)
    folded: Counter[str] = Counter()
    for index, layer in draft.present():
        if layer.op in _HEADS and known_domain(layer) and not layer.members and _known_weights(draft, layer):
            _absorb(draft, index, layer, folded)
    if not folded:
        return network
    return draft.finish(f"folded {listed(folded)} into the layers before them")


def _absorb(draft: Draft, index: int, head: Layer, folded: Counter[str]) -> None:
    """Fold the followers of one layer, one after the other."""
    while len(head.outputs) == 1 and (position := draft.only_reader(head.outputs[0])) is not None:
        follower = draft.layers[position]
        assert follower is not None
        shift = _shift(draft, head, follower)
        if shift is None or follower.repeat != head.repeat:
            return
        folded[follower.op] += 1
        inputs = head.inputs
        if shift and (len(inputs) < 3 or not inputs[2]):
            inputs = (*inputs[:2], _bias(draft, head, follower, shift))
        head = replace(
            head,
            inputs=inputs,
            outputs=follower.outputs[:1],
            fused=(*head.fused, follower.name, *follower.fused),
            inside=(*head.inside, head.outputs[0]),
        )
        draft.drop(position)
        draft.put(index, head)


def _bias(draft: Draft, head: Layer, follower: Layer, shift: str) -> str:
    """The tensor that becomes the bias: the shift itself where it is a vector, else a vector of its numbers."""
    channels = _channels(draft, head)
    tensor = draft.tensors[shift]
    if tensor.shape == (channels,):
        return shift
    name = f"{follower.name}.bias"
    learned = tensor.parameters if tensor.role == "parameter" else None
    draft.tensors[name] = Tensor(name, (channels,), tensor.dtype, tensor.role, learned=learned)
    return name


def _shift(draft: Draft, head: Layer, follower: Layer) -> str | None:
    """What the follower adds: a tensor's name, "" where it only scales, None where it cannot be folded."""
    if not known_domain(follower) or follower.members:
        return None
    result = head.outputs[0]
    if follower.op == "BatchNormalization":
        return _normalization_shift(draft, follower, result)
    if follower.op not in _AFFINE or len(follower.inputs) != 2 or len(set(follower.inputs)) != 2:
        return None
    first, second = follower.inputs
    other = second if first == result else first
    if (
        (follower.op == "Div" and first != result)
        or not draft.known_ahead(other)
        or not _per_channel(draft, head, draft.tensors[other])
    ):
        return None
    written = draft.tensors.get(follower.outputs[0])
    if written is None or written.shape != draft.tensors[result].shape:
        return None
    return "" if follower.op in ("Mul", "Div") else other


def _normalization_shift(draft: Draft, follower: Layer, result: str) -> str | None:
    """The shift of a BatchNormalization with known figures, None in training."""
    plain = len(follower.inputs) == 5 and follower.inputs[0] == result and not any(follower.outputs[1:])
    known = all(draft.known_ahead(name) for name in follower.inputs[1:])
    return follower.inputs[2] if plain and known and not follower.attributes.get("training_mode") else None


def _channels(draft: Draft, head: Layer) -> int:
    shape = draft.tensors[head.outputs[0]].shape
    return shape[1] if len(shape) > 1 else 1


def _per_channel(draft: Draft, head: Layer, tensor: Tensor) -> bool:
    """Whether a constant has one value, or one for every channel (the second axis)."""
    if tensor.elements == 1:
        return True
    rank = len(draft.tensors[head.outputs[0]].shape)
    padded = (1,) * (rank - len(tensor.shape)) + tensor.shape
    return len(padded) == rank and padded[1] == tensor.elements == _channels(draft, head)


def _known_weights(draft: Draft, layer: Layer) -> bool:
    """Whether the weight and the bias, if any, are stored with the model, perhaps behind a dequantization."""
    for name in layer.inputs[1:3]:
        if not name or draft.known_ahead(name):
            continue
        writer = draft.layers[draft.writer[name]] if name in draft.writer else None
        if writer is None or writer.op not in DEQUANTIZE | FAKE_QUANTIZE or not draft.known_ahead(writer.inputs[0]):
            return False
    return len(layer.inputs) > 1 and all(name in draft.tensors for name in layer.outputs)
