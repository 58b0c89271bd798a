"""Fuzz the readers by mutation: ``python -m tests.fuzz [READER ...] --seconds 60``. ``tests.fuzz.guided`` is guided by coverage.

What breaks a reader (another exception than HwsimError, or more than ten seconds of CPU) is written to ``tests/fuzz/corpus/READER-HASH``.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType

from tests.fuzz.mutate import mutated
from tests.fuzz.readers import LARGEST, READERS, feed
from tests.fuzz.seeds import seeds

HANG_S = 10


def main() -> int:
    """Returns 1 where something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("readers", nargs="*", choices=[*READERS, []], metavar="READER")
    parser.add_argument("--seconds", type=float, default=60.0, help="of CPU for each reader")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    broken = 0
    for name in arguments.readers or READERS:
        broken += _mutate(name, arguments.seconds, random.Random(arguments.seed))
    return int(broken > 0)


def _mutate(name: str, seconds: float, generator: random.Random) -> int:
    pool = seeds(name)
    start, tried = time.process_time(), 0
    found: dict[str, bytes] = {}
    signal.signal(signal.SIGPROF, _hang)
    while time.process_time() - start < seconds:
        data = mutated(generator.choice(pool), generator, LARGEST)
        tried += 1
        try:
            signal.setitimer(signal.ITIMER_PROF, HANG_S)
            feed(name, data)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            found.setdefault(f"{type(error).__name__} {Path(frame.filename).name}:{frame.lineno} {error}"[:200], data)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    print(f"{name}: {tried:,} files in {seconds:g} s, {len(found)} ways to break it", flush=True)
    for told, data in found.items():
        file = Path(__file__).parent / "corpus" / f"{name}-{hashlib.sha256(data).hexdigest()[:8]}"
        file.write_bytes(data)
        print(f"  {told}: {file.name}", flush=True)
    return len(found)


def _hang(_: int, __: FrameType | None) -> None:
    raise TimeoutError(f"more than {HANG_S} s of CPU")


if __name__ == "__main__":
    sys.exit(main())
