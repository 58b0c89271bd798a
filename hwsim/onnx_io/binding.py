"""Dims of the graph's inputs: what the file fixes, what the user gives, what is assumed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import onnx

from hwsim.errors import ModelError, nearest
from hwsim.onnx_io.names import printable
from hwsim.onnx_io.values import Shape, checked_shape, dtype_name, shown

Dims = tuple[int | str | None, ...]

#: Names that a leading dim has when it is not the batch.
_NOT_BATCH = re.compile(
    r"seq|len|time|frame|width|height|token|num_|point|past|step|sampl|channel|^h$|^w$|^t$|^l$|^s$", re.IGNORECASE
)

#: What exporters write where they have no name.
_NAMELESS = {"", "?", "None", "-1", "0", "unk"}


@dataclass(frozen=True, slots=True)
class Given:
    """What the user gave: the arguments of `read`."""

    batch: int | None = None
    dims: Mapping[str, int] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    trips: Mapping[str, int] = field(default_factory=dict)
    read_weights: bool = False


@dataclass(slots=True)
class Bound:
    """Inputs with all dims known. symbols : value of every symbolic dim. rebound : whether a fixed leading 1 was changed."""

    shapes: dict[str, Shape]
    symbols: dict[str, int]
    notes: list[str]
    rebound: bool = False


def dims_of(kind: onnx.TypeProto) -> Dims | None:
    """Dims as declared: an extent, a symbol, or None where nothing usable is written; None without any shape."""
    tensor = kind.tensor_type if kind.HasField("tensor_type") else kind.sparse_tensor_type
    if not tensor.HasField("shape"):
        return None
    found: list[int | str | None] = []
    for dim in tensor.shape.dim:
        if dim.HasField("dim_value"):
            found.append(dim.dim_value if dim.dim_value > 0 else None)
        else:
            found.append(None if dim.dim_param in _NAMELESS else dim.dim_param)
    return tuple(found)


def element_type(info: onnx.ValueInfoProto, where: str) -> str:
    """The element type that is declared; ModelError where it is no tensor."""
    kind = info.type
    while kind.HasField("optional_type"):
        kind = kind.optional_type.elem_type
    for name in ("sequence_type", "map_type", "opaque_type"):
        if kind.HasField(name):
            raise ModelError(
                f"{where}: is a {name.removesuffix('_type')}, not a tensor; only tensor inputs are supported"
            )
    tensor = kind.tensor_type if kind.HasField("tensor_type") else kind.sparse_tensor_type
    if not tensor.elem_type:
        raise ModelError(f"{where}: has no element type")
    return dtype_name(tensor.elem_type, where)


def bind(inputs: list[onnx.ValueInfoProto], given: Given, rebind: bool) -> Bound:
    """Shapes of the inputs (initializers not among them).

    rebind : whether leading dims fixed at 1 become the batch. Raises ModelError that names every dim that stays
    unknown, and how to give it.
    """
    for info in inputs:
        element_type(info, f"input {printable(info.name)!r}")
    declared = {info.name: dims_of(info.type) for info in inputs}
    bound = Bound({}, dict(given.dims), [])
    for name, extent in given.dims.items():
        if extent < 1:
            raise ModelError(f"--dim {printable(name)}={extent}: a dim must be at least 1")
    if given.batch is not None and given.batch < 1:
        raise ModelError(f"--batch {given.batch}: must be at least 1")
    for name, dims in declared.items():
        if name in given.shapes:
            _take(name, dims, given.shapes[name], bound)
    _bind_batch(declared, given, bound, rebind)
    missing: list[str] = []
    options: dict[str, None] = {}
    for name, dims in declared.items():
        if name in bound.shapes:
            continue
        shape = () if dims is None else tuple(bound.symbols.get(dim) if isinstance(dim, str) else dim for dim in dims)
        if dims is None or None in shape:
            missing.append(f"{printable(name)!r} is {_shown_dims(dims)}")
            options |= dict.fromkeys(_options(name, dims, bound.symbols))
        else:
            where = f"input {printable(name)!r}"
            bound.shapes[name] = checked_shape(tuple(extent for extent in shape if extent is not None), where)
    if missing:
        kind = "inputs" if len(missing) > 1 else "input"
        raise ModelError(f"dims are not known: {kind} {', '.join(missing)}; give {' '.join(options)}")
    return bound


def _take(name: str, dims: Dims | None, shape: Shape, bound: Bound) -> None:
    where = f"--shape {printable(name)}={shown(shape)}"
    if any(extent < 1 for extent in shape):
        raise ModelError(f"{where}: every dim must be at least 1")
    if dims is not None:
        if len(dims) != len(shape):
            raise ModelError(f"{where}: the input has {len(dims)} dims, {len(shape)} were given")
        for dim, extent in zip(dims, shape, strict=True):
            if isinstance(dim, str) and bound.symbols.setdefault(dim, extent) != extent:
                raise ModelError(f"{where}: dim {printable(dim)!r} is {extent} here and {bound.symbols[dim]} elsewhere")
            if isinstance(dim, int) and dim != extent:
                bound.rebound = True
    bound.shapes[name] = checked_shape(tuple(shape), where)


def _bind_batch(declared: Mapping[str, Dims | None], given: Given, bound: Bound, rebind: bool) -> None:
    """Give the leading dims their value: the user's batch, or 1, which is said."""
    for name, dims in declared.items():
        if not dims or name in bound.shapes:
            continue
        lead = dims[0]
        symbolic = lead is None or (isinstance(lead, str) and lead not in bound.symbols and not _NOT_BATCH.search(lead))
        extent = given.batch or 1
        if isinstance(lead, str) and symbolic:
            bound.symbols[lead] = extent
            if given.batch is None:
                bound.notes.append(
                    f"dim {printable(lead)!r} (leading, of input {printable(name)!r}) is taken as 1; --batch N sets it"
                )
        elif lead is None or (lead == 1 and rebind and extent != 1 and len(dims) > 1):
            rest = tuple(bound.symbols.get(dim) if isinstance(dim, str) else dim for dim in dims[1:])
            bound.rebound |= lead == 1
            if lead is None and given.batch is None:
                bound.notes.append(f"the leading dim of input {printable(name)!r} is taken as 1; --batch N sets it")
            if None not in rest:
                bound.shapes[name] = checked_shape(
                    (extent, *(r for r in rest if r is not None)), f"input {printable(name)!r}"
                )


