"""Timeloop's ``problem``: any dense nest of two operands and one result whose data spaces are those of a convolution.

Dims are recognized by what they index, whatever their names: a dim of all three data spaces is our G, of weights and outputs K, of weights
and inputs C, of inputs and outputs N; two dims in one sum of the inputs' projection are a window position and a kernel position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hwsim.mapping.timeloop_yaml import Entry
from hwsim.workload import OPERANDS, Dim, LoopNest, OperandType

_WORD = OperandType("uint1")
#: The shape that Timeloop ships as ``cnn-layer``.
_CNN: dict[str, tuple[tuple[tuple[str, str], ...], ...]] = {
    "Weights": ((("C", ""),), (("K", ""),), (("R", ""),), (("S", ""),)),
    "Inputs": (
        (("N", ""),),
        (("C", ""),),
        (("R", "Wdilation"), ("P", "Wstride")),
        (("S", "Hdilation"), ("Q", "Hstride")),
    ),
    "Outputs": ((("N", ""),), (("K", ""),), (("Q", ""),), (("P", ""),)),
}
_CNN_DIMS = ("R", "S", "P", "Q", "C", "K", "N")

Projection = tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True, slots=True)
class Names:
    """The file's own words. dims : our dim by theirs; spaces : their data spaces in the order input, weight, output."""

    dims: Mapping[str, Dim]
    spaces: tuple[str, str, str]

    def dim(self, name: str, entry: Entry) -> Dim:
        """Our dim of theirs; raises MappingError."""
        if name not in self.dims:
            entry.fail(f"{name!r} is not a dim of the problem (it has {' '.join(self.dims)})")
        return self.dims[name]

    def operand(self, name: str, entry: Entry) -> int:
        """Number of the operand that one of their data spaces is; raises MappingError."""
        if name not in self.spaces:
            entry.fail(f"{name!r} is not a data space of the problem (it has {' '.join(self.spaces)})")
        return self.spaces.index(name)

    @property
    def theirs(self) -> dict[Dim, str]:
        """Their dim by ours."""
        return {ours: theirs for theirs, ours in self.dims.items()}


def read_problem(problem: Entry) -> tuple[LoopNest, Names]:
    """The nest, with operands of one bit so that bits are words, and the names; raises MappingError for what is not supported."""
    shape = problem.keys.get("shape")
    if shape is None:
        problem.fail("problem has no shape")
    instance = problem.keys.get("instance") or Entry(
        {key: entry for key, entry in problem.keys.items() if key not in ("shape", "version")}, problem.where
    )
    dims, coefficients, spaces, output = _shape(shape)
    extents = {dim: _extent(instance, dim) for dim in dims}
    values = {
        name: instance.keys[name].whole(1) if name in instance.keys else default
        for name, default in coefficients.items()
    }
    for key, entry in instance.keys.items():
        if key not in dims and key not in coefficients and not (key == "densities" and not entry.keys):
            entry.fail(
                f"{key}: not a dim or coefficient of the shape; sparse and other optional features are not supported"
            )
    order = _order(shape, spaces, output)
    roles, windows = _roles(shape, dims, spaces, order)
    fields: dict[str, int] = {ours.lower(): extents[theirs] for theirs, ours in roles.items()}
    for position, kernel, side in windows:
        fields[f"stride_{side}"] = values[position] if position else 1
        fields[f"dilation_{side}"] = values[kernel] if kernel else 1
    nest = LoopNest(**fields, input=_WORD, weight=_WORD, output=_WORD, accumulator=_WORD)  # type: ignore[arg-type]
    return nest, Names(roles, order)


def _extent(instance: Entry, dim: str) -> int:
    if dim not in instance.keys:
        instance.fail(f"the extent of dim {dim} is missing")
    return instance.keys[dim].whole(1)


def _shape(shape: Entry) -> tuple[list[str], dict[str, int], dict[str, Projection], str]:
    """Dims, coefficients with their defaults, projections of the data spaces, and which of them is the result."""
    if isinstance(shape.value, str):
        if shape.value.removesuffix(".yaml") not in ("cnn-layer", "cnn_layer"):
            shape.fail(f"shape {shape.value}: not supported by name (write it out, or cnn-layer)")
        return (
            list(_CNN_DIMS),
            dict.fromkeys(("Wstride", "Hstride", "Wdilation", "Hdilation"), 1),
            dict(_CNN),
            "Outputs",
        )
    shape.only("name", "dimensions", "coefficients", "data_spaces", "data-spaces", "version")
    listed = shape.keys.get("dimensions")
    listed_spaces = shape.keys.get("data_spaces") or shape.keys.get("data-spaces")
    if listed is None or listed_spaces is None:
        shape.fail("a shape needs dimensions and data_spaces")
    coefficients = {
        item.keys["name"].text(): item.keys["default"].whole(1) if "default" in item.keys else 1
        for item in (shape.keys["coefficients"].items if "coefficients" in shape.keys else [])
        if "name" in item.keys or item.fail("a coefficient needs a name")
    }
    dims = [item.text() for item in listed.items]
    spaces: dict[str, Projection] = {}
    output = ""
    for space in listed_spaces.items:
        space.only("name", "projection", "read_write", "read-write")
        if "name" not in space.keys or "projection" not in space.keys:
            space.fail("a data space needs a name and a projection")
        name = space.keys["name"].text()
        spaces[name] = tuple(
            tuple(_term(term, dims, coefficients) for term in rank.items) for rank in _ranks(space.keys["projection"])
        )
        writes = space.keys.get("read_write") or space.keys.get("read-write")
        if writes is not None and writes.value is True:
            if output:
                space.fail(f"two results ({output} and {name}); one is supported")
            output = name
    if len(spaces) != 3 or not output:
        listed_spaces.fail(
            f"{len(spaces)} data spaces, {'one' if output else 'none'} read_write: two operands and one result are supported"
        )
    return dims, coefficients, spaces, output


