"""A profile as a tree of plain values that remembers, for every key, where it was said and on whose word.

Lists whose entries have names (memory levels, networks, precisions, operating points) are held as mappings by name: so files that
extend others merge, and dotted keys address, entry by entry.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from hwsim.device.keys import alternatives
from hwsim.device.library import find
from hwsim.device.yaml_reader import MAX_BYTES, Steps, read, scalar
from hwsim.errors import ProfileError, nearest

NAMED: frozenset[Steps] = frozenset({("memory",), ("network",), ("operating_points",), ("compute", "precisions")})
MAX_EXTENDS = 8
OVERRIDE = "override"


@dataclass(slots=True)
class Tree:
    """Never changed once it is built.

    value : nested mappings; origins : ``file:line`` of each key; cites : source of each number, None where none is given.
    """

    value: dict[str, Any]
    origins: dict[Steps, str] = field(default_factory=dict)
    cites: dict[Steps, str | None] = field(default_factory=dict)

    def finding(self, steps: Steps, message: str, key: str | None = None) -> str:
        """One line about a key: ``file:line: dotted.key: message``; the line is that of the nearest key that was written."""
        dotted = ".".join(str(step) for step in (*steps, *((key,) if key else ())))
        for length in range(len(steps), -1, -1):
            origin = self.origins.get(steps[:length])
            if origin is not None:
                break
        separator = " " if origin == "--set" else ": "
        return f"{origin}{separator}{dotted}: {message}" if dotted else f"{origin}: {message}"


def is_number(value: Any) -> bool:
    """Whether a value is a number, ``True`` and ``False`` not being any."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def plain(value: Any) -> Any:
    """A value without its source: ``{value: 6, source: x}`` is 6."""
    return value["value"] if isinstance(value, dict) and is_number(value.get("value")) else value


