"""Timeloop's files read: problem, architecture, and a mapping or constraints on one, in the flat format or in v0.4's nodes.

Words are bits here: every operand has one bit, so that capacities, bandwidths and energies are per word as Timeloop states them.
Energies in the files are pJ. A cycle lasts 1 ns, for files state none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hwsim.errors import MappingError, nearest
from hwsim.mapping.hierarchy import Hierarchy
from hwsim.mapping.record import Mapping
from hwsim.mapping.timeloop_arch import read_flat, read_nodes
from hwsim.mapping.timeloop_loops import as_mapping, constrain, read_directives
from hwsim.mapping.timeloop_problem import Names, read_problem
from hwsim.mapping.timeloop_yaml import Entry, read_files
from hwsim.workload import LoopNest

#: Top-level keys that say how to search or estimate, not what is computed where.
_IGNORED = ("mapper", "ART", "compound_components", "components", "globals", "variables")
_CONSTRAINTS = ("mapspace", "mapspace_constraints", "architecture_constraints", "arch_constraints", "constraints")
_KNOWN = ("problem", "arch", "architecture", "mapping", "ERT", *_CONSTRAINTS, *_IGNORED)


@dataclass(frozen=True, slots=True)
class TimeloopProblem:
    """What Timeloop's files ask.

    mapping : None where they give constraints, which then are in the hierarchy's levels. names : the files' own words.
    """

    nest: LoopNest
    hierarchy: Hierarchy
    mapping: Mapping | None
    names: Names


def read_timeloop(paths: Sequence[Path | str]) -> TimeloopProblem:
    """Read one problem from one file or several; raises MappingError, with ``file:line``, for what is wrong or not supported."""
    files = [Path(path) for path in paths]
    entries = read_files(files)
    for key, entry in entries.items():
        if key not in _KNOWN:
            entry.fail(f"{key}: not supported{nearest(key, _KNOWN)}")
    where = ", ".join(str(path) for path in files)
    if "problem" not in entries or not {"arch", "architecture"} & entries.keys():
        raise MappingError(f"{where}: no {'architecture' if 'problem' in entries else 'problem'}")
    nest, names = read_problem(entries["problem"])
    architecture = entries.get("arch") or entries["architecture"]
    if "subtree" in architecture.keys:
        architecture.fail("subtree (v0.2 and v0.3) is not supported: write arch: {arithmetic, storage} or v0.4's nodes")
    read = read_nodes if "nodes" in architecture.keys else read_flat
    found = read(architecture, entries.get("ERT"))
    listed = found.constraints
    if "mapping" in entries:
        mapping_entries = _listed(entries["mapping"])
        bypasses = [entry for entry in listed if entry.keys["type"].text() in ("dataspace", "datatype")]
        given = {
            (entry.keys["target"].text()) for entry in mapping_entries if "target" in entry.keys and _is_keep(entry)
        }
        kept = [entry for entry in bypasses if entry.keys["target"].text() not in given]
        directives = read_directives([*kept, *mapping_entries], found.hierarchy, found.fans, names)
        hierarchy = constrain(read_directives(listed, found.hierarchy, found.fans, names), found.hierarchy)
        return TimeloopProblem(nest, hierarchy, as_mapping(directives, hierarchy, nest), names)
    for key in _CONSTRAINTS:
        if key in entries:
            listed = [*listed, *_constraints(entries[key])]
    hierarchy = constrain(read_directives(listed, found.hierarchy, found.fans, names), found.hierarchy)
    return TimeloopProblem(nest, hierarchy, None, names)


def _is_keep(entry: Entry) -> bool:
    kind = entry.keys["type"].text() if "type" in entry.keys else entry.tag.lower()
    return kind in ("datatype", "dataspace", "bypass", "bypassing")


def _listed(entry: Entry) -> list[Entry]:
    """A list of directives, bare or under ``nodes``, ``targets`` or ``constraints``."""
    if isinstance(entry.value, list):
        return entry.items
    entry.only("version", "nodes", "targets", "constraints", "template")
    if "template" in entry.keys and entry.keys["template"].text() not in ("uber", "Uber"):
        entry.fail(f"template {entry.keys['template'].text()}: not supported")
    return [item for key in ("nodes", "targets", "constraints") if key in entry.keys for item in entry.keys[key].items]


def _constraints(entry: Entry) -> list[Entry]:
    return _listed(entry)