def _ranks(projection: Entry) -> list[Entry]:
    if not isinstance(projection.value, list):
        projection.fail(
            "a projection in words is not supported (write a list of sums, each a list of [dim] or [dim, coefficient])"
        )
    return projection.items


def _term(term: Entry, dims: list[str], coefficients: dict[str, int]) -> tuple[str, str]:
    words = [word.text() for word in term.items] if isinstance(term.value, list) else [term.text()]
    if not 1 <= len(words) <= 2 or words[0] not in dims or (len(words) == 2 and words[1] not in coefficients):
        term.fail(f"{words}: a term is [dim] or [dim, coefficient]")
    return words[0], words[1] if len(words) == 2 else ""


def _order(shape: Entry, spaces: dict[str, Projection], output: str) -> tuple[str, str, str]:
    """Names of input, weight and output: the input is the one with windows, or by name, or the second."""
    operands = [name for name in spaces if name != output]
    windows = [name for name in operands if any(len(rank) > 1 for rank in spaces[name])]
    if len(windows) > 1:
        shape.fail("windows in two operands are not supported")
    named = [name for name in operands if "input" in name.lower()]
    first = windows[0] if windows else named[0] if len(named) == 1 else operands[1]
    return first, next(name for name in operands if name != first), output


def _roles(
    shape: Entry, dims: list[str], spaces: dict[str, Projection], order: tuple[str, str, str]
) -> tuple[dict[str, Dim], list[tuple[str, str, str]]]:
    """Our dim of each of theirs, and the coefficients (of position, of kernel, side) of the windows."""
    used = {name: [dim for rank in projection for dim, _ in rank] for name, projection in spaces.items()}
    for name, projection in spaces.items():
        if len(set(used[name])) != len(used[name]) or (name != order[0] and any(len(rank) > 1 for rank in projection)):
            shape.fail(f"{name}: a dim used twice, or a sum outside of {order[0]}, is not supported")
    roles: dict[str, Dim] = {}
    windows: list[tuple[str, str, str]] = []
    pairs = [rank for rank in spaces[order[0]] if len(rank) > 1]
    sides: list[tuple[Dim, Dim, str]] = [("P", "R", "w"), ("Q", "S", "h")]
    for rank in sorted(pairs, key=lambda rank: not {dim for dim, _ in rank} & {"P", "R"}):
        position = [term for term in rank if term[0] in used[order[2]]]
        kernel = [term for term in rank if term[0] in used[order[1]]]
        if len(rank) != 2 or len(position) != 1 or len(kernel) != 1 or position == kernel or not sides:
            shape.fail(
                f"{order[0]}: the sum of {[dim for dim, _ in rank]} is not one window and one kernel position of an image"
            )
        ours_p, ours_r, side = sides.pop(0)
        roles[position[0][0]], roles[kernel[0][0]] = ours_p, ours_r
        windows.append((position[0][1], kernel[0][1], side))
    if any(coefficient for rank in spaces[order[0]] if len(rank) == 1 for _, coefficient in rank):
        shape.fail(f"{order[0]}: a coefficient outside of a sum is not supported")
    return _singles(shape, dims, roles, [set(used[name]) for name in order]), windows


def _singles(shape: Entry, dims: list[str], roles: dict[str, Dim], used: list[set[str]]) -> dict[str, Dim]:
    """Roles of the dims outside of windows, by the operands that they index."""
    places: dict[tuple[bool, ...], tuple[Dim, ...]] = {
        (True, True, True): ("G",),
        (False, True, True): ("K",),
        (True, True, False): ("C", "S", "R"),
        (True, False, True): ("N", "Q", "P"),
    }
    taken = set(roles.values())
    for dim in dims:
        if dim in roles:
            continue
        where = tuple(dim in space for space in used)
        free = [ours for ours in places.get(where, ()) if ours not in taken]
        if not free:
            names = [name for name, present in zip(OPERANDS, where, strict=True) if present]
            shape.fail(
                f"dim {dim}: one more dim that indexes {' and '.join(names) or 'nothing'} has no counterpart in a convolution"
            )
        roles[dim] = free[0]
        taken.add(free[0])
    return {dim: roles[dim] for dim in dims}
