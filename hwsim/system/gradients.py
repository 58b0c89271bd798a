"""From a network to the network of one training step: forward, perhaps again, backward, optimizer.

A product O = W·I has two gradients, each as many MACs as itself: dI = Wᵀ·dO (not for the network's own inputs) and dW = dO·Iᵀ, which sums
over batch and positions. Everything else goes back as it went forward. The result is a network like any other: every rung prices it,
and liveness over it gives the memory that saved activations take.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from hwsim.errors import UsageError
from hwsim.estimation import Prepared
from hwsim.graph import Layer, Tensor, dtype_kind
from hwsim.workload import LoopNest, VectorOp, Work
from hwsim.workload.liveness import aliases
from hwsim.workload.work import DataMove

#: What starts the name of a gradient, of an activation computed a second time, and of what the optimizer keeps.
GRADIENT, AGAIN, STATE = "gradient/", "again/", "state/"


@dataclass(frozen=True, slots=True)
class Optimizer:
    """Numbers kept for each parameter beside it [1], and operations of an update for each [1]."""

    name: str
    states: int
    operations: int


#: Operations counted in the update rules: Adam by Kingma and Ba, arXiv:1412.6980, algorithm 1 with its bias corrections folded into the
#: step size: two running means (3 + 4), square root, addition, division, product and difference.
OPTIMIZERS = {
    "sgd": Optimizer("sgd", 0, 2),
    "momentum": Optimizer("momentum", 1, 4),
    "adam": Optimizer("adam", 2, 12),
}


@dataclass(slots=True)
class _Draft:
    """Layers, works and tensors of the network being made; gradients that exist so far."""

    layers: list[Layer] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    gradients: set[str] = field(default_factory=set)

    def add(self, layer: Layer, work: Work) -> None:
        self.layers.append(layer)
        self.works.append(work)

    def gradient(self, name: str) -> str:
        """The tensor that holds the gradient of another; a parameter's is kept for the optimizer and no activation."""
        found = GRADIENT + name
        if found not in self.tensors:
            tensor = self.tensors[name]
            role = "activation" if tensor.role == "activation" else "constant"
            self.tensors[found] = Tensor(found, tensor.shape, tensor.dtype, role)  # type: ignore[arg-type]
        return found


def training_step(prepared: Prepared, optimizer: str = "adam", segments: int = 0, master_bits: int = 32) -> Prepared:
    """One step of training as a network of its own.

    prepared : the forward pass, in types that the device computes. optimizer : sgd, momentum or adam. segments : parts of the forward pass
    whose inner activations are not saved but computed a second time (0 saves all). master_bits : bits of the parameters and states that the
    optimizer works on [bit]; the working copy has its own. Raises UsageError for a network of integers or an unknown optimizer.
    """
    if optimizer not in OPTIMIZERS:
        raise UsageError(f"optimizer {optimizer!r}: there are {', '.join(OPTIMIZERS)}")
    network = prepared.network
    odd = next((n for w in prepared.works for n in w.nests if dtype_kind(n.input.dtype) != "float"), None)
    if odd is not None:
        raise UsageError(
            f"{network.name}: gradients need floating point, and it computes in {odd.input.dtype} (--bits fp16)"
        )
    draft = _Draft(tensors=dict(network.tensors))
    roots = aliases(network, prepared.works)
    pairs = list(zip(network.layers, prepared.works, strict=True))
    for layer, work in pairs:
        draft.add(layer, work)
    cuts = _segments(pairs, segments)
    inputs = set(network.inputs)
    for part in reversed(cuts):
        renamed = _again(part, network.outputs, draft) if segments else {}
        for layer, work in reversed(part):
            if not work.free:
                _backward(layer, work, renamed, roots, inputs, draft)
    _update(network.tensors.values(), OPTIMIZERS[optimizer], master_bits, draft)
    kept = tuple(name for name in network.outputs)
    made = replace(network, layers=tuple(draft.layers), tensors=draft.tensors, outputs=kept)
    settings = {**prepared.settings, "training": optimizer, "segments": segments, "master_bits": master_bits}
    return replace(
        prepared, network=made, works=tuple(draft.works), settings=settings, aliases=aliases(made, draft.works)
    )