def numbers(value: Any, steps: Steps = ()) -> Iterator[tuple[Steps, float]]:
    """Every number below ``value`` with its steps; ``{value: 6, source: x}`` is the number 6."""
    if is_number(value):
        yield steps, value
    elif isinstance(value, dict):
        if is_number(value.get("value")):
            yield steps, value["value"]
        else:
            for key, inner in value.items():
                yield from numbers(inner, (*steps, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from numbers(inner, (*steps, index))


def load_tree(path: Path) -> Tree:
    """Read a profile and all that it extends, merged; raises ProfileError with all mistakes of a file."""
    return _load_chain(path, ())


def _load_chain(path: Path, above: tuple[Path, ...]) -> Tree:
    real = path.resolve()
    tree, base = _read_file(path)
    if base is None:
        return tree
    if not isinstance(base, str):
        raise ProfileError(tree.finding(("extends",), "must be the name or path of one profile"))
    if real in above or len(above) >= MAX_EXTENDS:
        chain = " -> ".join(p.stem for p in (*above, real))
        raise ProfileError(tree.finding(("extends",), f"goes round in a circle, or too far: {chain}"))
    try:
        below = find(base, path.parent)
    except ProfileError as error:
        raise ProfileError(tree.finding(("extends",), str(error))) from None
    inherited = _load_chain(below, (*above, real))
    nameless = {key: value for key, value in inherited.value.items() if key != "name"}
    return merge(Tree(nameless, inherited.origins, inherited.cites), tree)


def chain(path: Path) -> list[Path]:
    """The files of a profile that ``load_tree`` can read: its own and those that it extends."""
    files = [path]
    while (base := _read_file(files[-1])[1]) is not None:
        files.append(find(base, files[-1].parent))
    return files


def shown(path: Path) -> str:
    """A path for messages: relative where it lies below the working directory."""
    try:
        return os.fspath(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return os.fspath(path)


def _read_file(path: Path) -> tuple[Tree, Any]:
    where = shown(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ProfileError(f"{where}: larger than {MAX_BYTES:,} bytes: not a profile")
        content = path.read_bytes()
    except OSError as error:
        raise ProfileError(f"{where}: {error.strerror or error}") from None
    return _parse(content, where)


@lru_cache(maxsize=128)
def _parse(content: bytes, where: str) -> tuple[Tree, Any]:
    """The tree of one file, shared between calls, and what it extends."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ProfileError(f"{where}: not a text file in UTF-8") from None
    document = read(text, where)
    if not isinstance(document.value, dict):
        raise ProfileError(f"{where}: a profile is a mapping of keys (name, kind, clock_mhz, compute, memory, ...)")
    tree = Tree({}, {(): where})
    findings: list[str] = []
    _adopt(document.value, (), (), document.lines, tree, findings)
    value = _named(document.value, ())
    assert isinstance(value, dict)
    tree.value = value
    if findings:
        raise ProfileError(*findings)
    default = value.pop("default_source", None)
    if default is not None and not isinstance(default, str):
        raise ProfileError(tree.finding(("default_source",), "must be a key of sources"))
    sources = value.get("sources")
    if default is None and isinstance(sources, dict) and len(sources) == 1:
        default = next(iter(sources))
    _cite(value, (), default, tree.cites)
    return tree, value.pop("extends", None)


def _entry_name(steps: Steps, entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return None
    name = entry.get("name")
    if name is None and steps == ("network",):
        ends = entry.get("between")
        if isinstance(ends, list) and len(ends) == 2:
            name = f"{ends[0]}_{ends[1]}"
    if name is None and steps == ("compute", "precisions"):
        pair = (entry.get("input"), entry.get("weight"))
        if all(isinstance(dtype, str) for dtype in pair):
            name = pair[0] if pair[0] == pair[1] else f"{pair[0]}_{pair[1]}"
    return name if isinstance(name, str) and name else None


def _names(steps: Steps, value: Any) -> list[str] | None:
    """Names of the entries of a named list; None where it is none, or one has no name."""
    if steps not in NAMED or not isinstance(value, list):
        return None
    names = [_entry_name(steps, entry) for entry in value]
    return [name for name in names if name is not None] if None not in names else None


def _named(value: Any, steps: Steps) -> Any:
    names = _names(steps, value)
    if names is not None and len(set(names)) == len(names):
        return {name: _named(entry, (*steps, name)) for name, entry in zip(names, value, strict=True)}
    if isinstance(value, dict):
        return {key: _named(inner, (*steps, key)) for key, inner in value.items()}
    return value


def _adopt(value: Any, steps: Steps, raw: Steps, lines: dict[Steps, int], tree: Tree, findings: list[str]) -> None:
    """Note the line of every key under its steps by name; report entries of one name."""
    if raw in lines:
        tree.origins[steps] = f"{tree.origins[()]}:{lines[raw]}"
    names = _names(steps, value)
    if names is not None:
        for index, name in enumerate(names):
            if name in names[:index]:
                tree.origins[(*steps, name)] = f"{tree.origins[()]}:{lines[(*raw, index)]}"
                findings.append(tree.finding((*steps, name), "a second entry of this name"))
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        step = names[key] if names is not None and isinstance(key, int) else key
        _adopt(inner, (*steps, step), (*raw, key), lines, tree, findings)


def _cite(value: Any, steps: Steps, inherited: str | None, cites: dict[Steps, str | None]) -> None:
    """Note the source of every number: its own, else that of the section around it, else the file's default."""
    if is_number(value):
        cites[steps] = inherited
    elif isinstance(value, dict):
        own = value.get("source")
        source = own if isinstance(own, str) else inherited
        if is_number(value.get("value")):
            cites[steps] = source
            return
        for key, inner in value.items():
            _cite(inner, (*steps, key), source, cites)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _cite(inner, (*steps, index), inherited, cites)


def merge(base: Tree, over: Tree) -> Tree:
    """``over`` on top of ``base``: mappings merge, all else is replaced, ``null`` removes a key.

    A number in one unit replaces the same in another; new entries of a named list go before the next entry that both have.
    """
    value = _merge(base.value, over.value, ())
    return Tree(value, {**base.origins, **over.origins}, {**base.cites, **over.cites})


def _merge(base: dict[str, Any], over: dict[str, Any], steps: Steps) -> dict[str, Any]:
    result = dict(base)
    for key, new in over.items():
        old = result.get(key)
        for other in alternatives(key):
            result.pop(other, None)
        if new is None:
            result.pop(key, None)
        elif isinstance(old, dict) and isinstance(new, dict) and "value" not in old and "value" not in new:
            result[key] = _merge(old, new, (*steps, key))
        else:
            result[key] = new
    return _in_order(result, base, list(over)) if steps in NAMED else result


def _in_order(result: dict[str, Any], base: dict[str, Any], over: list[str]) -> dict[str, Any]:
    order = [name for name in base if name in result]
    for index, name in enumerate(over):
        if name in result and name not in order:
            following = next((other for other in over[index + 1 :] if other in base), None)
            order.insert(order.index(following) if following in order else len(order), name)
    return {name: result[name] for name in order}


def override(tree: Tree, assignment: str) -> Tree:
    """The tree with one ``dotted.path=value`` set; raises ProfileError for a path that leads nowhere."""
    path, equals, text = assignment.partition("=")
    path = path.strip()
    if not equals or not path:
        raise ProfileError(f"--set {assignment}: must read dotted.path=value")
    steps: Steps = tuple(step for step in path.split("."))
    if steps[-1] == "value" and len(steps) > 1:
        steps = steps[:-1]
    text = text.strip()
    try:
        value = read(text, "value").value if text[:1] in {"[", "{"} else scalar(text)
    except (ValueError, ProfileError) as error:
        reason = str(error).splitlines()[0].partition(": ")[2] if isinstance(error, ProfileError) else error
        raise ProfileError(f"--set {path}: {reason}") from None
    changed = Tree(_with(tree.value, steps, _named(value, steps)), dict(tree.origins), dict(tree.cites))
    changed.origins[steps] = "--set"
    for deeper, _ in numbers(value, steps):
        changed.cites[deeper] = OVERRIDE
    return changed


def _with(value: dict[str, Any], steps: Steps, new: Any, at: Steps = ()) -> dict[str, Any]:
    """A copy of nested mappings with one place changed; what lies beside the path is shared."""
    step, rest = str(steps[0]), steps[1:]
    changed = dict(value)
    if not rest:
        for key in (step, *alternatives(step)) if new is None else alternatives(step):
            changed.pop(key, None)
        if new is not None:
            changed[step] = new
        return changed
    dotted = ".".join(str(part) for part in (*at, *steps))
    if step not in value and at in NAMED:
        hint = nearest(step, list(value)) or f" (it has {', '.join(value)})"
        raise ProfileError(f"--set {dotted}: {at[-1]} has no entry {step}{hint}")
    inner = value.get(step, {})
    if not isinstance(inner, dict):
        raise ProfileError(f"--set {dotted}: {step} holds no further keys")
    changed[step] = _with(inner, rest, new, (*at, step))
    return changed
