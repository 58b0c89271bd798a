"""The batch that a scenario chooses is the best of those tried, by the same records one by one."""

from __future__ import annotations

import pytest

import hwsim
from hwsim.errors import Infeasible, ModelError
from hwsim.estimation import Estimate, Prepared, estimate, prepare
from hwsim.system.scenario import batched_scenario, best_scenario, scenario

DEVICE = hwsim.load_device("v100")


def at(batch: int) -> Prepared:
    return prepare("light_squeezenet", batch=batch)


def price(prepared: Prepared) -> Estimate:
    return estimate(prepared, DEVICE, rung="roofline")


@pytest.mark.parametrize(("kind", "limit"), [("offline", None), ("server", 0.6e-3), ("server", 5e-3)])
def test_the_best_of_all_batches_is_chosen(kind: str, limit: float | None) -> None:
    found = best_scenario(at, price, DEVICE, kind, 24, limit_s=limit, replicas=2)
    assert not isinstance(found, Infeasible)
    each = [scenario(price(at(batch)), kind, limit_s=limit, replicas=2) for batch in (1, 2, 4, 8, 16, 24)]
    most = max(record["throughput_per_s"] for record in each)
    assert found["throughput_per_s"] == most > 0
    assert found in each
    if kind == "server":
        assert found["within_limit"] >= 0.99 - 1e-6


def test_a_short_limit_takes_a_smaller_batch() -> None:
    batches = []
    for limit in (0.6e-3, 5e-3):
        found = best_scenario(at, price, DEVICE, "server", 24, limit_s=limit)
        assert not isinstance(found, Infeasible)
        batches.append(found["batch"])
    assert batches[0] < batches[1]


def test_a_network_that_does_not_fit_is_said() -> None:
    wide = hwsim.Network.builder("w").input("x", (1, 1 << 17)).dense(1 << 18, bias=False).build()
    assert isinstance(best_scenario(lambda _: prepare(wide), price, DEVICE, "offline", 4), Infeasible)


@pytest.mark.parametrize("load", [0.5, 1.0, 7.0])
def test_a_server_answers_no_more_than_it_can(load: float) -> None:
    made = {batch: price(at(batch)) for batch in (1, 2)}
    most = 2 / made[1].totals.latency_s
    one = scenario(made[1], "server", rate=load * most, replicas=2)
    assert one["throughput_per_s"] == pytest.approx(min(1.0, load) * most)
    assert one["queries_per_s"] == load * most and one["load"] == pytest.approx(load)
    most = 2 * 2 / made[2].totals.latency_s
    collected = batched_scenario(made, 0.0, rate=load * most, replicas=2)
    assert collected["throughput_per_s"] == pytest.approx(min(1.0, load) * most)


def test_a_batch_that_cannot_be_bound_ends_the_search() -> None:
    def limited(batch: int) -> Prepared:
        if batch > 2:
            raise ModelError(f"batch {batch}: more elements than any memory holds")
        return at(batch)

    found = best_scenario(limited, price, DEVICE, "offline", 1 << 29)
    assert not isinstance(found, Infeasible) and found["batch"] == 2

    def none(batch: int) -> Prepared:
        raise ModelError(f"batch {batch}")

    with pytest.raises(ModelError):
        best_scenario(none, price, DEVICE, "offline", 4)
