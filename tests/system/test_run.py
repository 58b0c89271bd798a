"""Networks on several devices: one device is the device alone, balance against brute force, faults in system profiles."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.errors import Infeasible, ProfileError, UsageError
from hwsim.estimation import Prepared
from hwsim.system.links import Link, all_gather_s, all_reduce_s
from hwsim.system.pipeline import balance, cut_bytes
from hwsim.system.profile import System, available_systems, load_system, single
from hwsim.system.record import SystemEstimate
from hwsim.system.run import WAYS, run
from hwsim.system.shard import shard

DEVICE = hwsim.load_device("nnp_i_1100")


@pytest.fixture(scope="module")
def resnet() -> Prepared:
    return hwsim.prepare("light_resnet50", bits="w8a8")


def found(prepared: Prepared, system: System, way: str = "pipeline", **options: object) -> SystemEstimate:
    made = run(prepared, system, way, **options)  # type: ignore[arg-type]
    assert isinstance(made, SystemEstimate)
    return made


@pytest.mark.parametrize("way", [way for way in WAYS if way != "experts"])
def test_one_device_without_links_is_the_device_alone(resnet: Prepared, way: str) -> None:
    alone = hwsim.estimate(resnet, DEVICE)
    made = found(resnet, single(DEVICE), way)
    assert made.latency_s == made.interval_s == alone.totals.latency_s
    assert made.throughput_per_s == alone.totals.throughput_per_s
    assert made.energy_j == alone.totals.energy_j
    assert made.alone == alone


def test_a_pipeline_runs_every_layer_once_and_is_bound_by_its_slowest_part(resnet: Prepared) -> None:
    made = found(resnet, load_system("glacier_point_v2"))
    alone = hwsim.estimate(resnet, DEVICE)
    assert [name for share in made.shares for name in share.layers] == [layer.name for layer in alone.layers]
    assert sum(share.compute_s for share in made.shares) == pytest.approx(alone.totals.latency_s)
    assert made.interval_s == max(*(share.compute_s for share in made.shares), *made.links.values())
    assert made.latency_s > alone.totals.latency_s
    assert 0 < made.bubble_share < 1
    many = found(resnet, load_system("glacier_point_v2"), microbatches=10_000)
    assert many.bubble_share < made.bubble_share


def test_copies_serve_as_many_times_as_there_are_devices(resnet: Prepared) -> None:
    system = load_system("four_a100_nvlink")
    alone = hwsim.estimate(resnet, system.devices["gpu0"])
    made = found(resnet, system, "data")
    assert made.throughput_per_s == pytest.approx(4 * alone.totals.throughput_per_s)
    assert made.macs == 4 * alone.totals.macs


@pytest.mark.parametrize("way", ["channels", "rows"])
def test_parts_cover_the_whole(resnet: Prepared, way: str) -> None:
    alone = hwsim.estimate(resnet, DEVICE)
    part = shard(resnet, 4, way)  # type: ignore[arg-type]
    assert part.prepared.complexity.macs >= alone.totals.macs / 4
    assert part.prepared.complexity.macs < 1.2 * alone.totals.macs / 4 + 3e6
    made = found(resnet, load_system("four_a100_nvlink"), way)
    assert len(made.shares) == 4
    assert made.latency_s == pytest.approx(made.shares[0].compute_s + made.shares[0].exchange_s)
    assert made.shares[0].exchange_s > 0


@pytest.mark.parametrize("way", ["channels", "rows"])
def test_parts_stay_parts_where_types_are_converted(way: str) -> None:
    """Floats run as int8 on these cards: the parts are cut from the converted network."""
    system = load_system("glacier_point_v2")
    floats = hwsim.prepare("light_squeezenet")
    one, six = (found(floats, system, way, workers=names) for names in (["card0"], [f"card{n}" for n in range(6)]))
    assert six.shares[0].compute_s < 0.75 * one.shares[0].compute_s


def test_weights_are_divided_by_channels_and_copied_by_rows(resnet: Prepared) -> None:
    whole = resnet.complexity.weight_bytes
    assert shard(resnet, 4, "channels").prepared.complexity.weight_bytes == pytest.approx(whole / 4, rel=0.01)
    assert shard(resnet, 4, "rows").prepared.complexity.weight_bytes == whole


def test_cuts_by_hand(resnet: Prepared) -> None:
    system = load_system("glacier_point_v2")
    made = found(resnet, system, cuts=["n78", "n140"])
    assert [share.layers[0] for share in made.shares][1:] == ["n78", "n140"]
    best = found(resnet, system, workers=["card0", "card1", "card2"])
    assert best.interval_s <= made.interval_s
    for wrong in (["n140", "n78"], ["nowhere"], ["n0"], ["n78"] * 2):
        with pytest.raises(UsageError):
            run(resnet, system, cuts=wrong)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_balance_is_the_best_of_all_cuts(data: st.DataObject) -> None:
    layers, workers = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 3))
    floats = st.floats(0.01, 10)
    times = np.array(
        data.draw(st.lists(st.lists(floats, min_size=layers, max_size=layers), min_size=workers, max_size=workers))
    )
    sizes = np.array(data.draw(st.lists(st.integers(0, 20), min_size=layers, max_size=layers)), np.int64)
    cuts = np.array(data.draw(st.lists(st.integers(0, 20), min_size=layers, max_size=layers)), np.int64)
    capacities = data.draw(st.lists(st.sampled_from([10.0, 30.0, 1e9]), min_size=workers, max_size=workers))
    bandwidths = data.draw(st.lists(st.sampled_from([1.0, 10.0]), min_size=workers, max_size=workers))

    def slowest(ends: tuple[int, ...]) -> float:
        worst = 0.0
        for worker, (first, last) in enumerate(itertools.pairwise(ends)):
            if first == last:
                continue
            if sizes[first:last].sum() > capacities[worker]:
                return float("inf")
            sending = 0.0 if last == layers else cuts[last - 1] / bandwidths[worker]
            worst = max(worst, times[worker, first:last].sum(), sending)
        return worst

    options = [
        (0, *middle, layers) for middle in itertools.combinations_with_replacement(range(layers + 1), workers - 1)
    ]
    least = min(slowest(ends) for ends in options)
    stages = balance(times, sizes, cuts / np.array(bandwidths)[:, None], capacities)
    if np.isinf(least):
        assert isinstance(stages, Infeasible)
        return
    assert not isinstance(stages, Infeasible)
    ends, position = [0], 0
    for worker in range(workers):
        stage = next((stage for stage in stages if stage.worker == worker), None)
        if stage is not None:
            assert stage.first == position
            position = stage.last
        ends.append(position)
    assert position == layers
    assert slowest(tuple(ends)) == pytest.approx(least)


def test_what_crosses_a_cut_is_what_is_read_behind_it() -> None:
    built = (
        hwsim.Network.builder("c").input("x", (1, 16)).dense(32, name="a").dense(8, name="b").dense(4, name="c").build()
    )
    assert list(cut_bytes(hwsim.prepare(built))) == [32 * 4, 8 * 4, 4 * 4]


def test_collectives_by_hand() -> None:
    link = Link(1e9, 1e-6)
    assert all_gather_s(4e6, 4, link) == pytest.approx(3 * (1e-6 + 1e-3))
    assert all_reduce_s(4e6, 4, link) == pytest.approx(6 * (1e-6 + 1e-3))
    assert all_reduce_s(4e6, 1, link) == 0


@pytest.mark.parametrize("way", ["pipeline", "channels", "data"])
def test_a_link_that_waits_for_each_message_loses_throughput_to_latency(way: str, tmp_path: Path) -> None:
    """By hand: messages times latency, on top of what the bytes take."""
    layered = hwsim.Network.builder("n").input("x", (1, 64)).dense(64, name="a").dense(64, name="b").build()
    prepared = hwsim.prepare(layered, bits="w8a8")
    made = []
    for extra in ("", ", stop_and_wait: true"):
        path = tmp_path / "system.yaml"
        path.write_text(GOOD.replace("latency_us: 1}", f"latency_us: 1000{extra}}}"))
        cuts = ["b"] if way == "pipeline" else []
        made.append(found(prepared, load_system(path), way=way, cuts=cuts))
    follows, waits = made
    assert waits.latency_s == follows.latency_s
    # divided layers wait for their exchanges, latency and all, whatever the link does
    assert waits.throughput_per_s < follows.throughput_per_s or way == "channels"
    # channels: what both layers give is gathered, and the host's input and output go to and from the first card
    messages = {"bus->card0": 1, "card0->bus": 1, "bus->card1": 1, "card1->bus": 1}
    if way == "channels":
        messages = {"bus->card0": 3, "card0->bus": 3, "bus->card1": 2, "card1->bus": 2}
    for name, seconds in follows.links.items():
        assert waits.links[name] - seconds == pytest.approx(messages.get(name, 0) * 1e-3)


def test_what_does_not_fit_is_said() -> None:
    big = hwsim.Network.builder("big").input("x", (1, 1 << 17)).dense(1 << 18, bias=False).build()
    made = run(hwsim.prepare(big, bits="w8a8"), single(DEVICE))
    assert isinstance(made, Infeasible)
    assert made.need > made.have


GOOD = """\
name: two
kind: system
sources: {me: mine}
default_source: me
devices:
  - {name: card, profile: nnp_i_1100, count: 2}
  - {name: cpu, profile: generic_x86_server_core}
