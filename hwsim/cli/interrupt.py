"""Ctrl-C ends a command within a second, even inside of a kernel.

Python raises KeyboardInterrupt between two of its own instructions, and a call of a kernel is one of them, however long it takes. So a
thread hears of the signal, lets the command end by itself, and ends the process where it does not.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: What a command has to end by itself, close its files and say what it kept [s].
GRACE_S = 0.5


@contextmanager
def prompt(words: Callable[[], str]) -> Iterator[None]:
    """Within, an interrupt ends the process with exit code 130 and ``words()`` if it has not ended after ``GRACE_S``.

    Does nothing where interrupts are somebody else's: outside of the main thread, or where they are handled or ignored already.
    """
    own = threading.current_thread() is threading.main_thread()
    if not own or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    hears, tells = socket.socketpair()
    tells.setblocking(False)
    before = signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
    ended = threading.Event()
    threading.Thread(target=_listen, args=(hears, ended, words), daemon=True).start()
    hook = sys.unraisablehook
    sys.unraisablehook = lambda report: None if report.exc_type is KeyboardInterrupt else hook(report)
    try:
        yield
    finally:
        ended.set()
        sys.unraisablehook = hook
        signal.set_wakeup_fd(before)
        tells.close()


def _listen(hears: socket.socket, ended: threading.Event, words: Callable[[], str]) -> None:
    with hears:
        while numbers := hears.recv(64):
            if signal.SIGINT in numbers and not ended.wait(GRACE_S):
                say(words())
                os._exit(130)


def say(words: str) -> None:
    """The one line that an interrupt leaves, below whatever progress stands on the terminal."""
    start = "\r\x1b[K" if sys.stderr.isatty() else ""
    sys.stderr.write(f"{start}hwsim: {words}\n")
    sys.stderr.flush()
