"""Every reader of files from strangers, as a function of bytes: it ends in an answer or in an HwsimError, never in anything else.

What was read is used, too: a number that passes a reader and breaks what comes after it is a fault of the reader.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import cache as once
from itertools import islice
from pathlib import Path

from hwsim.cost.area import area, own_technology
from hwsim.counts import count
from hwsim.device import describe, load
from hwsim.errors import HwsimError
from hwsim.estimation import Prepared, estimate, prepare
from hwsim.graph import Network
from hwsim.graph.build import from_csv
from hwsim.mapping import from_device
from hwsim.mapping.text import parse_mapping
from hwsim.mapping.timeloop import read_timeloop
from hwsim.report import differences
from hwsim.search import cache
from hwsim.study.reading import read_study
from hwsim.study.study import opened
from hwsim.system.language import traced
from hwsim.system.profile import load_system
from hwsim.system.run import run as run_system
from hwsim.validation.join import join
from hwsim.validation.readers import read as read_measured
from hwsim.workload import LoopNest

#: Largest file that a fuzzer tries [B].
LARGEST = 20_000


@once
def tiny() -> Prepared:
    """A network of two layers to price on what was read."""
    return prepare(Network.builder("tiny").input("x", (1, 8)).dense(4, name="c").relu().build())


def _profile(path: Path) -> None:
    device = load(path)
    describe(device)
    area(device, own_technology(device))
    estimate(tiny(), device, rung="roofline").to_dict()


def _study(path: Path) -> None:
    study = read_study(path)
    assert study.space.cardinality > 0
    if study.space.cardinality < 1000:
        list(islice(study.space.points(), 20))


def _onnx(path: Path) -> None:
    prepared = prepare(path)
    assert prepared.complexity.macs >= 0


def _decode(path: Path) -> None:
    model = traced(prepare(path))
    assert model.step(9)(17).complexity.macs >= 0


def _mapping(path: Path) -> None:
    nest = LoopNest(k=8, c=8, p=4, q=4, r=3, s=3)
    hierarchy = from_device(load("eyeriss_v1"), nest)
    with contextlib.suppress(UnicodeDecodeError):
        count(nest, hierarchy, parse_mapping(path.read_text(encoding="utf-8"), hierarchy))


def _system(path: Path) -> None:
    run_system(tiny(), load_system(path), "pipeline", rung="roofline")


def _measured(path: Path) -> None:
    join(read_measured(path).rows, tiny())


def _estimate(path: Path) -> None:
    record = differences.load_estimate(str(path))
    differences.text(differences.compare(record, record))


def _found(path: Path) -> None:
    """The body of a cached mapping, under the checksum that a program would give it."""
    body = path.read_bytes()
    path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    cache.read(path)


def _store(path: Path) -> None:
    results = opened(path)
    results.columns()
    results.front()


Reader = Callable[[Path], object]
#: By name: what reads, and the ending of its files.
READERS: dict[str, tuple[Reader, str]] = {
    "profile": (_profile, ".yaml"),
    "study": (_study, ".yaml"),
    "onnx": (_onnx, ".onnx"),
    "decode": (_decode, ".onnx"),
    "layers": (lambda path: prepare(from_csv(path)), ".csv"),
    "measured_csv": (_measured, ".csv"),
    "measured_json": (_measured, ".json"),
    "timeloop": (lambda path: read_timeloop([path]), ".yaml"),
    "mapping": (_mapping, ".yaml"),
    "system": (_system, ".yaml"),
    "estimate": (_estimate, ".json"),
    "found": (_found, ".json"),
    "store": (_store, ".sqlite"),
}


def feed(name: str, data: bytes, quiet: bool = True) -> None:
    """Give bytes to a reader as a file of its own folder; raises whatever is no HwsimError, and with ``quiet=False`` that too."""
    reader, ending = READERS[name]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), _silence():
        warnings.simplefilter("ignore")
        path = Path(folder) / f"given{ending}"
        path.write_bytes(data)
        with contextlib.suppress(*[HwsimError] * quiet):
            reader(path)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    log = logging.getLogger("hwsim")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)
