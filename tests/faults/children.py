"""Processes of their own that are killed, starved or interrupted."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: A file that grows beyond so many bytes is refused, as on a full disk [B].
FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"


@contextmanager
def heeding() -> Iterator[None]:
    """Children that are started here heed interrupts, which a shell has its jobs in the background ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def killed(work: Callable[[int], None], generator: random.Random, longest_s: float = 0.02) -> None:
    """Run ``work(0)``, ``work(1)``, ... in a copy of this process, and kill it at a random moment."""
    child = os.fork()
    if child == 0:
        number = 0
        while True:
            work(number)
            number += 1
    time.sleep(generator.uniform(0.0, longest_s))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def together(work: Callable[[int], None], count: int) -> list[int]:
    """Run ``work(number)`` in so many copies of this process at once; how many there were of each exit code, 0 for none that raised."""
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work(number)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def hwsim(*words: str, room: int | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, on a disk with ``room`` for a file [B]."""
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"}  # Python would leave half of a module where it is full
    start = "" if room is None else FULL.format(room=room)
    code = f"{start}import sys; from hwsim.cli import main; sys.exit(main({list(words)!r}))"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