def _shown_dims(dims: Dims | None) -> str:
    return "without a shape" if dims is None else "x".join("?" if dim is None else printable(str(dim)) for dim in dims)


def _options(name: str, dims: Dims | None, symbols: Mapping[str, int]) -> list[str]:
    """What the user can type to make the dims of an input known."""
    if dims is None:
        return [f"--shape {quoted(name + '=AxBxC')}"]
    if all(dim is not None for dim in dims):
        unknown = [dim for dim in dims if isinstance(dim, str) and dim not in symbols]
        return [f"--dim {quoted(dim + '=N')}" for dim in dict.fromkeys(unknown)]
    example = "x".join(str(dim) if isinstance(dim, int) else "N" for dim in dims)
    return [f"--shape {quoted(f'{name}={example}')}"]


def quoted(text: str) -> str:
    """An argument as a shell takes it."""
    return shlex.quote(printable(text))


def written_out(dims: Mapping[str, int], known: set[str]) -> dict[str, int]:
    """Dims with each pattern (``*experts*NonZero*``) replaced by all the names that it matches; what matches nothing stays."""
    found: dict[str, int] = {}
    for name, extent in dims.items():
        matching = [one for one in known if fnmatchcase(one, name)] if "*" in name and name not in known else []
        for one in matching or [name]:
            if one not in dims or one == name:
                found[one] = extent
    return found


def check_names(given: Given, known_dims: set[str], known_tensors: set[str], known_nodes: set[str]) -> None:
    """Refuse names that mean nothing in this file, suggesting the nearest (one finding each)."""
    findings = []
    for option, names, known in (
        ("--dim", given.dims, known_dims | known_tensors),
        ("--shape", given.shapes, known_tensors),
        ("--trips", given.trips, known_nodes),
    ):
        for name in names:
            if name not in known:
                some = (
                    f"; there are: {', '.join(printable(n) for n in sorted(known)[:8])}"
                    if known and len(known) < 40
                    else ""
                )
                hint = nearest(name, sorted(known)) or some
                findings.append(f"{option} {printable(name)}: the model has nothing of that name{hint}")
    if findings:
        raise ModelError(*findings)
