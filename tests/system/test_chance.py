"""Closed forms against Monte Carlo and published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import UsageError
from hwsim.system.chance import Cascade, Redundancy, Routing, best_redundancy
from hwsim.system.queue import Server, largest_rate

DRAWS = 400_000


def test_k_of_n_as_published() -> None:
    """Lee et al. 2018: n = 32 workers, rate 1: k = 22 is best, 1.63 times as fast as uncoded for 1.45 times the work."""
    best = best_redundancy(32)
    assert best.needed == 22
    assert Redundancy(32, 32).mean / best.mean == pytest.approx(1.63, abs=0.005)
    assert best.work == pytest.approx(1.45, abs=0.005)


@pytest.mark.parametrize(("sent", "needed"), [(4, 4), (8, 5), (32, 22), (16, 1)])
def test_k_of_n_equals_its_simulation(sent: int, needed: int) -> None:
    random = np.random.default_rng(7)
    times = (0.5 + random.exponential(1 / 3.0, (DRAWS // 10, sent))) / needed
    kth = np.sort(times, axis=1)[:, needed - 1]
    model = Redundancy(sent, needed, 0.5, 3.0)
    assert model.mean == pytest.approx(kth.mean(), rel=0.01)
    for share in (0.5, 0.9, 0.99):
        assert model.percentile(share) == pytest.approx(np.quantile(kth, share), rel=0.02)


@given(st.floats(0.001, 1), st.floats(0.001, 10), st.floats(0, 1), st.floats(0, 1))
def test_cascade_is_the_mean_of_its_two_outcomes(fast: float, slow: float, escalation: float, link: float) -> None:
    cascade = Cascade(fast, slow, escalation, link)
    short, long = cascade.fast, cascade.fast + link + slow
    assert cascade.mean == pytest.approx((1 - escalation) * short + escalation * long)
    even = Cascade(fast, slow, cascade.break_even, link)
    if 0 < cascade.break_even < 1:
        assert even.mean == pytest.approx(slow)
    allowed = cascade.largest_escalation(cascade.mean)
    assert allowed == pytest.approx(escalation, abs=1e-9)


def test_cascade_percentiles_and_budgets() -> None:
    cascade = Cascade(0.01, 0.1, 0.2, 0.005)
    assert cascade.percentile(0.8) == 0.01
    assert cascade.percentile(0.81) == pytest.approx(0.115)
    assert cascade.largest_escalation(0.005) is None
    assert cascade.largest_escalation(1.0) == 1.0
    random = np.random.default_rng(1)
    costs = np.where(random.random(DRAWS) < 0.2, 0.115, 0.01)
    assert cascade.mean == pytest.approx(costs.mean(), rel=0.01)
    with pytest.raises(UsageError):
        Cascade(1, 1, 1.5)


def simulated(server: Server, queries: int = DRAWS) -> np.ndarray:
    """Latencies of a first-come, first-served queue by Lindley's recursion."""
    random = np.random.default_rng(3)
    gaps = random.exponential(server.replicas / server.rate, queries)
    waits = np.empty(queries)
    waited = 0.0
    for number, gap in enumerate(gaps):
        waited = max(0.0, waited + server.service_s - gap) if number else 0.0
        waits[number] = waited
    return waits + server.service_s


@pytest.mark.parametrize("load", [0.2, 0.5, 0.8])
def test_server_equals_its_simulation(load: float) -> None:
    server = Server(load / 0.002, 0.002)
    latencies = simulated(server)
    assert server.load == pytest.approx(load)
    assert server.mean_s == pytest.approx(latencies.mean(), rel=0.01)
    for share in (0.9, 0.99):
        assert server.percentile(share) == pytest.approx(np.quantile(latencies, share), rel=0.02)
        assert server.within(server.percentile(share)) == pytest.approx(share, abs=1e-6)


def test_server_at_its_limits() -> None:
    assert Server(0.0, 0.01).percentile(0.99) == pytest.approx(0.01)
    assert math.isinf(Server(200, 0.01).mean_s)
    assert Server(200, 0.01, replicas=4).mean_s < 0.02
    rate = largest_rate(0.001, 0.015, 0.99)
    assert Server(rate, 0.001).within(0.015) == pytest.approx(0.99, abs=1e-4)
    assert largest_rate(0.02, 0.015) == 0.0
    assert largest_rate(0.001, 0.015, 0.99, replicas=3) == pytest.approx(3 * rate, rel=1e-6)


def test_waiting_time_has_no_rounding_at_high_load() -> None:
    server = Server(0.98, 1.0)
    shares = [server.within(latency) for latency in np.linspace(1, 150, 60)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.99


@pytest.mark.parametrize("factor", [1.0, 1.25, 2.0])
def test_dropped_tokens_equal_their_simulation(factor: float) -> None:
    routing = Routing(512, 16, 1, factor)
    random = np.random.default_rng(5)
    dropped = []
    for _ in range(2000):
        counts = np.bincount(random.integers(0, 16, 512), minlength=16)
        dropped.append(np.maximum(0, counts - routing.capacity).sum() / 512)
    assert routing.dropped == pytest.approx(np.mean(dropped), rel=0.05, abs=1e-4)


def test_capacity_of_experts() -> None:
    assert Routing(512, 128, 1, 1.0).slots == 512
    assert Routing(512, 128, 1, 1.25).slots == 640
    assert Routing(512, 128, 2, math.inf).slots == 1024
    assert Routing(512, 128, 2, math.inf).dropped == 0
    assert Routing(16, 4, 1, 1.0).dispatch_macs(8) == 2 * 16 * 16 * 8
