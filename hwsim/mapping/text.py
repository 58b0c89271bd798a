"""A mapping for people: an indented loop nest with tile sizes, and a YAML file that can be edited and read back."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from pathlib import Path

from hwsim.errors import MappingError
from hwsim.mapping.hierarchy import Hierarchy
from hwsim.mapping.record import LevelLoops, Mapping
from hwsim.mapping.timeloop_yaml import Entry, parse
from hwsim.workload import DIMS, OPERANDS, Dim, LoopNest
from hwsim.writing import whole

SCHEMA = "hwsim/mapping/1"


def loop_nest(nest: LoopNest, hierarchy: Hierarchy, mapping: Mapping, notes: Dictionary[str, str] | None = None) -> str:
    """The mapping as an indented loop nest, outermost level first; behind each loop the extent of what is inside of it.

    notes : text behind the name of a level, by name (tile sizes, accesses).
    """
    extents = dict(zip(DIMS, nest.extents, strict=True))
    inside = dict.fromkeys(DIMS, 1)
    lines: list[tuple[str, str]] = []
    for level, loops in zip(hierarchy.levels, mapping.levels, strict=True):
        for word, pairs in (("spread x", loops.spatial_x), ("spread y", loops.spatial_y), ("for", loops.temporal)):
            for dim, factor in pairs:
                tile = min(inside[dim], extents[dim])
                lines.append(
                    ("loop", f"{word} {dim.lower()} in {factor}" + (f"  # tiles of {tile}" if tile > 1 else ""))
                )
                inside[dim] *= factor
        kept = [name for name, keep in zip(OPERANDS, loops.keep, strict=True) if keep]
        note = (notes or {}).get(level.name, "")
        lines.append(("level", f"{level.name}: {', '.join(kept) or 'nothing'} kept" + (f"; {note}" if note else "")))
    text, depth = [], 0
    for kind, line in reversed(lines):
        text.append("  " * depth + ("" if kind == "loop" else "-- ") + line)
        depth += kind == "loop"
    return "\n".join([*text, "  " * depth + "O += W * I"])


def as_dict(hierarchy: Hierarchy, mapping: Mapping) -> dict[str, object]:
    """The mapping as plain values, levels outermost first, loops outermost first."""
    return {
        "schema": SCHEMA,
        "levels": [
            {
                "name": level.name,
                "keep": [name for name, keep in zip(OPERANDS, loops.keep, strict=True) if keep],
                "temporal": _texts(loops.temporal),
                "spatial_x": _texts(loops.spatial_x),
                "spatial_y": _texts(loops.spatial_y),
            }
            for level, loops in reversed(list(zip(hierarchy.levels, mapping.levels, strict=True)))
        ],
    }


def _texts(pairs: Sequence[tuple[Dim, int]]) -> list[str]:
    return [f"{dim}={factor}" for dim, factor in reversed(pairs)]


def to_yaml(hierarchy: Hierarchy, mapping: Mapping, nest: LoopNest | None = None) -> str:
    """YAML text of a mapping; with ``nest``, its loops as a comment."""
    lines = [
        "# Levels and loops from the outside in. DIM=FACTOR; factors of a dim multiply to its extent, or beyond it."
    ]
    if nest is not None:
        lines.extend(f"#   {line}" for line in loop_nest(nest, hierarchy, mapping).splitlines())
    lines.append(f"schema: {SCHEMA}")
    lines.append("levels:")
    for level, loops in reversed(list(zip(hierarchy.levels, mapping.levels, strict=True))):
        kept = ", ".join(name for name, keep in zip(OPERANDS, loops.keep, strict=True) if keep)
        name = (
            level.name if level.name.replace("_", "").isalnum() and not level.name[:1].isdigit() else f'"{level.name}"'
        )
        lines.append(f"  - name: {name}")
        lines.append(f"    keep: [{kept}]")
        for key, pairs in (
            ("temporal", loops.temporal),
            ("spatial_x", loops.spatial_x),
            ("spatial_y", loops.spatial_y),
        ):
            if pairs:
                lines.append(f"    {key}: [{', '.join(_texts(pairs))}]")
    return "\n".join(lines) + "\n"


def save_mapping(path: Path | str, hierarchy: Hierarchy, mapping: Mapping, nest: LoopNest | None = None) -> None:
    """Write a mapping as YAML; raises MappingError where the file cannot be written."""
    try:
        with whole(path) as partial:
            partial.write_text(to_yaml(hierarchy, mapping, nest), encoding="utf-8")
    except OSError as error:
        raise MappingError(f"{path}: cannot be written: {error.strerror or error}") from None


def load_mapping(path: Path | str, hierarchy: Hierarchy) -> Mapping:
    """Read a mapping for a hierarchy; raises MappingError, with ``file:line``, for what is not one."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise MappingError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise MappingError(f"{path}: not a UTF-8 text") from None
    return parse_mapping(text, hierarchy, str(path))


def parse_mapping(text: str, hierarchy: Hierarchy, name: str = "mapping") -> Mapping:
    """A mapping from YAML text; raises MappingError with ``name:line``."""
    document = parse(text, name)
    document.only("schema", "levels")
    schema = document.keys.get("schema")
    if schema is not None and schema.value != SCHEMA:
        schema.fail(f"schema {schema.value!r:.60}: this is {SCHEMA}")
    if "levels" not in document.keys:
        document.fail("levels are missing")
    listed = document.keys["levels"]
    names = [level.name for level in hierarchy.levels]
    found: dict[str, LevelLoops] = {}
    for entry in listed.items:
        entry.only("name", "keep", "temporal", "spatial_x", "spatial_y")
        if "name" not in entry.keys:
            entry.fail("a level needs a name")
        level = entry.keys["name"].text()
        if level not in names:
            entry.keys["name"].fail(f"{level}: no such level (the hierarchy has {', '.join(names)})")
        if level in found:
            entry.keys["name"].fail(f"{level}: given twice")
        found[level] = LevelLoops(
            temporal=_pairs(entry, "temporal"),
            spatial_x=_pairs(entry, "spatial_x"),
            spatial_y=_pairs(entry, "spatial_y"),
            keep=_keep(entry),
        )
    missing = [level for level in names if level not in found]
    if missing:
        listed.fail(f"levels: {', '.join(missing)} missing")
    return Mapping(tuple(found[level] for level in names))


def _keep(entry: Entry) -> tuple[bool, bool, bool]:
    if "keep" not in entry.keys:
        return True, True, True
    held = dict.fromkeys(OPERANDS, False)
    for item in entry.keys["keep"].items:
        word = item.text()
        if word not in held:
            item.fail(f"keep: {word} is not one of {', '.join(OPERANDS)}")
        held[word] = True
    return held["input"], held["weight"], held["output"]


def _pairs(entry: Entry, key: str) -> tuple[tuple[Dim, int], ...]:
    pairs: list[tuple[Dim, int]] = []
    for item in entry.keys[key].items if key in entry.keys else []:
        word, _, number = item.text().partition("=")
        dims = [dim for dim in DIMS if dim == word.strip().upper()]
        if not dims or not number.strip().isdecimal() or not 1 <= int(number) < 1 << 62:
            item.fail(
                f"{key}: {item.text()!r:.40} is not DIM=FACTOR with a dim of {' '.join(DIMS)} and a whole number from 1 on"
            )
        if dims[0] in (dim for dim, _ in pairs):
            item.fail(f"{key}: {dims[0]} is given twice")
        pairs.append((dims[0], int(number)))
    return tuple(pairs[::-1])
