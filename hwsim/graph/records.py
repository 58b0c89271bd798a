"""Tensor and Layer: the two nouns a network is made of."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

Role = Literal["activation", "parameter", "constant"]
Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]

_FIXED_BITS = {"bool": 8, "string": 64, "complex64": 64, "complex128": 128, "tfloat32": 32}
_DTYPE = re.compile(r"(u?int|float|bfloat|block)(\d+)")


@lru_cache(maxsize=256)
def dtype_bits(dtype: str) -> int:
    """Storage bits of one element [bit]: ``int4`` 4, ``float8e4m3fn`` 8, ``bool`` 8.

    Raises ValueError for a name that is no data type.
    """
    if dtype in _FIXED_BITS:
        return _FIXED_BITS[dtype]
    match = _DTYPE.match(dtype)
    if not match or not 1 <= int(match.group(2)) <= 128:
        raise ValueError(
            f"{dtype}: not a data type (int1 to int64, uint1 to uint64, float4 to float64, bfloat16, bool)"
        )
    return int(match.group(2))


@lru_cache(maxsize=256)
def dtype_kind(dtype: str) -> Literal["int", "float", "other"]:
    """Family of a data type: signed and unsigned integers are ``int``, bfloat16 and FP8 are ``float``."""
    if dtype.startswith(("int", "uint")):
        return "int"
    if dtype.startswith(("float", "bfloat", "tfloat", "block")):
        return "float"
    return "other"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One value that flows between layers.

    shape : extents [1], every one known and at least 0; dtype : type of an element as it is stored on the device (after
    quantization is understood: an ONNX FLOAT weight behind a 4-bit QONNX Quant is ``int4``).
    role : ``activation`` is produced at run time; ``parameter`` is a learned weight; ``constant`` is everything else that
    is known beforehand (shapes, scales, zero points, masks, int32 biases of quantized layers).
    density : share of elements that are not zero [1]. nonzeros : how many are not, in each slice along the first axis and along the last,
    where they were counted.
    learned : numbers of the stored model that this parameter stands for [1], where that is not its own element count: 0 for the
    second copy of a tied weight, N·K for a packed matrix, the whole table for rows gathered from it ahead of time, as many
    times its elements as it has uses for a vector that an exporter merged with equal ones.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    role: Role = "activation"
    density: float = 1.0
    learned: int | None = None
    nonzeros: tuple[tuple[int, ...], ...] = ()

    @property
    def parameters(self) -> int:
        """Learned numbers that count for the model's size [1]: 0 unless the role is ``parameter``."""
        if self.role != "parameter":
            return 0
        return self.elements if self.learned is None else self.learned

    @property
    def elements(self) -> int:
        """Number of elements [1]."""
        return math.prod(self.shape)

    @property
    def bits(self) -> int:
        """Storage bits of one element [bit]."""
        return dtype_bits(self.dtype)

    @property
    def bytes(self) -> int:
        """Storage of the whole tensor, packed [B]: ceil(bits · elements / 8)."""
        return -(-self.bits * self.elements // 8)


@dataclass(frozen=True, slots=True)
class Layer:
    """One operator with its operands by name.

    op, domain : ONNX operator type and domain ("" for ai.onnx). inputs : tensor names, "" for an optional one left out.
    attributes : scalars and tuples, as ONNX names them; values the importer resolved from constant inputs come under the
    name of that input (``k`` of TopK). repeat : how often it runs in one inference (trip counts of the loops around it).
    fused : names of the nodes folded into it. accumulator : type of its sums, "" that of the device.
    members : the layers a fused one is made of, in order, the one it is named after first; empty for a layer on its own. The inputs and
    outputs of a fused layer are those of the whole; its operator and attributes are the first member's. inside : tensors that folded nodes
    would have passed on, by which a runtime that folds less may call what it runs.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    domain: str = ""
    repeat: int = 1
    fused: tuple[str, ...] = ()
    members: tuple[Layer, ...] = ()
    accumulator: str = ""
    inside: tuple[str, ...] = ()
