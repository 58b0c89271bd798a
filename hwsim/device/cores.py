"""Cores of a device: how many it divides into, what one of them has for itself, and what they share."""

from __future__ import annotations

import math
from dataclasses import replace

from hwsim.device.records import Device, Memory, Vector


def cores_of(device: Device) -> int:
    """Cores that share nothing but levels of which there is one [1].

    ``compute.cores`` of a profile, unless a level lies between (two buffers for four arrays: then two arrays are a core).
    """
    meshes = [memory.mesh_x for memory in device.memories if memory.mesh_x > 1]
    return math.gcd(device.array.cores, *meshes)


def shared_levels(device: Device) -> frozenset[str]:
    """Names of the levels that all cores share."""
    return frozenset(memory.name for memory in device.memories if memory.mesh_x == 1)


def one_core(device: Device) -> Device:
    """The device as one of its cores sees it: its own arrays and buffers, its part of the vector unit, and whole what is shared."""
    number = cores_of(device)
    return replace(
        device,
        array=replace(device.array, cores=device.array.cores // number),
        memories=tuple(_own(memory, number) for memory in device.memories),
        vector=None if device.vector is None else _part(device.vector, number),
    )


def _own(memory: Memory, number: int) -> Memory:
    if memory.mesh_x == 1:
        return memory
    leaks = None if memory.leakage_w is None else memory.leakage_w / number
    return replace(memory, mesh_x=memory.mesh_x // number, leakage_w=leaks)


def _part(vector: Vector, number: int) -> Vector:
    rates = {name: rate / number for name, rate in vector.by_function.items()}
    return Vector(vector.ops_per_s / number, rates, vector.op_j)
