"""Networks without a file of a framework: one product or one convolution from a few numbers, or a layer table."""

from __future__ import annotations

from hwsim.errors import UsageError
from hwsim.graph.layer_table import from_csv
from hwsim.graph.network import Network
from hwsim.graph.records import Attribute, Layer, Tensor

#: The largest extent taken from a text; products of all extents stay exact in Python.
_LIMIT = 2**40


def gemm(text: str) -> Network:
    """One product from ``M,N,K`` (rows, columns, reduction), in float32. Raises UsageError."""
    m, n, k = _sizes(text, ("M", "N", "K"), "gemm")
    tensors = (
        Tensor("gemm.input", (m, k)),
        Tensor("gemm.weight", (k, n), role="parameter"),
        Tensor("gemm", (m, n)),
    )
    layer = Layer("gemm", "Gemm", ("gemm.input", "gemm.weight"), ("gemm",))
    return Network(
        f"gemm_{m}x{n}x{k}", (layer,), {t.name: t for t in tensors}, ("gemm.input",), ("gemm",), metadata={"batch": "1"}
    )


def conv(text: str) -> Network:
    """One convolution from ``N,C,H,W,K,R,S,stride`` and perhaps ``,pad`` [0] and ``,groups`` [1], in float32.

    H × W is the input, S × R the kernel (R along the width), C and K all channels. Raises UsageError.
    """
    names = ("N", "C", "H", "W", "K", "R", "S", "stride", "pad", "groups")[: max(8, text.count(",") + 1)]
    sizes = _sizes(text, names, "conv")
    n, c, height, width, k, r, s, stride, pad, groups = (*sizes, *(0, 1)[len(sizes) - 8 :])
    if c % groups or k % groups:
        raise UsageError(f"conv {text!r}: {c} and {k} channels do not divide into {groups} groups")
    q, p = (height + 2 * pad - s) // stride + 1, (width + 2 * pad - r) // stride + 1
    if q < 1 or p < 1:
        raise UsageError(
            f"conv {text!r}: a {s} x {r} kernel does not fit a {height} x {width} input with padding {pad}"
        )
    attributes: dict[str, Attribute] = {
        "kernel_shape": (s, r), "strides": (stride, stride), "dilations": (1, 1), "pads": (pad,) * 4, "group": groups,
    }  # fmt: skip
    tensors = (
        Tensor("conv.input", (n, c, height, width)),
        Tensor("conv.weight", (k, c // groups, s, r), role="parameter"),
        Tensor("conv", (n, k, q, p)),
    )
    layer = Layer("conv", "Conv", ("conv.input", "conv.weight"), ("conv",), attributes)
    name = "conv_" + "x".join(part.strip() for part in text.split(","))
    return Network(name, (layer,), {t.name: t for t in tensors}, ("conv.input",), ("conv",))


def _sizes(text: str, names: tuple[str, ...], what: str) -> list[int]:
    """Whole numbers from 1 (a pad: from 0), as many as there are names."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != len(names):
        raise UsageError(f"{what} {text!r}: has {len(parts)} numbers, needs {len(names)}: {','.join(names)}")
    numbers = []
    for part, name in zip(parts, names, strict=True):
        least = 0 if name == "pad" else 1
        if not (part.isascii() and part.isdigit()) or not least <= int(part) <= _LIMIT:
            raise UsageError(f"{what} {text!r}: {name} = {part!r} must be a whole number from {least} to 2^40")
        numbers.append(int(part))
    return numbers


__all__ = ["conv", "from_csv", "gemm"]
