"""Ctrl-C: one line, exit code 130, whatever runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.faults.children import heeding

#: A call that does not come back for minutes and that Python cannot interrupt, as one of a kernel.
LONG = """
import hashlib, threading
from hwsim.cli.interrupt import prompt
with prompt(lambda: "interrupted: nothing is kept"):
    threading.Timer(0.3, print, ("ready",), {"flush": True}).start()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
"""
#: The command itself, with an interrupt in the middle of its work, between two of Python's instructions.
SHORT = """
import signal, sys, time
from hwsim.cli import main
def run(arguments):
    print("ready", flush=True)
    time.sleep(600)
import hwsim.cli.verbs
hwsim.cli.verbs.models = run
sys.exit(main(["models"]))
"""


def _interrupted(code: str) -> tuple[int, str]:
    with heeding():
        running = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    assert running.stdout is not None and running.stdout.readline() == "ready\n"
    os.kill(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=60)
    return running.returncode, said


@pytest.mark.parametrize(
    ("code", "said"), [(LONG, "interrupted: nothing is kept"), (SHORT, "interrupted")], ids=["kernel", "python"]
)
def test_an_interrupt_is_one_line(code: str, said: str) -> None:
    assert _interrupted(code) == (130, f"hwsim: {said}\n")


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None])
def test_interrupts_of_others_are_left_alone(handler: signal.Handlers) -> None:
    from hwsim.cli.interrupt import prompt

    before = signal.signal(signal.SIGINT, handler)
    try:
        with prompt(lambda: "never said"):
            assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(signal.SIGINT, before)


def test_nothing_stays_behind(capsys: pytest.CaptureFixture[str]) -> None:
    import threading

    from hwsim.cli import main

    def threads() -> Sequence[str]:
        return [thread.name for thread in threading.enumerate() if "_listen" in thread.name]

    for _ in range(3):
        assert main(["models"]) == 0
    assert capsys.readouterr().out
    for thread in threading.enumerate():
        if "_listen" in thread.name:
            thread.join(5)
    assert not threads() and signal.set_wakeup_fd(-1) == -1
