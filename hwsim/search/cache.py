"""Results on disk, one file for each question, found by its content.

A file is written beside its place and renamed, so that readers see a whole file or none, whatever other processes do; it carries a
checksum, and one that does not match is as good as absent.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import tempfile
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import Any

from hwsim.counts import Rules
from hwsim.kernels.jit import cache_root
from hwsim.mapping import Hierarchy, LevelLoops, Mapping
from hwsim.search.found import Effort, Objective
from hwsim.version import __version__
from hwsim.workload import LoopNest

_LOG = logging.getLogger(__name__)
_SOURCES = ("search", "kernels", "counts", "cost", "mapping")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of one search: the mapping, its bound (of one repeat, in the objective's unit), and the size of the search."""

    mapping: Mapping
    lower_bound: float
    evaluated: int
    space_size: float


@once
def _version() -> str:
    """hwsim's version and a digest of the code that results depend on."""
    digest = hashlib.sha256()
    for room in _SOURCES:
        for source in sorted((Path(__file__).parents[1] / room).glob("*.py")):
            digest.update(source.read_bytes())
    return f"{__version__} {digest.hexdigest()}"


def place(
    nest: LoopNest,
    hierarchy: Hierarchy,
    objective: Objective,
    rules: Rules,
    perfect: bool,
    effort: Effort = "full",
    timed: bool = False,
) -> Path:
    """The file of one question. timed : the work was limited by time alone, and ended before: it is another answer than after less work."""
    question = repr((nest, hierarchy, objective, rules, perfect, effort, timed, _version()))
    name = hashlib.sha256(question.encode()).hexdigest()
    return cache_root() / "mappings" / name[:2] / f"{name}.json"


def read(file: Path) -> Entry | None:
    """What is kept under a name, or None where nothing is, or nothing whole."""
    try:
        text = file.read_text(encoding="utf-8")
        checksum, _, body = text.partition("\n")
        if checksum != hashlib.sha256(body.encode()).hexdigest():
            _LOG.warning("%s: its checksum is wrong: searched anew", file)
            return None
        return _entry(json.loads(body))
    except (OSError, ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError):
        return None


def write(file: Path, entry: Entry) -> None:
    """Keep an entry; a folder that cannot be written is no reason to fail."""
    body = json.dumps(_plain(entry), separators=(",", ":"))
    text = f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}"
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            Path(name).replace(file)
        except OSError:
            Path(name).unlink(missing_ok=True)


def _plain(entry: Entry) -> dict[str, Any]:
    levels = [[loops.temporal, loops.spatial_x, loops.spatial_y, loops.keep] for loops in entry.mapping.levels]
    return {
        "levels": levels,
        "lower_bound": entry.lower_bound,
        "evaluated": entry.evaluated,
        "space_size": entry.space_size if math.isfinite(entry.space_size) else None,
    }


def _entry(plain: dict[str, Any]) -> Entry:
    levels = []
    for temporal, along_x, along_y, keep in plain["levels"]:
        loops = [tuple((dim, int(factor)) for dim, factor in part) for part in (temporal, along_x, along_y)]
        levels.append(LevelLoops(loops[0], loops[1], loops[2], (bool(keep[0]), bool(keep[1]), bool(keep[2]))))
    size = plain["space_size"]
    return Entry(
        Mapping(tuple(levels)),
        float(plain["lower_bound"]),
        int(plain["evaluated"]),
        math.inf if size is None else float(size),
    )
