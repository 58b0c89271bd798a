"""Flows against closed forms, Monte Carlo and single estimates; faults in their files; batches within a limit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hwsim
from hwsim.errors import Infeasible, ModelError, ProfileError, UsageError
from hwsim.estimation import Estimate
from hwsim.system.chance import Cascade, Redundancy
from hwsim.system.flow import compose, run_flow
from hwsim.system.flow_record import Flow, Job
from hwsim.system.limit import within_limit
from hwsim.system.part import Part, ordered
from hwsim.system.profile import copies, load_system, single
from hwsim.system.record import SystemEstimate
from hwsim.system.run import run

DEVICE = hwsim.load_device("tpu_v1")
DRAWS = 400_000


@pytest.fixture(scope="module")
def jobs() -> dict[str, Job]:
    def job(model: str) -> Job:
        return Job(hwsim.estimate(model, DEVICE, bits="w8a8"), 150_528)

    return {"fast": job("light_squeezenet"), "slow": job("light_resnet50")}


def seconds(job: Job) -> float:
    return job.estimate.totals.latency_s


def flow(parts: list[Part], jobs: dict[str, Job], count: int = 1, **options: object) -> Flow:
    found = compose(parts, jobs, copies(DEVICE, count), **options)  # type: ignore[arg-type]
    assert isinstance(found, Flow)
    return found


def test_one_network_is_its_estimate() -> None:
    alone: Estimate = hwsim.estimate("light_squeezenet", DEVICE, bits="w8a8")
    found = run_flow(single(DEVICE), [Part("one", "light_squeezenet", (DEVICE.name,), bits="w8a8")])
    assert isinstance(found, Flow)
    assert found.latency_s == found.interval_s == found.percentiles_s[99] == alone.totals.latency_s
    assert found.macs == alone.totals.macs


@pytest.mark.parametrize("escalation", [0.05, 0.3, 0.95])
def test_cascade_equals_its_closed_form_and_its_simulation(jobs: dict[str, Job], escalation: float) -> None:
    name = DEVICE.name
    parts = [Part("fast", "", (name,)), Part("slow", "", (name,), ("fast",), escalation)]
    found = flow(parts, jobs, budget_s=seconds(jobs["slow"]))
    closed = Cascade(seconds(jobs["fast"]), seconds(jobs["slow"]), escalation)
    assert found.latency_s == pytest.approx(closed.mean)
    assert found.interval_s == pytest.approx(closed.mean)  # one device serves both
    assert found.facts["break_even_escalation"] == pytest.approx(closed.break_even)
    assert found.facts["largest_escalation"] == pytest.approx(closed.largest_escalation(seconds(jobs["slow"])))
    draws = np.where(np.random.default_rng(1).random(DRAWS) < escalation, closed.fast + closed.slow, closed.fast)
    assert found.latency_s == pytest.approx(draws.mean(), rel=0.01)
    for percent in (50, 90, 99):
        assert found.percentiles_s[percent] == pytest.approx(np.quantile(draws, percent / 100))


def test_two_devices_of_a_cascade_work_at_once(jobs: dict[str, Job]) -> None:
    system = load_system("glacier_point_v2")
    parts = [Part("fast", "", ("card0",)), Part("slow", "", ("card1",), ("fast",), 0.5)]
    found = compose(parts, jobs, system)
    assert isinstance(found, Flow)
    busy = {load.name: load.busy_s for load in found.loads}
    assert busy["card1"] == pytest.approx(0.5 * seconds(jobs["slow"]))
    assert found.interval_s == max(busy.values())
    link = system.between("card0", "card1")
    assert link is not None
    assert busy["card0->switch"] == pytest.approx(0.5 * 150_528 / link.bandwidth)


def test_an_ensemble_adds_up_on_one_device_and_runs_at_once_on_several(jobs: dict[str, Job]) -> None:
    four = {f"m{number}": jobs["fast"] for number in range(4)}
    together = flow([Part(name, "", (DEVICE.name,)) for name in four], four)
    apart = flow([Part(name, "", (f"{DEVICE.name}.{number}",)) for number, name in enumerate(four)], four, 4)
    assert together.latency_s == pytest.approx(4 * seconds(jobs["fast"]))
    assert apart.latency_s == seconds(jobs["fast"])
    assert apart.macs == together.macs


def test_coded_pieces_behind_a_cascade_equal_their_simulation(jobs: dict[str, Job]) -> None:
    on = tuple(f"{DEVICE.name}.{number}" for number in range(8))
    parts = [Part("fast", "", on[:1]), Part("slow", "", on, ("fast",), 0.4, straggling=1.0, needed=6)]
    found = flow(parts, jobs, 8)
    fixed = seconds(jobs["slow"])
    random = np.random.default_rng(5)
    sixth = np.sort(fixed + random.exponential(fixed, (DRAWS // 2, 8)), axis=1)[:, 5] / 6
    times = seconds(jobs["fast"]) + np.where(random.random(DRAWS // 2) < 0.4, sixth, 0.0)
    assert found.latency_s == pytest.approx(times.mean(), rel=0.01)
    for percent in (50, 90, 99):
        assert found.percentiles_s[percent] == pytest.approx(np.quantile(times, percent / 100), rel=0.01)


def test_best_code_of_the_paper(jobs: dict[str, Job]) -> None:
    """Lee et al. 2018: n = 32, rate 1: k = 22, 1.63 times as fast for 1.45 times the work."""
    on = tuple(f"{DEVICE.name}.{number}" for number in range(32))
    found = flow([Part("slow", "", on, straggling=1.0)], jobs, 32)
    assert found.facts["needed"] == 22
    assert found.facts["speedup_over_uncoded"] == pytest.approx(1.63, abs=0.005)
    assert found.facts["work_over_uncoded"] == pytest.approx(1.45, abs=0.005)
    assert found.percentiles_s[90] == pytest.approx(
        Redundancy(32, 22, seconds(jobs["slow"]), 1 / seconds(jobs["slow"])).percentile(0.9)
    )


def test_what_makes_no_flow_is_said(jobs: dict[str, Job]) -> None:
    name = DEVICE.name
    with pytest.raises(ProfileError, match=r"cycle: b -> a -> b|cycle: a -> b -> a"):
        ordered([Part("a", "", (name,), ("b",)), Part("b", "", (name,), ("a",))])
    with pytest.raises(ProfileError, match=r"waits for fasd, which is no network here .did you mean fast"):
        ordered([Part("fast", "", (name,)), Part("slow", "", (name,), ("fasd",))])
    with pytest.raises(UsageError, match="has no device tpu"):
        flow([Part("fast", "", ("tpu",))], jobs)
    with pytest.raises(ProfileError, match="no link leads"):
        flow([Part("fast", "", (f"{name}.0",)), Part("slow", "", (f"{name}.1",), ("fast",))], jobs, 2)
    with pytest.raises(UsageError, match="by itself"):
        flow([Part("fast", "", (f"{name}.0",), straggling=1.0), Part("slow", "", (f"{name}.1",))], jobs, 2)
    small = hwsim.load_device("tpu_v1", ["memory.dram.capacity_gib=0.01"])
    found = compose([Part("slow", "", (small.name,))], jobs, single(small))
    assert isinstance(found, Infeasible)
    assert found.level == small.name


FLOW = """\
name: two
kind: system
devices: [{name: card, profile: nnp_i_1100, count: 2}]
sources: {me: mine}
default_source: me
links: [{between: [card0, card1], bandwidth_gb_per_s: 4}]
networks:
  - {name: fast, model: light_squeezenet, on: card0, bits: w8a8}
  - {name: slow, model: light_squeezenet, on: card1, after: [fast], probability: 0.3, bits: w8a8}
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("on: card0", "on: card7", r":8: networks.0.on: card7 is no device of this system .did you mean card"),
        ("on: card0", "on: card0, after: [slow]", r"wait for each other in a cycle: (fast|slow) -> "),
        ("after: [fast]", "after: [fat]", r"slow waits for fat, which is no network here .did you mean fast"),
        ("on: card0", "on: card", r":8: networks.0: several devices run one network only as coded pieces"),
        ("name: slow", "name: fast", r":9: networks.1.name: fast is there already"),
        ("0.3", "1.3", r":9: networks.1.probability: must be less than or equal to 1"),
        ("probability", "probabilty", r"did you mean probability"),
        ("links: [{between: [card0, card1], bandwidth_gb_per_s: 4}]", "", r"no link leads from card0 to card1"),
    ],
)
def test_faults_in_files_are_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "system.yaml"
    path.write_text(FLOW, encoding="utf-8")
    assert [part.name for part in load_system(path).networks] == ["fast", "slow"]
    path.write_text(FLOW.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ProfileError, match=said):
        load_system(path)


