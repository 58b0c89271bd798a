"""One level of memory: from the keys of a profile to the Memory record in SI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from hwsim.device import schema
from hwsim.device.keys import unit
from hwsim.device.quantity import OPERANDS, Quantity
from hwsim.device.records import Array, Keep, Memory, Operand, Pool
from hwsim.device.yaml_reader import Steps

Findings = list[tuple[Steps, str]]


@dataclass(slots=True)
class Context:
    """What levels are resolved against, and what was found wrong.

    clock_hz : [Hz]. energy_scale : factor on dynamic energies of the chip, (V / nominal V)² [1].
    """

    clock_hz: float
    array: Array
    energy_scale: float = 1.0
    found: Findings = field(default_factory=list)


def si(section: BaseModel | None, *keys: str) -> float | None:
    """The first of several alternative keys that is given, in SI."""
    for key in keys:
        quantity = getattr(section, key, None)
        if isinstance(quantity, Quantity):
            return quantity.value * unit(key)[1]
    return None


def whole(quantity: Quantity | None, otherwise: int) -> int:
    """A count, or what it is where none is given."""
    return otherwise if quantity is None else int(quantity.value)


def _operands(key: str) -> frozenset[Operand]:
    return frozenset(name for name in OPERANDS if name in key.split("+"))


def by_operand(values: Mapping[str, Quantity], factor: float) -> dict[Operand, float]:
    """Values by single operand, times ``factor``."""
    return {name: quantity.value * factor for key, quantity in values.items() for name in sorted(_operands(key))}


def _mesh(given: schema.Memory, context: Context) -> tuple[int, int]:
    array = context.array
    columns, rows = array.x * array.cores, array.y
    if given.mesh is not None:
        mesh = int(given.mesh.x.value), int(given.mesh.y.value)
        if columns % mesh[0] or rows % mesh[1]:
            message = f"{mesh[0]} × {mesh[1]} instances do not divide the {columns} × {rows} PEs"
            context.found.append((("memory", given.name, "mesh"), message))
        return mesh
    by_name = {
        "pe": (columns, rows),
        "sm": (columns, rows),
        "row": (array.cores, rows),
        "column": (columns, 1),
        "core": (array.cores, 1),
        "chip": (1, 1),
    }
    return by_name[given.per or "chip"]


def _capacities(given: schema.Memory) -> dict[frozenset[Operand], int]:
    for key in ("capacity_bytes", "capacity_kib", "capacity_mib", "capacity_gib"):
        values = getattr(given, key)
        if values is not None:
            return {_operands(names): int(quantity.value * unit(key)[1]) for names, quantity in values.items()}
    return {}


def _keeps(given: schema.Memory, pools: Mapping[frozenset[Operand], int], context: Context) -> dict[Operand, Keep]:
    stored = frozenset().union(*pools) if pools else frozenset(OPERANDS)
    keeps: dict[Operand, Keep] = {name: "always" if name in stored else "never" for name in OPERANDS}
    for name, keep in (given.keeps or {}).items():
        if keep != "never" and name not in stored:
            context.found.append((("memory", given.name, "keeps"), f"keeps {name}, for which it has no capacity"))
        keeps[name] = keep
    if all(keep == "never" for keep in keeps.values()):
        context.found.append((("memory", given.name), "keeps no operand at all"))
    for name in given.retains:
        if keeps[name] == "never":
            context.found.append((("memory", given.name, "retains"), f"retains {name}, which it does not keep"))
    return keeps


def _ported(given: schema.Memory, ports: Quantity | None, clock_hz: float) -> float | None:
    if ports is None or given.width_bits is None:
        return None
    return ports.value * given.width_bits.value / 8 * clock_hz


def _bandwidths(given: schema.Memory, clock_hz: float) -> tuple[float | None, float | None, float | None]:
    """Read, write and shared bandwidth of one instance [B/s]: as given, else ports times their width."""

    def rate(per_cycle: str, *per_second: str) -> float | None:
        cycles = si(given, per_cycle)
        return cycles * clock_hz if cycles is not None else si(given, *per_second)

    read = rate("read_bytes_per_cycle", "read_gb_per_s")
    write = rate("write_bytes_per_cycle", "write_gb_per_s")
    shared = rate("bytes_per_cycle", "bandwidth_gb_per_s", "bandwidth_gbit_per_s")
    if read is None and write is None and shared is None and given.ports is not None:
        ports = given.ports
        return tuple(_ported(given, port, clock_hz) for port in (ports.read, ports.write, ports.shared))  # type: ignore[return-value]
    return read, write, shared


def _energy(given: schema.Memory, direction: str, scale: float) -> dict[Operand, float] | None:
    for key in (f"{direction}_pj_per_byte", f"{direction}_pj_per_bit", "pj_per_byte", "pj_per_bit"):
        values = getattr(given, key)
        if values is not None:
            return by_operand(values, unit(key)[1] * scale)
    return None


def memory(given: schema.Memory, context: Context) -> Memory:
    """The record of one level; what is inconsistent goes to ``context.found``."""
    pools = _capacities(given)
    if any(size < 1 for size in pools.values()):
        context.found.append((("memory", given.name), "a capacity below one byte"))
    keeps = _keeps(given, pools, context)
    kept = frozenset(name for name, keep in keeps.items() if keep != "never")
    mesh_x, mesh_y = _mesh(given, context)
    read, write, shared = _bandwidths(given, context.clock_hz)
    scale = 1.0 if given.off_chip else context.energy_scale
    ports = given.ports or schema.Ports()
    return Memory(
        name=given.name,
        mesh_x=mesh_x,
        mesh_y=mesh_y,
        pools=tuple(Pool(names, size) for names, size in pools.items()) or (Pool(kept, None),),
        keeps=keeps,
        off_chip=given.off_chip,
        buffering=whole(given.buffering, 1),
        read_bandwidth=read,
        write_bandwidth=write,
        shared_bandwidth=shared,
        read_j=_energy(given, "read", scale),
        write_j=_energy(given, "write", scale),
        block=whole(given.block_bytes, 0),
        overlapped=given.overlapped,
        retains=frozenset(given.retains),
        efficiency=given.efficiency.value if given.efficiency else 1.0,
        setup_cycles=si(given, "setup_cycles") or 0.0,
        leakage_w=si(given, "leakage_mw"),
        type=given.type or "",
        read_ports=whole(ports.read, 0),
        write_ports=whole(ports.write, 0),
        shared_ports=whole(ports.shared, 0),
        width_bits=whole(given.width_bits, 0),
        banks=whole(given.banks, 0),
        by_operand=tuple((name, share.value) for name, share in given.by_operand.items()),
        kernel_start_s=si(given, "kernel_start_us") or 0.0,
        product_start_s=si(given, "product_start_us") or 0.0,
    )
