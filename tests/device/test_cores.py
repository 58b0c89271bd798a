"""What one core of a device has for itself, and what all of them share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwsim.device import Array, Device, Memory, Pool, Vector
from hwsim.device.cores import cores_of, one_core, shared_levels

POOL = (Pool(frozenset({"input"}), 64),)


def _device(cores: int, *meshes: int) -> Device:
    memories = tuple(
        Memory(f"m{place}", mesh, 3, POOL, {"input": "always"}, leakage_w=6.0 if place else None)  # type: ignore[arg-type]
        for place, mesh in enumerate(meshes)
    )
    return Device("box", "accelerator", "", 1e9, Array(4, 2, cores), (), memories, Vector(12.0, {"exp": 6.0}, 5.0))


@pytest.mark.parametrize(
    ("cores", "meshes", "number"),
    [
        (1, (4, 1), 1),
        (6, (24, 6, 1), 6),
        (6, (24, 3, 1), 3),
        (6, (24, 4, 1), 2),
        (6, (24, 5, 1), 1),
        (6, (1,), 6),
        (6, (2, 3), 1),
    ],
)
def test_cores_share_only_levels_of_which_there_is_one(cores: int, meshes: tuple[int, ...], number: int) -> None:
    device = _device(cores, *meshes)
    assert cores_of(device) == number
    assert shared_levels(device) == {f"m{place}" for place, mesh in enumerate(meshes) if mesh == 1}
    one = one_core(device)
    assert one.array == Array(4, 2, cores // number)
    assert [memory.mesh_x for memory in one.memories] == [mesh if mesh == 1 else mesh // number for mesh in meshes]
    assert [memory.leakage_w for memory in one.memories] == [
        None if not place else 6.0 if mesh == 1 else 6.0 / number for place, mesh in enumerate(meshes)
    ]
    assert [memory.mesh_y for memory in one.memories] == [3] * len(meshes)
    assert one.vector == Vector(12.0 / number, {"exp": 6.0 / number}, 5.0)
    assert replace(one, array=device.array, memories=device.memories, vector=device.vector) == device
    assert one_core(replace(device, vector=None)).vector is None