def _segments(pairs: Sequence[tuple[Layer, Work]], count: int) -> list[list[tuple[Layer, Work]]]:
    """The forward pass in parts of about the same number of layers."""
    if count < 0:
        raise UsageError(f"segments {count}: needs at least 0")
    parts = max(1, min(count, len(pairs)))
    ends = [len(pairs) * number // parts for number in range(parts + 1)]
    return [list(pairs[first:last]) for first, last in pairwise(ends)]


def _again(part: Sequence[tuple[Layer, Work]], outputs: Iterable[str], draft: _Draft) -> dict[str, str]:
    """Run a part a second time, from what it was given; returns the new names of what it computes."""
    read_later = set(outputs)
    renamed: dict[str, str] = {}
    for layer, work in part[:-1]:
        for name in layer.outputs:
            if name and name not in read_later:
                renamed[name] = AGAIN + name
                draft.tensors[AGAIN + name] = replace(draft.tensors[name], name=AGAIN + name)
        changed = replace(
            layer,
            name=AGAIN + layer.name,
            inputs=tuple(renamed.get(name, name) for name in layer.inputs),
            outputs=tuple(renamed.get(name, name) for name in layer.outputs),
        )
        draft.add(changed, _renamed(work, renamed))
    return renamed


def _renamed(work: Work, names: dict[str, str]) -> Work:
    reads = tuple((names.get(name, name), size) for name, size in work.reads)
    writes = tuple((names.get(name, name), size) for name, size in work.writes)
    return replace(work, reads=reads, writes=writes)


def _backward(
    layer: Layer, work: Work, renamed: dict[str, str], roots: dict[str, str], inputs: set[str], draft: _Draft
) -> None:
    reads: list[tuple[str, int]] = []
    writes: list[tuple[str, int]] = []
    vectors = [VectorOp(op.function, op.operations, op.elements) for op in work.vectors]
    for name, size in work.writes:
        root = roots.get(name, name)
        if draft.tensors[root].role == "activation":
            reads.append((draft.gradient(root), size))
    wanted = False
    for name, size in work.reads:
        tensor = draft.tensors[name]
        root = roots.get(name, name)
        reads.append((renamed.get(name, name), size))
        if tensor.role == "constant" or root in inputs or dtype_kind(tensor.dtype) != "float":
            continue
        wanted = wanted or tensor.role == "activation"
        gradient = draft.gradient(root)
        if gradient in draft.gradients:
            elements = size * 8 // tensor.bits
            vectors.append(VectorOp("add", elements, elements))
            reads.append((gradient, size))
        draft.gradients.add(gradient)
        writes.append((gradient, size))
    nests = [gradient for nest in work.nests for gradient in gradients(nest, wanted)]
    moves = tuple(DataMove(move.write_bytes, move.read_bytes) for move in work.moves)
    uses = tuple(dict.fromkeys(name for name, _ in reads))
    makes = tuple(dict.fromkeys(name for name, _ in writes if draft.tensors[name].role == "activation"))
    back = Layer(GRADIENT + layer.name, layer.op, uses, makes, layer.attributes, layer.domain, layer.repeat)
    draft.add(back, Work(tuple(nests), tuple(vectors), moves, tuple(reads), tuple(writes)))


def gradients(nest: LoopNest, of_input: bool = True) -> tuple[LoopNest, ...]:
    """The products behind one product: the gradient of its input (unless nobody wants it) and of its weight, each with its MACs."""
    weight = LoopNest(
        g=nest.g, k=nest.k, c=nest.n * nest.q * nest.p, p=nest.c * nest.s * nest.r,
        input=nest.input, weight=nest.output, output=nest.weight, accumulator=nest.accumulator,
        weight_role="activation", repeat=nest.repeat,
    )  # fmt: skip
    if not of_input and nest.weight_role == "parameter":
        return (weight,)
    back = LoopNest(
        n=nest.n, g=nest.g, k=nest.c, c=nest.k, q=nest.q, p=nest.p, s=nest.s, r=nest.r,
        input=nest.output, weight=nest.weight, output=nest.input, accumulator=nest.accumulator,
        weight_role=nest.weight_role, repeat=nest.repeat,
    )  # fmt: skip
    return back, weight


def _update(tensors: Iterable[Tensor], optimizer: Optimizer, master_bits: int, draft: _Draft) -> None:
    reads: list[tuple[str, int]] = []
    writes: list[tuple[str, int]] = []
    elements = 0
    for tensor in list(tensors):
        gradient = GRADIENT + tensor.name
        if tensor.role != "parameter" or gradient not in draft.gradients:
            continue
        numbers = optimizer.states + (tensor.bits != master_bits)
        reads.append((gradient, tensor.bytes))
        writes.append((tensor.name, tensor.bytes))
        elements += tensor.elements
        if numbers:
            kept = Tensor(STATE + tensor.name, (numbers, *tensor.shape), f"float{master_bits}", "constant")
            draft.tensors[kept.name] = kept
            reads.append((kept.name, kept.bytes))
            writes.append((kept.name, kept.bytes))
        if tensor.bits == master_bits:
            reads.append((tensor.name, tensor.bytes))
    if reads:
        operations = (VectorOp("add", optimizer.operations * elements, elements),)
        layer = Layer("optimizer", optimizer.name, tuple(name for name, _ in reads), ())
        draft.add(layer, Work((), operations, (), tuple(reads), tuple(writes)))
