"""A device's memories as the mapping core sees them: per cycle, per instance, in bits."""

from __future__ import annotations

from collections.abc import Mapping

from hwsim.device import Device, LevelConstraint, precision_for
from hwsim.device.records import Memory, Network, Operand
from hwsim.errors import ProfileError
from hwsim.mapping.hierarchy import Hierarchy, Keep, Level, Storage
from hwsim.workload import OPERANDS, LoopNest


def from_device(device: Device, nest: LoopNest) -> Hierarchy:
    """The hierarchy of a device for the operand types of one nest.

    Bandwidths are what long transfers attain. Raises ProfileError where the profile has no memory, or none that holds everything.
    """
    if not device.memories:
        raise ProfileError(
            f"{device.path or device.name}: memory: no levels, so there is nothing to map onto (use --model roofline)"
        )
    precision, _ = precision_for(device, nest.input.dtype, nest.weight.dtype)
    networks = {network.outer: network for network in device.networks}
    names = [memory.name for memory in device.memories]
    last = len(names) - 1
    levels = tuple(
        _level(
            memory, networks.get(memory.name), device.clock_hz, device.dataflow.levels.get(memory.name), index == last
        )
        for index, memory in enumerate(device.memories)
    )
    across, down = device.array.x * device.array.cores, device.array.y
    inner = [(across, down), *((level.mesh_x, level.mesh_y) for level in levels)]
    for level, (wide, high) in zip(levels, inner, strict=False):
        if wide % level.mesh_x or high % level.mesh_y:
            raise ProfileError(
                f"{device.path or device.name}: memory.{level.name}.per: {level.mesh_x} x {level.mesh_y} instances do not "
                f"divide the {wide} x {high} inside of them"
            )
    return Hierarchy(
        device.name,
        levels,
        across,
        down,
        macs_per_pe=precision.macs_per_pe_per_cycle * precision.efficiency,
        mac_j=precision.mac_j,
        clock_hz=device.clock_hz,
        leakage_w=device.standing_w,
        pass_cycles=device.overheads.pass_cycles,
        pass_level=names.index(device.overheads.pass_level) if device.overheads.pass_level in names else -1,
        min_utilization=device.dataflow.min_utilization,
    )


def _level(
    memory: Memory, network: Network | None, clock: float, constraint: LevelConstraint | None, outermost: bool
) -> Level:
    def rate(bytes_per_s: float | None) -> float | None:
        return None if bytes_per_s is None else 8 * bytes_per_s * memory.efficiency / clock

    wires = network or Network(memory.name, "")
    wide = [wires.bandwidth.get(operand) for operand in OPERANDS]
    input_rate, weight_rate, output_rate = (None if bandwidth is None else 8 * bandwidth / clock for bandwidth in wide)
    storage = tuple(
        Storage(
            ("input" in pool.operands, "weight" in pool.operands, "output" in pool.operands),
            None if pool.capacity is None else 8 * pool.capacity,
        )
        for pool in memory.pools
    )
    held = [any(pool.operands[index] for pool in storage) for index in range(3)]
    keeps: list[Keep] = [
        "always" if outermost else memory.keeps.get(name, "free") if held[index] else "never"
        for index, name in enumerate(OPERANDS)
    ]
    return Level(
        memory.name,
        memory.mesh_x,
        memory.mesh_y,
        storage=storage,
        keeps=(keeps[0], keeps[1], keeps[2]),
        buffering=memory.buffering,
        read=rate(memory.read_bandwidth),
        write=rate(memory.write_bandwidth),
        shared=rate(memory.shared_bandwidth),
        read_j=_energy(memory.read_j, memory.block, held),
        fill_j=_energy(memory.write_j, memory.block, held),
        update_j=_energy(memory.write_j, memory.block, held),
        block_bits=8 * memory.block,
        network_bits_per_cycle=(input_rate, weight_rate, output_rate),
        multicast=wires.multicast,
        reduce=wires.reduce,
        hop_j=wires.hop_j / 8,
        topology=wires.topology,
        overlapped=memory.overlapped,
        off_chip=memory.off_chip,
        constraint=constraint or LevelConstraint(),
    )


def _energy(
    per_byte: Mapping[Operand, float] | None, block: int, held: list[bool]
) -> tuple[float, float, float] | None:
    """Energy of one access of ``block`` bytes, or of one bit, per operand; None where it is not given for one that is held."""
    if per_byte is None or any(held[index] and name not in per_byte for index, name in enumerate(OPERANDS)):
        return None
    joules = [per_byte.get(name, 0.0) * (block if block else 1 / 8) for name in OPERANDS]
    return joules[0], joules[1], joules[2]
