"""Value: what the importer knows about one tensor on its way through the file, and how ONNX writes data types."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from hwsim.errors import ModelError

Shape = tuple[int, ...]
Array = npt.NDArray[Any]

#: Elements of the largest tensor whose values are worked out ahead of time; larger ones are known by shape only.
MAX_EVALUATED = 65536
#: The same for tensors of floats, which are weights unless they are very small (scales of a Resize, bounds of a Range).
MAX_EVALUATED_FLOATS = 64
#: Elements at which a tensor is refused: 2^40 of them fit no machine, and their products would leave 64 bits.
MAX_ELEMENTS = 2**40
#: ONNX itself has no bound; frameworks stop at 8 to 64 dims.
MAX_RANK = 64

_NAMES = {"FLOAT": "float32", "DOUBLE": "float64"}
#: hwsim's name of every element type that ONNX has, by its number.
DTYPES: dict[int, str] = {
    number: _NAMES.get(name, name.lower()) for name, number in onnx.TensorProto.DataType.items() if name != "UNDEFINED"
}
ELEMENT_TYPES: dict[str, int] = {name: number for number, name in DTYPES.items()}


@dataclass(slots=True)
class Value:
    """One tensor (or sequence of tensors) while its graph is read.

    name : unique in the network. data : its elements where they are small and known. static : known before run time, whether or
    not the elements are at hand. origins : names of the stored tensors that its numbers come from. items : tensors of a sequence.
    soft : whether its shape is only the largest possible.
    """

    name: str
    shape: Shape
    dtype: str = "float32"
    data: Array | None = None
    static: bool = False
    origins: tuple[str, ...] = ()
    density: float = 1.0
    items: tuple[Value, ...] | None = None
    soft: bool = False

    @property
    def elements(self) -> int:
        """Number of elements [1]."""
        return math.prod(self.shape)


def is_evaluated(elements: int, dtype: str) -> bool:
    """Whether the elements of a constant of this size and type are worked out."""
    return elements <= (MAX_EVALUATED_FLOATS if dtype.startswith(("float", "bfloat", "complex")) else MAX_EVALUATED)


def dtype_name(number: int, where: str) -> str:
    """hwsim's name of an ONNX element type; ``where`` opens the message of the ModelError for a number that is none."""
    if number not in DTYPES:
        raise ModelError(f"{where}: data type {number} is unknown (ONNX numbers them 1 to {max(DTYPES)})")
    return DTYPES[number]


def checked_shape(shape: Shape, where: str) -> Shape:
    """The same shape, refused with a ModelError where it is too large to be meant, or negative."""
    if len(shape) > MAX_RANK:
        raise ModelError(f"{where}: {len(shape)} dims; at most {MAX_RANK} are supported")
    for extent in shape:
        if extent < 0:
            raise ModelError(f"{where}: shape {shown(shape)} has a negative dim")
    if math.prod(shape) >= MAX_ELEMENTS or max(shape, default=0) >= MAX_ELEMENTS:
        raise ModelError(f"{where}: shape {shown(shape)} has more elements than any memory holds (2^40)")
    return shape


def shown(shape: Shape) -> str:
    """A shape for messages: ``1x3x224x224``, ``scalar``."""
    if len(shape) > 12:
        return "x".join(map(str, shape[:12])) + f"x... ({len(shape)} dims)"
    return "x".join(map(str, shape)) or "scalar"


def numpy_dtype(dtype: str) -> np.dtype[Any] | None:
    """The numpy type that evaluates an hwsim one, or None where numpy has none (4-bit and 8-bit floats, packed integers)."""
    if dtype in ("float16", "float32", "float64", "bool", "complex64", "complex128") or (
        dtype.startswith(("int", "uint")) and dtype.rpartition("t")[2] in ("8", "16", "32", "64")
    ):
        return np.dtype(dtype)
    return None
