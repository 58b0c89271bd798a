"""What all tests run under: properties draw the same examples each time, and no clock decides.

``pytest --hypothesis-profile=free`` draws new ones.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numba
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("fixed", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("free", deadline=None)
settings.load_profile("fixed")

#: pytest lets numbers of 1e-12 differ by that much, so that any two energies of a few pJ would be equal [J].
type(pytest.approx(1.0)).DEFAULT_ABSOLUTE_TOLERANCE = 1e-24


def pytest_configure(config: pytest.Config) -> None:
    """Without the JIT, a product that is meant to wrap is one that NumPy warns of (the digest of a chip's state in the simulator)."""
    if numba.config.DISABLE_JIT:
        config.addinivalue_line("filterwarnings", "ignore:overflow encountered in scalar multiply:RuntimeWarning")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``-n``, a file's tests run in one process, so that what they share is made once."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Where coverage is measured, it is by test: ``tests.mutation`` asks which tests run a line."""
    coverage = sys.modules.get("coverage")
    running = coverage.Coverage.current() if coverage else None
    if running is None:
        return (yield)
    running.switch_context(item.nodeid.partition("[")[0].replace(".py", "").replace("::", ".").replace("/", "."))
    try:
        return (yield)
    finally:
        running.switch_context("")
