"""Fuzz one reader guided by coverage: ``python -m tests.fuzz.guided READER SECONDS`` (``pip install atheris``).

Half of the mutations are libFuzzer's own, half those of ``tests.fuzz.mutate``, which know lines, numbers and syntax. What breaks the
reader lies in ``tests/fuzz/corpus/READER-...`` afterwards; libFuzzer ends at the first.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["hwsim"], exclude=["hwsim.kernels"]):
    from tests.fuzz.readers import LARGEST, READERS, feed
from tests.fuzz.mutate import mutated
from tests.fuzz.seeds import seeds


def main() -> None:
    """Never returns: libFuzzer exits the process."""
    if len(sys.argv) != 3 or sys.argv[1] not in READERS or not sys.argv[2].isdigit():
        sys.exit(f"python -m tests.fuzz.guided READER SECONDS; readers: {', '.join(READERS)}")
    name, seconds = sys.argv[1:]
    folder = tempfile.mkdtemp(prefix=f"fuzz-{name}-")
    for number, data in enumerate(seeds(name)):
        (Path(folder) / str(number)).write_bytes(data)
    options = [
        sys.argv[0],
        folder,
        f"-max_total_time={seconds}",
        f"-max_len={LARGEST}",
        "-timeout=10",
        "-rss_limit_mb=1024",
    ]
    options += [f"-artifact_prefix={Path(__file__).parent / 'corpus'}/{name}-", "-print_final_stats=1"]
    atheris.Setup(options, lambda data: feed(name, data), custom_mutator=_mutator)
    atheris.Fuzz()


def _mutator(data: bytes, largest: int, seed: int) -> bytes:
    generator = random.Random(seed)
    return mutated(data, generator, largest) if generator.random() < 0.5 else bytes(atheris.Mutate(data, largest))


if __name__ == "__main__":
    main()