host: cpu
links:
  - {between: [cpu, bus], bandwidth_gb_per_s: 10}
  - {between: [card, bus], bandwidth_gb_per_s: 4, latency_us: 1}
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("nnp_i_1100", "nnp_i_1200", r":6: devices.0.profile: nnp_i_1200: no such device \(did you mean nnp_i_1100"),
        ("host: cpu", "host: cpx", r":8: host: cpx is no device of this system \(did you mean cpu"),
        ("[card, bus]", "[card, buz]", r"no link leads from card0 to"),
        ("gb_per_s: 10", "gb_per_s: -1", r":10: .*above 0"),
        ("gb_per_s: 10", "mb_per_s: 10", r":10: .*(unknown key|missing)"),
        ("name: cpu", "name: card0", r"there already"),
        ("default_source: me\n", "", r"a number without a source"),
        ("count: 2", "count: 2.5", r"whole number"),
        ("count: 2", "count: 100000", r"more than 4096"),
        ("kind: system", "kind: gpu", r":2: kind: must be 'system'"),
        ("[cpu, bus]", "[cpu, cpu]", r"linked to itself"),
        ("name: two", "name: [", r"not valid YAML"),
    ],
)
def test_faults_in_systems_are_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "system.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_system(path).workers == ("card0", "card1")
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ProfileError, match=said):
        load_system(path)


def test_shipped_systems_load() -> None:
    assert {"glacier_point_v2", "four_a100_nvlink"} <= set(available_systems())
    for name in available_systems():
        system = load_system(name)
        assert system.description
    with pytest.raises(ProfileError, match="did you mean glacier_point_v2"):
        load_system("glacier_point")
