"""Which kernels a CPU's inference library runs for a network, in which order, and in which layout their tensors are.

As onnxruntime does it (github.com/microsoft/onnxruntime, onnxruntime/core: optimizer/nchwc_transformer.cc, graph/graph.cc). Images are in
blocked layout (channels in blocks of one vector) between the kernels that have it, and laid out anew, once for all that read them so, where
others read them. Joins of whole blocks, sums of equal shapes and functions stay in the layout in which their operands are; batch norms, and
products with a vector behind them, of an image in blocked layout become depthwise convolutions of one tap. What was fused into a layer and
its kernel does not do on the way runs by itself. The order is that of a search in depth from the outputs, the last operand first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hwsim.cost.cpu import BLOCKED, Core, form_of
from hwsim.graph import Layer, Network
from hwsim.graph.operators import ELEMENTWISE
from hwsim.workload import Work

#: ``own`` : a layer's main kernel; ``scale`` : a depthwise convolution of one tap in place of a batch norm or of a product with a vector;
#: ``function`` : what was fused into a layer and runs by itself; ``reorder`` : a change of layout, which is in no layer's time.
Kind = Literal["own", "scale", "function", "reorder"]
#: Functions that a convolution's kernel does to its results before it stores them.
_ACTIVATIONS = frozenset({"Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "Tanh"})
_POOLS = frozenset({"MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool"})
_SUMS = frozenset({"Add", "Sum"})
#: Operators of two operands that stay in blocked layout where both are.
_PAIRS = _SUMS | {"Mul"}


@dataclass(frozen=True, slots=True)
class Buffer:
    """A tensor in one layout, or a weight. shape : channels filled up to whole blocks where blocked [1]; bytes [B]."""

    name: str
    blocked: bool
    shape: tuple[int, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel that runs. layer : that it belongs to, "" for a change of layout; op : operator that it is of. weights : bytes by
    name [B]; reads : activations and bytes of them [B]; writes : results. takes : places among what it reads whose room the result may have
    where nobody needs it any more.
    """

    layer: str
    kind: Kind
    op: str
    weights: tuple[tuple[str, int], ...]
    reads: tuple[tuple[Buffer, int], ...]
    writes: tuple[Buffer, ...]
    takes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    """One kernel of a layer. operands : activations beside the result of the step before; reads, writes : whether in blocked layout."""

    kind: Kind
    op: str
    operands: tuple[str, ...]
    reads: bool
    writes: bool
    in_place: bool = False


def kernels(
    network: Network, priced: Sequence[tuple[Layer, Work]], core: Core, aliases: Mapping[str, str] | None = None
) -> tuple[Kernel, ...]:
    """All kernels of an inference in the order in which they run.

    aliases : the tensor whose bytes a reshaped view is, as ``Prepared`` has them.
    """
    running = _Running(network, core, aliases or {})
    for layer, work in in_order(priced):
        running.run(layer, work)
    for name in network.outputs:
        running.buffer(running.root(name), False)
    return tuple(running.found)


def in_order(priced: Sequence[tuple[Layer, Work]]) -> list[tuple[Layer, Work]]:
    """The layers in depth from the outputs, what feeds the last operand first."""
    writer = {name: place for place, (_, work) in enumerate(priced) for name, _ in work.writes}
    read = {name for _, work in priced for name, _ in work.reads}
    stack = [
        (place, False) for place, (_, work) in enumerate(priced) if not any(name in read for name, _ in work.writes)
    ]
    found: list[tuple[Layer, Work]] = []
    seen: set[int] = set()
    while stack:
        place, left = stack.pop()
        if left:
            found.append(priced[place])
        elif place not in seen:
            seen.add(place)
            stack.append((place, True))
            feeding = {writer[name] for name, _ in priced[place][1].reads if name in writer}
            stack += [(feeder, False) for feeder in sorted(feeding) if feeder not in seen]
    return found


