"""Answers of every kind as one text: ``python -m tests.determinism.answers [THREADS]``, what processes of other surroundings compare."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import hwsim
from hwsim.mapping import from_device
from hwsim.report.files import json_text
from hwsim.search import Found, best_many
from hwsim.study import Study
from hwsim.workload import LoopNest

#: Device and model of each estimate: every rung, and each kind of device.
ESTIMATES = (
    ("tpu_v1", "roofline"),
    ("tpu_v1", "systolic"),
    ("t4", "gpu"),
    ("ws_16x16", "mapping"),
    ("eyeriss_v1", "row_stationary"),
    ("tpu_v1", "simulate"),
)
NESTS = tuple(LoopNest(k=16, c=12, p=9 + number, q=7, r=3, s=3) for number in range(3))


def small() -> hwsim.Network:
    """A network with most kinds of work, small enough to search its mappings in a second."""
    built = hwsim.Network.builder("small").input("x", (1, 3, 20, 20)).conv(12, kernel=3, stride=2).relu()
    return (
        built.conv(12, kernel=3, groups=12)
        .conv(20, kernel=1)
        .sigmoid()
        .global_pool()
        .flatten()
        .dense(10)
        .softmax()
        .build()
    )


def answers(threads: int) -> str:
    """Estimates of every rung, searched mappings, the rows and the front of a study; nothing kept is used."""
    network = hwsim.prepare(small(), bits="w8a8")
    found = [
        json_text([hwsim.estimate(network, device, rung=rung, cache=False).to_dict()]) for device, rung in ESTIMATES
    ]
    hierarchy = from_device(hwsim.load_device("ws_16x16"), NESTS[0])
    for mapping in best_many(NESTS, hierarchy, cache=False, threads=threads):
        assert isinstance(mapping, Found)
        found.append(f"{mapping.mapping} {mapping.cost.cycles!r} {mapping.cost.joules!r} {mapping.bound_gap!r}")
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "l.csv"
        table.write_text("op,k,c,p,q,r,s\nConv,8,8,4,4,3,3\nConv,32,8,4,4,1,1\n", encoding="utf-8")
        for rung, values in (("roofline", [64, 128, 256]), ("mapping", [64, 128])):
            axes = {"memory.gbuf.capacity_kib": values, "batch": [1, 2] if rung == "roofline" else [2]}
            study = Study(axes, base={"model": str(table), "device": "ws_16x16", "rung": rung})
            results = study.run(threads=threads, cache=False)
            found += [json.dumps(list(results.rows())), json.dumps(results.front())]
    return "\n".join(found)


if __name__ == "__main__":
    print(answers(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
