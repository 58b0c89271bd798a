"""The eight-dimensional loop nest that all multiply-accumulate work is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from hwsim.graph import dtype_bits

Dim = Literal["N", "G", "K", "C", "Q", "P", "S", "R"]
#: Dims in the order of every array in hwsim.
DIMS: tuple[Dim, ...] = ("N", "G", "K", "C", "Q", "P", "S", "R")
Operand = Literal["input", "weight", "output"]
#: Operands in the order of every array in hwsim.
OPERANDS: tuple[Operand, ...] = ("input", "weight", "output")


@dataclass(frozen=True, slots=True)
class OperandType:
    """How one operand is stored. dtype : ``int8``, ``float16``, ...; density : share of nonzero elements [1]; nonzeros : of weights that
    were counted, how many of each output are not zero.
    """

    dtype: str = "int8"
    density: float = 1.0
    nonzeros: tuple[int, ...] = ()

    @property
    def bits(self) -> int:
        """Bits of one element [bit]."""
        return dtype_bits(self.dtype)


@dataclass(frozen=True, slots=True)
class LoopNest:
    """``for n g k c q p s r: O[n,g,k,q,p] += W[g,k,c,s,r] · I[n,g,c, q·stride_h + s·dilation_h, p·stride_w + r·dilation_w]``.

    n batch, g groups (and heads, experts), k outputs per group, c inputs per group, q × p output height × width,
    s × r kernel height × width. A matmul of P rows, C reduction, K columns has q = s = r = 1.
    height, width : extents of the unpadded input; 0 means as far as the windows reach (no padding).
    pad_top, pad_left : rows and columns of padding before the first; padding is not data in the exact rules. Negative pads crop.
    weight_role : ``activation`` where the second operand is computed at run time (attention).
    repeat : identical nests that the layer runs [1].
    """

    n: int = 1
    g: int = 1
    k: int = 1
    c: int = 1
    q: int = 1
    p: int = 1
    s: int = 1
    r: int = 1
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    height: int = 0
    width: int = 0
    pad_top: int = 0
    pad_left: int = 0
    input: OperandType = OperandType()
    weight: OperandType = OperandType()
    output: OperandType = OperandType()
    accumulator: OperandType = OperandType("int32")
    weight_role: Literal["parameter", "activation"] = "parameter"
    repeat: int = 1

    @property
    def extents(self) -> tuple[int, ...]:
        """Extents in the order of DIMS [1]."""
        return (self.n, self.g, self.k, self.c, self.q, self.p, self.s, self.r)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all repeats [1]."""
        return math.prod(self.extents) * self.repeat

    @property
    def input_height(self) -> int:
        """Rows of the unpadded input [1]."""
        return self.height or (self.q - 1) * self.stride_h + (self.s - 1) * self.dilation_h + 1

    @property
    def input_width(self) -> int:
        """Columns of the unpadded input [1]."""
        return self.width or (self.p - 1) * self.stride_w + (self.r - 1) * self.dilation_w + 1

    @property
    def elements(self) -> tuple[int, int, int]:
        """Elements of input, weight and output tensors of one repeat [1]."""
        return (
            self.n * self.g * self.c * self.input_height * self.input_width,
            self.g * self.k * self.c * self.s * self.r,
            self.n * self.g * self.k * self.q * self.p,
        )
