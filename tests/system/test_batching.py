"""Batches of single queries: M/D/1 where there is one a batch, a Markov chain where there is no wait, limits, the command line."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from hwsim.cli import main
from hwsim.errors import UsageError
from hwsim.system.batching import batched, largest_rate
from hwsim.system.queue import Server
from hwsim.system.queue import largest_rate as largest_rate_of_one


@pytest.mark.parametrize("load", [0.1, 0.5, 0.8])
def test_batches_of_one_are_the_closed_form(load: float) -> None:
    server, found = Server(load / 0.01, 0.01), batched(load / 0.01, [0.01], 0.0)
    assert found.mean_s == pytest.approx(server.mean_s, rel=0.01)
    assert found.load == pytest.approx(load, rel=0.01) and found.mean_batch == 1
    for share in (0.5, 0.9, 0.99):
        assert found.percentile(share) == pytest.approx(server.percentile(share), rel=0.02)
    assert found.within(0.015) == pytest.approx(server.within(0.015), abs=0.01)


def chain_mean(rate: float, service: list[float], room: int = 400) -> float:
    """Mean latency without waiting for others: queries left behind at each end of a batch are a Markov chain, Little's law gives the rest.

    From n left behind the next batch has min(n, B), or one after an idle time; the time integral of queries in the system over a step
    is that of those there and of those that arrive.
    """
    most = len(service)
    steps = np.zeros((room, room))
    length, held = np.zeros(room), np.zeros(room)
    for left in range(room):
        taken = min(max(left, 1), most)
        time = service[taken - 1]
        length[left] = time + (1 / rate if left == 0 else 0.0)
        held[left] = max(left, 1) * time + rate * time**2 / 2
        logs = (
            -rate * time + np.arange(room) * math.log(rate * time) - np.array([math.lgamma(k + 1) for k in range(room)])
        )
        after = max(left, 1) - taken
        steps[left, after:] = np.exp(logs)[: room - after]
        steps[left, -1] += 1 - steps[left].sum()
    share = np.linalg.lstsq(
        np.vstack((steps.T - np.eye(room), np.ones(room))), np.append(np.zeros(room), 1), rcond=None
    )[0]
    return float(share @ held / (share @ length) / rate)


@pytest.mark.parametrize(
    ("rate", "service"), [(60.0, [0.01]), (200.0, [0.01, 0.012, 0.014, 0.016]), (120.0, [0.01, 0.013])]
)
def test_without_a_wait_the_mean_is_that_of_a_markov_chain(rate: float, service: list[float]) -> None:
    assert batched(rate, service, 0.0).mean_s == pytest.approx(chain_mean(rate, service), rel=0.01)


def test_few_queries_wait_in_vain_and_many_fill_batches() -> None:
    service = [0.01, 0.011, 0.012, 0.013]
    seldom = batched(0.01, service, 0.05)
    assert seldom.percentile(0.5) == pytest.approx(0.06) and seldom.mean_batch < 1.01
    often = batched(290.0, service, 0.05)
    assert often.mean_batch > 3.5 and often.load > 0.9
    patient, eager = batched(30.0, service, 0.02), batched(30.0, service, 0.0)
    assert patient.mean_batch > eager.mean_batch and patient.mean_s > eager.mean_s and patient.load < eager.load


def test_the_largest_rate_keeps_its_limit() -> None:
    assert largest_rate([0.01], 0.0, 0.03, 0.99) == pytest.approx(largest_rate_of_one(0.01, 0.03), rel=0.03)
    service = [0.01, 0.011, 0.012, 0.013]
    rate = largest_rate(service, 0.005, 0.03, 0.99)
    assert rate > 2 * largest_rate([0.01], 0.0, 0.03, 0.99)
    assert batched(rate, service, 0.005).within(0.03) >= 0.99 > batched(1.05 * rate, service, 0.005).within(0.03)
    assert largest_rate([0.05], 0.0, 0.03, 0.99) == 0


@pytest.mark.parametrize(
    ("rate", "service", "wait", "message"),
    [
        (0.0, [0.01], 0.0, "needs a rate"),
        (100.0, [0.01], 0.0, "more than batches of 1"),
        (1.0, [0.01], -1.0, "at least 0"),
    ],
)
def test_what_makes_no_sense(rate: float, service: list[float], wait: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        batched(rate, service, wait)


def test_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["scenario", "light_squeezenet", "--bits", "w8a8", "--device", "edge_tpu", "--scenario", "server"]
    assert main([*asked, "--max-batch", "4", "--max-wait-ms", "1", "--limit-ms", "40", "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["max_batch"] == 4 and 1 <= record["mean_batch"] <= 4 and record["within_limit"] >= 0.99
    assert main([*asked, "--max-batch", "4", "--rate", str(100 * record["queries_per_s"])]) == 1
    assert "cannot keep up" in capsys.readouterr().err
    assert main([*asked, "--max-batch", "4", "--batch", "2", "--rate", "1"]) == 2
    assert "--max-batch collects" in capsys.readouterr().err