class _Running:
    """Kernels so far. blocked : tensors that a kernel wrote in blocked layout; shapes : of all tensors [1]."""

    def __init__(self, network: Network, core: Core, aliases: Mapping[str, str]) -> None:
        self.core, self.aliases = core, aliases
        self.activations = {name for name, tensor in network.tensors.items() if tensor.role == "activation"}
        self.shapes = {name: tuple(network.tensors[name].shape) for name in self.activations}
        self.bytes = {name: network.tensors[name].bytes for name in self.activations}
        self.found: list[Kernel] = []
        self.blocked: set[str] = set()
        self._laid_out: set[tuple[str, bool]] = set()

    def root(self, name: str) -> str:
        """The tensor whose bytes a view is."""
        return self.aliases.get(name, name)

    def buffer(self, name: str, blocked: bool) -> Buffer:
        """An activation in a layout; a kernel lays it out anew where it is only in the other so far."""
        blocked = blocked and len(self.shapes.get(name, ())) == 4
        root = self.root(name)
        if self.shapes.get(name) == self.shapes.get(root):
            name = root
        if name != root and not blocked:
            return self.buffer(root, False)
        if blocked != (name in self.blocked) and (name, blocked) not in self._laid_out:
            self._laid_out.add((name, blocked))
            source = self._buffer(name, not blocked) if name == root else self.buffer(root, False)
            made = self._buffer(name, blocked)
            op = "ReorderInput" if blocked else "ReorderOutput"
            self.found.append(Kernel("", "reorder", op, (), ((source, source.bytes),), (made,)))
        return self._buffer(name, blocked)

    def _buffer(self, name: str, blocked: bool) -> Buffer:
        shape, size = self.shapes.get(name, ()), self.bytes.get(name, 0)
        if blocked and shape[1] % self.core.lanes:
            filled = -(-shape[1] // self.core.lanes) * self.core.lanes
            return Buffer(name, True, (shape[0], filled, *shape[2:]), size * filled // shape[1])
        return Buffer(name, blocked, shape, size)

    def run(self, layer: Layer, work: Work) -> None:
        """Adds the kernels of a layer."""
        steps = list(self._steps(layer, work))
        sizes = dict(work.reads)
        seen_as = {self.root(name): name for name in layer.inputs}
        before = ""
        for place, step in enumerate(steps):
            results = [name for name, _ in work.writes]
            if place + 1 < len(steps) and results:
                self.shapes[f"{results[0]} {place}"] = self.shapes[results[0]]
                self.bytes[f"{results[0]} {place}"] = self.bytes[results[0]]
                results = [f"{results[0]} {place}"]
            reads = []
            for name in (*([before] if before else ()), *step.operands):
                held = self.buffer(seen_as.get(name, name), step.reads)
                reads.append((held, sizes.get(name, held.bytes)))
            weights = [(name, size) for name, size in work.reads if name not in self.activations]
            for name in results:
                if step.writes and len(self.shapes[name]) == 4:
                    self.blocked.add(name)
            writes = tuple(self._buffer(name, name in self.blocked) for name in results)
            takes = tuple(range(bool(work.nests) and place == 0, len(reads))) if step.in_place else ()
            self.found.append(
                Kernel(
                    layer.name, step.kind, step.op, tuple(weights if place == 0 else ()), tuple(reads), writes, takes
                )
            )
            before = results[0] if results else ""

    def _steps(self, layer: Layer, work: Work) -> Iterator[_Step]:
        operands = tuple(dict.fromkeys(name for name, _ in work.reads if name in self.activations))
        if work.nests:
            yield from self._product(layer, work, operands)
        elif layer.op == "BatchNormalization" and operands and operands[0] in self.blocked:
            yield from self._scales(layer, operands)
        else:
            blocked = self._stays_blocked(layer, operands)
            yield _Step("own", layer.op, operands, blocked, blocked, layer.op in ELEMENTWISE)
            for member in layer.members[1:]:
                if member.op in ELEMENTWISE:
                    yield _Step("function", member.op, (), blocked, blocked, True)

    def _product(self, layer: Layer, work: Work, operands: tuple[str, ...]) -> Iterator[_Step]:
        """Convolutions and products. Sums that its kernel does not do run by themselves, and so does what follows them."""
        image = layer.op.startswith("Conv") and all(len(self.shapes[name]) == 4 for name, _ in work.writes)
        forms = {form_of(nest, self.core) for nest in work.nests}
        channels = self.shapes[operands[0]][1] if image else 0
        few = channels < self.core.lanes
        single = "product" in forms and channels % self.core.kernels.aligned == 0
        reads = image and (bool(forms & BLOCKED) or (single and not few))
        writes = reads or (image and ("first" in forms or ("product" in forms and few)))
        later = [member for member in layer.members[1:] if member.op in ELEMENTWISE]
        place = next((place for place, member in enumerate(later) if member.op in _SUMS), None)
        if place is None or (writes and all(name in self.blocked for name in operands[1:])):
            yield _Step("own", layer.op, operands, reads, writes, writes and place is not None)
            return
        yield _Step("own", layer.op, operands[:1], reads, writes)
        yield _Step("function", later[place].op, operands[1:] or operands, False, False, True)
        for member in later[place + 1 :]:
            yield _Step("function", member.op, (), False, False, True)

    def _scales(self, layer: Layer, operands: tuple[str, ...]) -> Iterator[_Step]:
        """A batch norm of an image in blocked layout, and what follows."""
        steps = list(layer.members[1:])
        yield _Step("scale", layer.op, operands[:1], True, True)
        while steps and steps[0].op == "Mul":
            steps.pop(0)
            yield _Step("scale", "Mul", (), True, True)
        if steps and steps[0].op in _ACTIVATIONS:
            steps.pop(0)
        blocked = True
        for member in steps:
            blocked = blocked and member.op not in _PAIRS
            yield _Step("function", member.op, (), blocked, blocked, True)

    def _stays_blocked(self, layer: Layer, operands: tuple[str, ...]) -> bool:
        """Whether a layer without products runs in blocked layout."""
        shapes = [self.shapes[name] for name in operands]
        if not shapes or any(len(shape) != 4 for shape in shapes):
            return False
        whole = all(shape[1] % self.core.lanes == 0 for shape in shapes)
        if layer.op in _POOLS and not layer.op.startswith("Global"):
            return whole
        if any(name not in self.blocked or self.root(name) != name for name in operands):
            return False
        if layer.op == "Concat":
            return layer.attributes.get("axis") == 1 and whole
        if layer.op in _PAIRS:
            return len(operands) > 1 and len(set(shapes)) == 1
        return layer.op in _ACTIVATIONS or (layer.op in _POOLS and whole)
