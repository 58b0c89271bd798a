"""Stored tensors: checked, described, and read only where they are small and inside the file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from hwsim.errors import ModelError
from hwsim.graph import dtype_bits
from hwsim.onnx_io.names import printable
from hwsim.onnx_io.values import Array, Shape, Value, checked_shape, dtype_name, is_evaluated, numpy_dtype, shown

#: Largest stored tensor whose zeros are counted [1 element].
MAX_MEASURED = 1 << 28

#: Largest sparse tensor whose indices are checked [1 index].
MAX_CHECKED = 1 << 20

_DATA_FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")
#: Field of TensorProto that holds each type when raw_data does not, and how many elements one entry holds.
_FIELDS = {
    "float32": "float_data",
    "float64": "double_data",
    "int64": "int64_data",
    "string": "string_data",
    "uint32": "uint64_data",
    "uint64": "uint64_data",
    "complex64": "float_data",
    "complex128": "double_data",
}


def is_external(tensor: TensorProto) -> bool:
    """Whether the elements lie in another file, which is never opened."""
    return tensor.data_location == TensorProto.EXTERNAL


def described(tensor: TensorProto, name: str) -> Value:
    """The Value of a stored tensor, its elements only where they are few.

    Raises ModelError where dims, type and the amount of data do not fit together.
    """
    where = f"tensor {printable(tensor.name or name)!r}"
    dtype = dtype_name(tensor.data_type, where)
    shape = checked_shape(tuple(tensor.dims), where)
    if not is_external(tensor):
        _check_amount(tensor, shape, dtype, where)
    value = Value(name, shape, dtype, static=True)
    if is_evaluated(value.elements, dtype):
        value.data = elements_of(tensor, dtype)
    return value


def _check_amount(tensor: TensorProto, shape: Shape, dtype: str, where: str) -> None:
    count, bits = math.prod(shape), dtype_bits(dtype)
    typed = [name for name in _DATA_FIELDS if len(getattr(tensor, name))]
    if tensor.HasField("segment") or len(typed) + tensor.HasField("raw_data") > 1:
        raise ModelError(f"{where}: holds data in more than one place, or in segments; one field must hold it all")
    if tensor.HasField("raw_data"):
        have, need = len(tensor.raw_data), -(-count * bits // 8)
        if have != need:
            raise ModelError(f"{where}: holds {have} bytes; {count} elements of {dtype} need {need}")
        return
    field = _FIELDS.get(dtype, "int32_data")
    have = len(getattr(tensor, field))
    need = count * 2 if dtype.startswith("complex") else count
    packed = -(-count * bits // 8) if bits < 8 else need
    if have not in (need, packed):
        raise ModelError(f"{where}: holds {have} entries in {field}; {count} elements of {dtype} need {packed}")


def elements_of(tensor: TensorProto, dtype: str) -> Array | None:
    """The elements as a numpy array, or None where they lie outside the file or numpy has no such type."""
    if is_external(tensor):
        return None
    kind = numpy_dtype(dtype)
    if kind is None and dtype != "bfloat16":
        return _widened(tensor, dtype)
    array: Array = numpy_helper.to_array(tensor)
    return array.astype(np.float32) if dtype == "bfloat16" else array


def _widened(tensor: TensorProto, dtype: str) -> Array | None:
    """Elements of a narrow type as float32, or None for strings."""
    if dtype == "string":
        return None
    return numpy_helper.to_array(tensor).astype(np.float32)


def density_of(tensor: TensorProto, zero: float = 0.0) -> float:
    """Share of the stored elements that differ from ``zero`` [1]; 1.0 where they cannot be read."""
    count = math.prod(tensor.dims)
    if is_external(tensor) or not 0 < count <= MAX_MEASURED or tensor.data_type == TensorProto.STRING:
        return 1.0
    array: Array = numpy_helper.to_array(tensor)
    return float(np.count_nonzero(array != array.dtype.type(zero)) / count)


def nonzeros_of(tensor: TensorProto, zero: float = 0.0) -> tuple[tuple[int, ...], ...]:
    """Stored elements that differ from ``zero``, by slice along the first axis and along the last; nothing where they cannot be read."""
    count = math.prod(tensor.dims)
    if is_external(tensor) or not 0 < count <= MAX_MEASURED or tensor.data_type == TensorProto.STRING:
        return ()
    array: Array = numpy_helper.to_array(tensor)
    there = array != array.dtype.type(zero)
    if there.ndim < 2:
        return ()
    slices = there.reshape(there.shape[0], -1).sum(axis=1), there.reshape(-1, there.shape[-1]).sum(axis=0)
    return tuple(tuple(int(number) for number in along) for along in slices)


def described_sparse(tensor: onnx.SparseTensorProto, name: str) -> Value:
    """The Value of a sparse initializer: its dense shape, and how much of it is there."""
    where = f"sparse tensor {printable(tensor.values.name or name)!r}"
    shape = checked_shape(tuple(tensor.dims), where)
    dtype = dtype_name(tensor.values.data_type, where)
    count, stored = math.prod(shape), math.prod(tensor.values.dims)
    if not 0 <= stored <= count:
        raise ModelError(f"{where}: {stored} values stored for {count} elements")
    if not is_external(tensor.values):
        _check_amount(tensor.values, tuple(tensor.values.dims), dtype, where)
    _check_indices(tensor.indices, stored, shape, where)
    return Value(name, shape, dtype, static=True, density=stored / count if count else 1.0)


def _check_indices(indices: TensorProto, stored: int, shape: Shape, where: str) -> None:
    """Refuse positions of stored values that are too many, too few, or outside the dense shape."""
    dims = tuple(indices.dims)
    if dims not in ((stored,), (stored, len(shape))):
        raise ModelError(f"{where}: indices {shown(dims)} do not fit {stored} values of {len(shape)} dims")
    if indices.data_type != TensorProto.INT64:
        raise ModelError(f"{where}: its indices are not int64")
    if is_external(indices) or math.prod(dims) > MAX_CHECKED:
        return
    _check_amount(indices, dims, "int64", where)
    array: Array = numpy_helper.to_array(indices)
    limits = np.asarray(shape if len(dims) == 2 else math.prod(shape))
    if array.size and ((array < 0).any() or (array >= limits).any()):
        raise ModelError(f"{where}: an index is outside its shape {shown(shape)}")


def external_complaint(tensor: TensorProto, value: Value) -> str:
    """What is odd about a reference to external data, or an empty string."""
    entries: dict[str, str] = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    need = -(-value.elements * dtype_bits(value.dtype) // 8)
    parts = location.replace("\\", "/").split("/")
    if not location:
        return "names no external file"
    if location.startswith(("/", "\\")) or ".." in parts or location[1:2] == ":":
        return f"points outside the model's folder ({printable(location)})"
    for key in ("offset", "length"):
        text = entries.get(key, "0")
        if not text.isdecimal() or len(text) > 18:
            return f"has the external {key} {printable(text)!r}, which is no size"
    if "length" in entries and int(entries["length"]) != need:
        return f"has {entries['length']} external bytes where its shape needs {need}"
    if int(entries.get("offset", "0")) >= 1 << 40:
        return f"starts {entries['offset']} bytes into its external file"
    odd = set(entries) - {"location", "offset", "length", "checksum", "basepath"}
    return f"has unknown external keys ({', '.join(sorted(map(printable, odd)))})" if odd else ""


def scalars(data: Any) -> tuple[int, ...] | tuple[float, ...]:
    """A small array as a plain tuple."""
    flat = np.asarray(data).reshape(-1)
    if flat.dtype.kind in "iub":
        return tuple(int(number) for number in flat)
    return tuple(float(number) for number in flat)
