"""Timeloop's architectures: the flat ``arch: {arithmetic, storage}`` and v0.4's ``architecture: nodes``, as a hierarchy in words.

Operands have one bit, so bits are words; energies are in the file's pJ, converted to J; rates are per cycle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hwsim.mapping.hierarchy import Hierarchy, Level, Storage
from hwsim.mapping.timeloop_yaml import Entry

PICO = 1e-12
_EVERYTHING = (True, True, True)
#: Keys that change neither counts, cycles nor energy here: names, areas, and what an energy estimator would need.
_IDLE = """
name class subclass technology type cluster_area area tag node n_banks num_banks num_ports n_rdwr_ports n_rd_ports
n_wr_ports n_ports nports nbanks memory_type ports cycle_time global_cycle_seconds latency delay bank version
local_technology addr_gen_energy metadata_datawidth metadata_block_size metadata_storage_width metadata_storage_depth
num_rows num_columns clock voltage temperature required_actions enabled
"""
_IGNORED = frozenset(_IDLE.split())
_RATES = ("read_bandwidth", "write_bandwidth", "shared_bandwidth")
_SIZES = (
    "entries",
    "depth",
    "memory_depth",
    "data_storage_depth",
    "sizeKB",
    "width",
    "memory_width",
    "data_storage_width",
)
_WORDS = ("word_bits", "word-bits", "datawidth", "data_width", "wordbits")
_BLOCKS = ("block_size", "block-size", "cluster_size", "cluster-size")
_MESH = ("instances", "meshX", "mesh_x", "meshY", "mesh_y")
_ENERGY = ("vector_access_energy", "energy_per_hop", "energy")
_OTHER = (
    "multiple_buffering",
    "multicast",
    "reduction_supported",
    "multicast_supported",
    "network_fill_latency",
    "network_drain_latency",
)
_KNOWN = (*_RATES, *_SIZES, *_WORDS, *_BLOCKS, *_MESH, *_ENERGY, *_OTHER, *_IGNORED)


@dataclass(slots=True)
class Architecture:
    """What the file declares. hierarchy; fans : level whose spatial loops a node's own fan-out is (v0.4), by the node's name;
    constraints : directives written inside of nodes."""

    hierarchy: Hierarchy
    fans: dict[str, int] = field(default_factory=dict)
    constraints: list[Entry] = field(default_factory=list)


def read_flat(arch: Entry, tables: Entry | None) -> Architecture:
    """``arch: {arithmetic: ..., storage: [...]}``, innermost level first. tables : the ERT, if there is one."""
    arch.only("arithmetic", "storage", "version")
    if "arithmetic" not in arch.keys or "storage" not in arch.keys:
        arch.fail("an architecture needs arithmetic and storage (or, in version 0.4, nodes)")
    energies = _tables(tables)
    storage = arch.keys["storage"].items
    if not storage:
        arch.fail("an architecture needs a storage level")
    levels = []
    for entry in storage:
        across, down = _mesh(entry.keys, entry)
        levels.append(_level(_name(entry), entry.keys, entry, across, down, energies))
    mac = arch.keys["arithmetic"]
    across, down = _mesh(mac.keys, mac)
    return Architecture(_hierarchy(levels, mac, mac.keys, across, down, energies))


def read_nodes(architecture: Entry, tables: Entry | None) -> Architecture:
    """v0.4's ``architecture: {nodes: [...]}``, outermost first: containers and their ``spatial`` fan-outs, components, the MAC last.

    A fan-out lies between the storage above and what is inside; where two follow each other, a level that holds nothing stands between.
    """
    architecture.only("version", "nodes")
    energies = _tables(tables)
    found = Architecture(Hierarchy("timeloop", ()))
    levels: list[Level] = []
    across = down = 1
    fanned = False
    mac: tuple[Entry, dict[str, Entry]] | None = None
    for node, attributes in _flatten(architecture.keys["nodes"], {}):
        name = _name(node)
        if mac is not None:
            node.fail(f"{name}: lies inside of the compute node {_name(mac[0])}, which must be the last")
        wide, high = _spatial(node)
        if (wide, high) != (1, 1) or "spatial" in _inner(node):
            if not levels:
                node.fail(f"{name}: a fan-out needs a storage level above it")
            if fanned:
                levels.append(_passage(f"above {name}", across, down))
            found.fans[name] = len(levels) - 1
            across, down, fanned = across * wide, down * high, True
        found.constraints.extend(_directives(node, name))
        if node.tag == "Container":
            continue
        if _is_compute(node):
            mac = (node, attributes)
        else:
            levels.append(_level(name, attributes, node, across, down, energies))
            fanned = False
    if mac is None:
        architecture.fail("no compute node (a component whose class is a mac, alu or compute) at the end of the nodes")
    last = len(levels) - 1
    found.fans = {name: last - index for name, index in found.fans.items()}
    found.hierarchy = _hierarchy(levels[::-1], mac[0], mac[1], across, down, energies)
    return found


def _inner(node: Entry) -> Mapping[str, Entry]:
    constraints = node.keys.get("constraints")
    return constraints.keys if constraints else {}


def _passage(name: str, across: int, down: int) -> Level:
    return Level(name, across, down, storage=(Storage(_EVERYTHING, None),), keeps=("never", "never", "never"))


def _flatten(nodes: Entry, above: dict[str, Entry]) -> list[tuple[Entry, dict[str, Entry]]]:
    """Nodes in order, each with its attributes and those of the containers around it."""
    found: list[tuple[Entry, dict[str, Entry]]] = []
    inherited = dict(above)
    for node in nodes.items:
        if node.tag in ("Parallel", "Hierarchical", "Pipelined"):
            node.only("name", "nodes", "attributes")
            found.extend(_flatten(node.keys["nodes"], inherited))
            continue
        if node.tag not in ("Component", "Container", "Element"):
            node.fail(f"tag !{node.tag or '(none)'}: not supported (Component, Container, Parallel, Hierarchical)")
        node.only("name", "class", "subclass", "attributes", "spatial", "constraints", "required_actions", "enabled")
        own = dict(node.keys["attributes"].keys) if "attributes" in node.keys else {}
        shared = {key: entry for key, entry in inherited.items() if key not in _SIZES and key not in _MESH}
        if node.tag == "Container":
            inherited |= own
        found.append((node, shared | own))
    return found


def _directives(node: Entry, name: str) -> list[Entry]:
    """A node's own constraints as directives of a list."""
    target = Entry(name, node.where)
    found = []
    for kind, entry in _inner(node).items():
        if kind not in ("temporal", "spatial", "dataspace", "datatype"):
            entry.fail(f"{kind}: this constraint is not supported (temporal, spatial, dataspace)")
        found.append(Entry({"target": target, "type": Entry(kind, entry.where), **entry.keys}, entry.where, "own"))
    return found