def test_the_batch_within_a_limit_is_the_largest() -> None:
    networks = {batch: hwsim.prepare("light_squeezenet", bits="w8a8", batch=batch) for batch in range(1, 17)}

    def price(prepared: hwsim.estimation.Prepared) -> SystemEstimate | Infeasible:  # type: ignore[name-defined]
        return run(prepared, single(DEVICE), "data")

    made = [price(networks[batch]) for batch in range(1, 17)]
    times = [found.latency_s for found in made if isinstance(found, SystemEstimate)]
    limit = times[10] * 1.0001
    found = within_limit(networks.__getitem__, price, limit)
    assert isinstance(found, SystemEstimate)
    assert found.settings["batch"] == 11
    nothing = within_limit(networks.__getitem__, price, times[0] / 2)
    assert isinstance(nothing, Infeasible)

    def limited(batch: int) -> hwsim.estimation.Prepared:  # type: ignore[name-defined]
        if batch > 5:
            raise ModelError(f"batch {batch}: more elements than any memory holds")
        return networks[batch]

    found = within_limit(limited, price, limit)
    assert isinstance(found, SystemEstimate) and found.settings["batch"] == 5


def test_percentiles_of_a_system_under_arrivals() -> None:
    prepared = hwsim.prepare("light_squeezenet", bits="w8a8")
    quiet = run(prepared, single(DEVICE), "data")
    assert isinstance(quiet, SystemEstimate)
    assert quiet.percentile_s(99) == quiet.latency_mean_s == quiet.latency_s
    busy = run(prepared, single(DEVICE), "data", queries_per_s=0.6 / quiet.interval_s)
    assert isinstance(busy, SystemEstimate)
    service, random, waited, waits = quiet.interval_s, np.random.default_rng(2), 0.0, []
    for gap in random.exponential(service / 0.6, DRAWS):
        waits.append(waited)
        waited = max(0.0, waited + service - gap)
    assert busy.latency_mean_s == pytest.approx(service + np.mean(waits), rel=0.01)
    assert busy.percentile_s(90) == pytest.approx(service + np.quantile(waits, 0.9), rel=0.02)
    assert busy.to_dict()["totals"]["latency_99_s"] > busy.latency_mean_s
