"""Builder: a network in a few lines of Python."""

from __future__ import annotations

import math

from hwsim.errors import UsageError, nearest
from hwsim.graph.network import Network
from hwsim.graph.records import Attribute, Layer, Tensor, dtype_bits

Size = int | tuple[int, ...]


class Builder:
    """Adds layers one after the other; each reads the result of the one before unless ``at`` says otherwise.

    A layer is named after its operator and number (``conv1``) unless a name is given, and its result is called like it: that is the name
    by which ``add``, ``concat``, ``matmul`` and ``at`` find it. Every method returns the builder. Mistakes raise UsageError.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._layers: list[Layer] = []
        self._tensors: dict[str, Tensor] = {}
        self._inputs: list[str] = []
        self._current = ""
        self._dtype = "float32"
        self._numbers: dict[str, int] = {}

    def input(self, name: str, shape: tuple[int, ...], dtype: str = "float32") -> Builder:
        """An input of the network; the layers behind it compute in its type."""
        try:
            dtype_bits(dtype)
        except ValueError as error:
            raise UsageError(f"{self._name}: input {name!r}: {error}") from None
        if any(size < 0 for size in shape):
            raise UsageError(f"{self._name}: input {name!r}: shape {list(shape)} has a negative extent")
        self._store(name, shape, dtype)
        self._inputs.append(name)
        self._current, self._dtype = name, dtype
        return self

    def at(self, name: str) -> Builder:
        """Go on from another result: the start of a branch."""
        self._current = self._find(name).name
        return self

    @property
    def current(self) -> str:
        """Name of the result that the next layer reads: what ``at``, ``add`` and ``concat`` go back to."""
        return self._current

    def conv(
        self,
        filters: int,
        *,
        kernel: Size = 3,
        stride: Size = 1,
        padding: str | Size = "same",
        groups: int = 1,
        dilation: Size = 1,
        bias: bool = True,
        name: str = "",
    ) -> Builder:
        """A convolution of one to three axes, by the rank of its operand (batch, channels, ...).

        padding : ``same`` (ceil(size / stride) results), ``valid`` (none) or elements on either side.
        """
        x = self._operand("conv", 3)
        rank = len(x.shape) - 2
        taps, strides, dilations = (_spread(value, rank) for value in (kernel, stride, dilation))
        if groups < 1 or x.shape[1] % groups or filters % groups:
            raise UsageError(
                f"{self._name}: conv: {x.shape[1]} channels and {filters} filters do not divide into {groups} groups"
            )
        if min(*taps, *strides, *dilations) < 1:
            raise UsageError(f"{self._name}: conv: kernel, stride and dilation must be at least 1")
        pads = _pads(padding, x.shape[2:], taps, strides, dilations)
        out = _windows(x.shape[2:], taps, strides, dilations, pads)
        if min(out) < 1:
            raise UsageError(
                f"{self._name}: conv: kernel {list(taps)} does not fit {list(x.shape[2:])} with padding {padding!r}"
            )
        name = self._called(name, "conv")
        attributes: dict[str, Attribute] = {
            "kernel_shape": taps,
            "strides": strides,
            "dilations": dilations,
            "pads": tuple(begin for begin, _ in pads) + tuple(end for _, end in pads),
            "group": groups,
        }
        inputs = [x.name, self._parameter(f"{name}.weight", (filters, x.shape[1] // groups, *taps))]
        if bias:
            inputs.append(self._parameter(f"{name}.bias", (filters,)))
        return self._append(name, "Conv", inputs, (x.shape[0], filters, *out), attributes)

    def depthwise(self, *, kernel: Size = 3, stride: Size = 1, padding: str | Size = "same", name: str = "") -> Builder:
        """A convolution with one group for each channel."""
        channels = self._operand("depthwise", 3).shape[1]
        return self.conv(channels, kernel=kernel, stride=stride, padding=padding, groups=channels, name=name)

    def dense(self, features: int, *, bias: bool = True, name: str = "") -> Builder:
        """A fully connected layer over the last axis: Gemm of a matrix, MatMul of anything wider."""
        x = self._operand("dense", 1)
        matrix = len(x.shape) == 2
        name = self._called(name, "dense")
        inputs = [x.name, self._parameter(f"{name}.weight", (x.shape[-1], features))]
        if bias and matrix:
            inputs.append(self._parameter(f"{name}.bias", (features,)))
        shape = (*x.shape[:-1], features)
        if matrix or not bias:
            return self._append(name, "Gemm" if matrix else "MatMul", inputs, shape)
        self._append(f"{name}.product", "MatMul", inputs, shape)
        return self._append(name, "Add", [f"{name}.product", self._parameter(f"{name}.bias", (features,))], shape)

    gemm = dense

    def matmul(self, other: str | int, *, name: str = "") -> Builder:
        """A product with another result, or with that many columns of weights."""
        if isinstance(other, int):
            return self.dense(other, bias=False, name=name)
        x, y = self._operand("matmul", 2), self._find(other)
        if len(y.shape) < 2 or x.shape[-1] != y.shape[-2]:
            raise UsageError(f"{self._name}: matmul: {list(x.shape)} times {list(y.shape)}: the inner extents differ")
        batch = self._broadcast(x.shape[:-2], y.shape[:-2])
        return self._append(
            self._called(name, "matmul"), "MatMul", [x.name, y.name], (*batch, x.shape[-2], y.shape[-1])
        )

    def attention(self, heads: int, *, key_heads: int = 0, name: str = "") -> Builder:
        """Self-attention over (batch, sequence, width): projections of query, key and value, the two products, the output projection."""
        x = self._operand("attention", 3)
        width, key_heads = x.shape[-1], key_heads or heads
        if heads < 1 or width % heads or heads % key_heads:
            raise UsageError(
                f"{self._name}: attention: width {width} does not divide into {heads} heads sharing {key_heads} key heads"
            )
        name = self._called(name, "attention")
        narrow = width // heads * key_heads
        for part, columns in (("query", width), ("key", narrow), ("value", narrow)):
            self.at(x.name).dense(columns, bias=False, name=f"{name}.{part}")
        operands = [f"{name}.{part}" for part in ("query", "key", "value")]
        attributes: dict[str, Attribute] = {"q_num_heads": heads, "kv_num_heads": key_heads}
        self._append(f"{name}.heads", "Attention", operands, x.shape, attributes)
        return self.dense(width, bias=False, name=name)

    def pool(
        self, kernel: Size = 2, *, stride: Size = 0, padding: str | Size = 0, kind: str = "max", name: str = ""
    ) -> Builder:
        """Maximum or average pooling; the stride is the kernel's size unless given."""
        if kind not in ("max", "average"):
            raise UsageError(f"{self._name}: pool: kind {kind!r} is neither max nor average")
        x = self._operand("pool", 3)
        rank = len(x.shape) - 2
        taps, strides = _spread(kernel, rank), _spread(stride or kernel, rank)
        pads = _pads(padding, x.shape[2:], taps, strides, (1,) * rank)
        out = _windows(x.shape[2:], taps, strides, (1,) * rank, pads)
        if min(out) < 1:
            raise UsageError(f"{self._name}: pool: kernel {list(taps)} does not fit {list(x.shape[2:])}")
        op = "MaxPool" if kind == "max" else "AveragePool"
        attributes: dict[str, Attribute] = {"kernel_shape": taps, "strides": strides}
        return self._append(self._called(name, "pool"), op, [x.name], (*x.shape[:2], *out), attributes)

    def global_pool(self, *, name: str = "") -> Builder:
        """Average over all places: (batch, channels, 1, ...)."""
        x = self._operand("global_pool", 3)
        shape = (*x.shape[:2], *(1 for _ in x.shape[2:]))
        return self._append(self._called(name, "pool"), "GlobalAveragePool", [x.name], shape)

    def flatten(self, *, name: str = "") -> Builder:
        """All axes after the first into one."""
        x = self._operand("flatten", 1)
        return self._append(self._called(name, "flatten"), "Flatten", [x.name], (x.shape[0], math.prod(x.shape[1:])))

    def reshape(self, shape: tuple[int, ...], *, name: str = "") -> Builder:
        """The same elements in another shape."""
        x = self._operand("reshape")
        if math.prod(shape) != x.elements:
            raise UsageError(f"{self._name}: reshape: {list(x.shape)} does not fit {list(shape)}")
        return self._append(self._called(name, "reshape"), "Reshape", [x.name], shape)

    def transpose(self, *axes: int, name: str = "") -> Builder:
        """The axes in another order, reversed where none is given."""
        x = self._operand("transpose")
        order = axes or tuple(reversed(range(len(x.shape))))
        if sorted(order) != list(range(len(x.shape))):
            raise UsageError(f"{self._name}: transpose: {list(order)} is not an order of {len(x.shape)} axes")
        shape = tuple(x.shape[axis] for axis in order)
        return self._append(self._called(name, "transpose"), "Transpose", [x.name], shape, {"perm": tuple(order)})

    def concat(self, *others: str, axis: int = 1, name: str = "") -> Builder:
        """This result and others side by side along an axis."""
        x = self._operand("concat", 1)
        parts = [x, *(self._find(other) for other in others)]
        if not -len(x.shape) <= axis < len(x.shape) or any(
            part.shape[:axis] != x.shape[:axis] or part.shape[axis + 1 :] != x.shape[axis + 1 :] for part in parts
        ):
            raise UsageError(
                f"{self._name}: concat: {[list(part.shape) for part in parts]} do not fit along axis {axis}"
            )
        axis %= len(x.shape)
        shape = (*x.shape[:axis], sum(part.shape[axis] for part in parts), *x.shape[axis + 1 :])
        return self._append(
            self._called(name, "concat"), "Concat", [part.name for part in parts], shape, {"axis": axis}
        )

    def add(self, other: str, *, name: str = "") -> Builder:
        """The sum with another result."""
        return self._binary("Add", other, name)

    def mul(self, other: str, *, name: str = "") -> Builder:
        """The product, element by element, with another result."""
        return self._binary("Mul", other, name)

    def activation(self, op: str, *, name: str = "") -> Builder:
        """An elementwise ONNX operator of one operand: ``Gelu``, ``HardSwish``, ``Tanh``, ..."""
        x = self._operand(op)
        return self._append(self._called(name, op.lower()), op, [x.name], x.shape)

    def relu(self, *, name: str = "") -> Builder:
        """max(0, x)."""
        return self.activation("Relu", name=name)

    def gelu(self, *, name: str = "") -> Builder:
        """x · Φ(x)."""
        return self.activation("Gelu", name=name)

    def sigmoid(self, *, name: str = "") -> Builder:
        """1 / (1 + exp(−x))."""
        return self.activation("Sigmoid", name=name)

    def softmax(self, *, name: str = "") -> Builder:
        """Softmax along the last axis."""
        return self.activation("Softmax", name=name)

    def batch_norm(self, *, name: str = "") -> Builder:
        """Normalization with known figures for every channel."""
        x = self._operand("batch_norm", 2)
        name = self._called(name, "norm")
        parts = [self._parameter(f"{name}.{part}", (x.shape[1],)) for part in ("scale", "bias")]
        known = [self._store(f"{name}.{part}", (x.shape[1],), "float32", "constant") for part in ("mean", "variance")]
        return self._append(name, "BatchNormalization", [x.name, *parts, *known], x.shape)

    def local_response(self, size: int = 5, *, name: str = "") -> Builder:
        """Local response normalization over ``size`` neighbouring channels (ONNX LRN)."""
        x = self._operand("local_response", 3)
        return self._append(self._called(name, "lrn"), "LRN", [x.name], x.shape, {"size": size})

    def layer_norm(self, *, name: str = "") -> Builder:
        """Normalization over the last axis."""
        x = self._operand("layer_norm", 1)
        name = self._called(name, "norm")
        parts = [self._parameter(f"{name}.{part}", (x.shape[-1],)) for part in ("scale", "bias")]
        return self._append(name, "LayerNormalization", [x.name, *parts], x.shape)

    def build(self) -> Network:
        """The network; its outputs are the results that nobody reads."""
        if not self._layers:
            raise UsageError(f"{self._name}: no layers; start with .input(name, shape) and add some")
        read = {name for layer in self._layers for name in layer.inputs}
        outputs = tuple(name for layer in self._layers for name in layer.outputs if name not in read)
        return Network(self._name, tuple(self._layers), dict(self._tensors), tuple(self._inputs), outputs)

    def _binary(self, op: str, other: str, name: str) -> Builder:
        x, y = self._operand(op.lower()), self._find(other)
        shape = self._broadcast(x.shape, y.shape)
        return self._append(self._called(name, op.lower()), op, [x.name, y.name], shape)

    def _broadcast(self, first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
        rank = max(len(first), len(second))
        pairs = zip((1,) * (rank - len(first)) + first, (1,) * (rank - len(second)) + second, strict=True)
        shape = []
        for one, other in pairs:
            if one != other and 1 not in (one, other):
                raise UsageError(f"{self._name}: shapes {list(first)} and {list(second)} do not fit together")
            shape.append(other if one == 1 else one)
        return tuple(shape)

    def _operand(self, method: str, rank: int = 0) -> Tensor:
        if not self._current:
            raise UsageError(f"{self._name}: {method}: there is no input yet; start with .input(name, shape)")
        tensor = self._tensors[self._current]
        if len(tensor.shape) < rank:
            raise UsageError(
                f"{self._name}: {method}: {tensor.name!r} has shape {list(tensor.shape)}, needs {rank} axes at least"
            )
        return tensor

    def _find(self, name: str) -> Tensor:
        if name not in self._tensors:
            raise UsageError(f"{self._name}: there is no result {name!r}{nearest(name, list(self._tensors))}")
        return self._tensors[name]

    def _called(self, name: str, kind: str) -> str:
        if name:
            return name
        while True:
            self._numbers[kind] = self._numbers.get(kind, 0) + 1
            if (found := f"{kind}{self._numbers[kind]}") not in self._tensors:
                return found

    def _parameter(self, name: str, shape: tuple[int, ...]) -> str:
        return self._store(name, shape, self._dtype, "parameter")

    def _store(self, name: str, shape: tuple[int, ...], dtype: str, role: str = "activation") -> str:
        if not name or name in self._tensors:
            raise UsageError(f"{self._name}: {name!r}: a name must be there and be new")
        self._tensors[name] = Tensor(name, shape, dtype, role)  # type: ignore[arg-type]
        return name

    def _append(
        self,
        name: str,
        op: str,
        inputs: list[str],
        shape: tuple[int, ...],
        attributes: dict[str, Attribute] | None = None,
    ) -> Builder:
        self._store(name, shape, self._dtype)
        self._layers.append(Layer(name, op, tuple(inputs), (name,), attributes or {}))
        self._current = name
        return self


def _spread(value: Size, rank: int) -> tuple[int, ...]:
    if isinstance(value, int):
        return (value,) * rank
    if len(value) != rank:
        raise UsageError(f"{list(value)}: needs {rank} numbers, one for each axis")
    return tuple(value)


def _pads(
    padding: str | Size,
    sizes: tuple[int, ...],
    taps: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> list[tuple[int, int]]:
    """Elements before and after each axis."""
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise UsageError(f"padding {padding!r} is neither same, valid nor a number")
        if padding == "valid":
            return [(0, 0)] * len(sizes)
        totals = [
            max(0, (-(-size // stride) - 1) * stride + (tap - 1) * dilation + 1 - size)
            for size, tap, stride, dilation in zip(sizes, taps, strides, dilations, strict=True)
        ]
        return [(total // 2, total - total // 2) for total in totals]
    return [(pad, pad) for pad in _spread(padding, len(sizes))]


def _windows(
    sizes: tuple[int, ...],
    taps: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    pads: list[tuple[int, int]],
) -> tuple[int, ...]:
    """Results along each axis."""
    return tuple(
        (size + sum(pad) - (tap - 1) * dilation - 1) // stride + 1
        for size, tap, stride, dilation, pad in zip(sizes, taps, strides, dilations, pads, strict=True)
    )