def _is_compute(node: Entry) -> bool:
    words = " ".join(node.keys[key].text().lower() for key in ("class", "subclass") if key in node.keys)
    return any(word in words for word in ("mac", "alu", "compute", "multiplier"))


def _spatial(node: Entry) -> tuple[int, int]:
    if "spatial" not in node.keys:
        return 1, 1
    spatial = node.keys["spatial"]
    spatial.only("meshX", "meshY", "get_split")
    return tuple(spatial.keys[key].whole(1) if key in spatial.keys else 1 for key in ("meshX", "meshY"))  # type: ignore[return-value]


def _name(entry: Entry) -> str:
    if "name" not in entry.keys:
        entry.fail("a name is missing")
    return entry.keys["name"].text().split("[")[0]


def _first(keys: Mapping[str, Entry], *names: str) -> Entry | None:
    return next((keys[name] for name in names if name in keys), None)


def _mesh(keys: Mapping[str, Entry], entry: Entry) -> tuple[int, int]:
    """Instances along x and y: all along x where only their number is given."""
    instances, across, down = (
        _first(keys, "instances"),
        _first(keys, "meshX", "mesh_x"),
        _first(keys, "meshY", "mesh_y"),
    )
    total = instances.whole(1) if instances else None
    wide, high = across.whole(1) if across else None, down.whole(1) if down else None
    if total is None:
        return wide or 1, high or 1
    wide = wide or (max(1, total // high) if high else total)
    if total % wide or (high and wide * high != total):
        entry.fail(f"{total} instances do not form a mesh with meshX {wide}" + (f" and meshY {high}" if high else ""))
    return wide, total // wide


def _level(
    name: str,
    keys: Mapping[str, Entry],
    entry: Entry,
    across: int,
    down: int,
    energies: Mapping[str, Mapping[str, float]],
) -> Level:
    _refuse(keys)
    block = _block(keys)
    access = _first(keys, "vector_access_energy")
    table = energies.get(name, {})
    energy: dict[str, float | None] = dict.fromkeys(("read", "write", "update"), access.amount() if access else None)
    energy |= table
    if table and "update" not in table:
        energy["update"] = table.get("write")
    read, fill, update = (_per_operand(energy[key]) for key in ("read", "write", "update"))
    hop = _first(keys, "energy_per_hop")
    buffering = _first(keys, "multiple_buffering")
    rates = [_rate(_first(keys, rate)) for rate in _RATES]
    return Level(
        name,
        across,
        down,
        storage=(Storage(_EVERYTHING, _entries(keys, block)),),
        keeps=("free", "free", "free"),
        buffering=buffering.whole(1) if buffering else 1,
        read=rates[0],
        write=rates[1],
        shared=rates[2],
        read_j=read,
        fill_j=fill,
        update_j=update,
        block_bits=block,
        hop_j=hop.amount() * PICO if hop else 0.0,
        off_chip=any(
            str(words[key].value) == "DRAM"
            for words in (keys, entry.keys)
            for key in ("technology", "class")
            if key in words
        ),
    )


def _per_operand(energy: float | None) -> tuple[float, float, float] | None:
    return None if energy is None else (energy * PICO, energy * PICO, energy * PICO)


def _rate(entry: Entry | None) -> float | None:
    return entry.number() if entry is not None else None


def _refuse(keys: Mapping[str, Entry]) -> None:
    """Raise MappingError for what would change the result and is not modelled."""
    for key, entry in keys.items():
        if key not in _KNOWN:
            entry.fail(f"{key}: not supported")
        if key in _WORDS:
            entry.whole(1)
        if key in ("cluster_size", "cluster-size") and entry.number() != 1:
            entry.fail(f"{key} {entry.value}: only 1 is supported")
        if key in ("network_fill_latency", "network_drain_latency") and entry.number() != 0:
            entry.fail(f"{key} {entry.value}: only 0 is supported")
        if key in ("multicast_supported", "reduction_supported", "multicast") and entry.value is not True:
            entry.fail(f"{key} {entry.value}: only true is supported")


def _block(keys: Mapping[str, Entry]) -> int:
    """Words of one access."""
    given = _first(keys, "block_size", "block-size")
    if given:
        return given.whole(1)
    width, word = _first(keys, "width", "memory_width", "data_storage_width"), _first(keys, *_WORDS)
    if not width or not word:
        return 1
    if width.whole(1) % word.whole(1):
        width.fail(f"a width of {width.value} bits is not a whole number of words of {word.value} bits")
    return width.whole(1) // word.whole(1)


def _entries(keys: Mapping[str, Entry], block: int) -> int | None:
    """Capacity of one instance in words, None unlimited."""
    entries, size = _first(keys, "entries"), _first(keys, "sizeKB")
    depth = _first(keys, "depth", "memory_depth", "data_storage_depth")
    if entries is not None:
        return None if _endless(entries) else entries.whole()
    if size is not None:
        word = _first(keys, *_WORDS)
        if word is None:
            size.fail("sizeKB needs word_bits")
        return int(size.amount() * 1024 * 8 // word.whole(1))
    return None if depth is None or _endless(depth) else depth.whole() * block


def _endless(entry: Entry) -> bool:
    return str(entry.value).lower() in ("inf", "infinity") or entry.value == math.inf


def _tables(tables: Entry | None) -> dict[str, dict[str, float]]:
    """Energy of each action of each component of an energy reference table [pJ], by the last part of the component's name."""
    found: dict[str, dict[str, float]] = {}
    if tables is None:
        return found
    tables.only("version", "tables")
    for table in tables.keys["tables"].items if "tables" in tables.keys else []:
        actions = {}
        for action in table.keys["actions"].items if "actions" in table.keys else []:
            name, value = action.keys["name"].text(), action.keys["energy"].amount()
            if name == "leak" and value:
                action.fail("leakage of an energy table is not supported")
            actions[name] = value
        found[_name(table).split(".")[-1]] = actions
    return found


def _hierarchy(
    levels: list[Level],
    mac: Entry,
    keys: Mapping[str, Entry],
    across: int,
    down: int,
    energies: Mapping[str, Mapping[str, float]],
) -> Hierarchy:
    _refuse(keys)
    inner = (across, down)
    for index, level in enumerate(levels):
        below = inner if index == 0 else (levels[index - 1].mesh_x, levels[index - 1].mesh_y)
        if below[0] % level.mesh_x or below[1] % level.mesh_y:
            inside = _name(mac) if index == 0 else levels[index - 1].name
            mac.fail(
                f"{level.name}: {level.mesh_x} x {level.mesh_y} instances do not divide the {below[0]} x {below[1]} of {inside}"
            )
    energy = _first(keys, "energy")
    table = energies.get(_name(mac), {})
    value = next(
        (table[action] for action in ("compute", "mac", "mac_random") if action in table),
        energy.amount() if energy else None,
    )
    levels[-1] = replace(levels[-1], keeps=("always", "always", "always"))
    return Hierarchy(
        "timeloop",
        tuple(levels),
        across,
        down,
        mac_j=None if value is None else value * PICO,
        clock_hz=1e9,
        leakage_w=0.0,
    )
