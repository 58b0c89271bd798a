"""Cycles of a CPU's kernels against a walk of the library's loops."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.cost.cpu import core_of, cycles, form_of, pool_cycles
from hwsim.device import load
from hwsim.workload import LoopNest
from tests.oracles.cpu_kernels import multiplied, walked

CORE = core_of(load("generic_x86_server_core"))


@st.composite
def convolutions(draw: st.DrawFn) -> LoopNest:
    """Convolutions of every form that has a blocked kernel."""
    taps = draw(st.sampled_from([1, 2, 3, 5]))
    stride, dilation = draw(st.sampled_from([1, 2])), draw(st.sampled_from([1, 1, 2]))
    height, width = draw(st.integers(2, 15)), draw(st.integers(2, 19))
    pad = draw(st.integers(0, taps // 2))
    reach = (taps - 1) * dilation + 1
    q, p = (height + 2 * pad - reach) // stride + 1, (width + 2 * pad - reach) // stride + 1
    kind = draw(st.sampled_from(["depthwise", "grouped", "first", "whole"]))
    g, k, c = {
        "depthwise": (4 * draw(st.integers(1, 12)), 1, 1),
        "grouped": (2, 16 * draw(st.integers(1, 5)), 16),
        "first": (1, draw(st.integers(1, 100)), draw(st.integers(1, 4))),
        "whole": (1, draw(st.integers(1, 150)), 4 * draw(st.integers(4, 70))),
    }[kind]
    sizes = {"n": draw(st.integers(1, 2)), "g": g, "k": k, "c": c, "q": max(1, q), "p": max(1, p), "s": taps, "r": taps}
    return LoopNest(
        **sizes, stride_h=stride, stride_w=stride, dilation_h=dilation, dilation_w=dilation,
        height=max(height, reach - 2 * pad), width=max(width, reach - 2 * pad), pad_top=pad, pad_left=pad,
    )  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(convolutions())
def test_cycles_are_those_of_a_walk_through_the_loops(nest: LoopNest) -> None:
    form = form_of(nest, CORE)
    if form in ("product", "gathered"):
        return
    found = cycles(nest, replace(CORE, near=1e9))
    steps, tiles, results = walked(nest, CORE, form)
    assert found.steps == pytest.approx(steps)
    assert (found.tiles, found.results) == (tiles, results)
    assert found.beyond == 0
    assert cycles(nest, replace(CORE, near=0.0, next_rate=8.0)).beyond >= 0


@settings(deadline=None, max_examples=60)
@given(convolutions())
def test_cycles_of_pools_are_those_of_a_walk_without_weights(nest: LoopNest) -> None:
    windows = replace(nest, g=nest.g * nest.k, k=1, c=1)
    found = pool_cycles(windows, CORE)
    steps, tiles, results = walked(windows, CORE, "pool")
    assert found.steps == pytest.approx(steps)
    assert (found.tiles, found.results) == (tiles, results)


def test_a_pool_by_hand() -> None:
    """A row of 14, padded on either side: 12 whole windows in two tiles, two alone that see six taps of nine (four in the corners)."""
    nest = LoopNest(g=32, q=14, p=14, s=3, r=3, height=14, width=14, pad_top=1, pad_left=1)
    found = pool_cycles(nest, CORE)
    inside, edge = 2 * 9 * 6 / 2 + 2 * 6 / 2, 2 * 6 * 6 / 2 + 2 * 4 / 2
    assert found.steps == 2 * (12 * inside + 2 * edge)
    assert (found.tiles, found.results) == (2 * 14 * 4, 2 * 14 * 14)


def random_nest(form: str, pick: random.Random) -> LoopNest:
    """A convolution that runs in one form, its height unlike its width in everything."""
    taps = [1, 1] if form == "pointwise" else [pick.choice((1, 2, 3, 5)), pick.choice((2, 3))]
    axes = {}
    for (size, tap, name, pad), many in zip(
        (("q", "s", "height", "top"), ("p", "r", "width", "left")), taps, strict=True
    ):
        axis = name[0]
        stride, dilation = pick.choice((1, 1, 2, 3)), pick.choice((1, 2))
        before, inside = (0 if form == "pointwise" else pick.randint(0, many // 2)), pick.randint(9, 25)
        outputs = (inside + 2 * before - (many - 1) * dilation - 1) // stride + 1
        axes |= {size: max(2, outputs), tap: many, f"stride_{axis}": stride, f"dilation_{axis}": dilation, name: inside}
        axes[f"pad_{pad}"] = before
    channels = {
        "pointwise": {"k": pick.randint(1, 150), "c": pick.choice((20, 64, 140, 260))},
        "direct": {"k": pick.randint(1, 150), "c": pick.choice((20, 64, 140))},
        "grouped": {"g": 3, "k": CORE.lanes * pick.randint(1, 5), "c": CORE.lanes * pick.randint(1, 2)},
        "first": {"k": pick.randint(1, 100), "c": pick.randint(1, CORE.lanes - 1)},
        "depthwise": {"g": 4 * pick.randint(1, 20)},
        "gathered": pick.choice(({"k": 7, "c": 4 * CORE.lanes + 2}, {"g": 58}, {"g": 3, "k": 5, "c": 7})),
    }[form]
    return LoopNest(**axes, **channels, n=pick.choice((1, 2)), repeat=pick.choice((1, 3)))  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["pointwise", "direct", "grouped", "first", "depthwise"])
def test_every_form_is_walked(form: str) -> None:
    """Weights that the inner cache does not hold come at the next one's rate, those of a 1x1 convolution one pass at a time."""
    pick = random.Random(form)
    for _ in range(25):
        nest = random_nest(form, pick)
        name = form_of(nest, CORE)
        assert name == ("direct" if form == "grouped" else form)
        core = replace(
            CORE, near=float(pick.choice((0, 3000, 50_000))), next_rate=pick.choice((None, 8.0, 40.0, 200.0))
        )
        found = cycles(nest, core)
        steps, tiles, results = walked(nest, core, name)
        assert found.steps == pytest.approx(steps) and (found.tiles, found.results) == (tiles, results)
        assert found.steps + found.beyond == pytest.approx(walked(nest, core, name, near=False)[0])
        assert (found.calls, found.gathered, found.packed) == (0, 0, 0)


def test_products_are_walked() -> None:
    pick = random.Random(0)
    for rows in (1, 2, 3, 5, 11, 12, 13, 23, 100):
        for _ in range(8):
            columns, reduction = pick.randint(1, 200), pick.randint(1, 400)
            one = multiplied(rows, columns, reduction, CORE)
            assert cycles(LoopNest(p=rows, k=columns, c=reduction), CORE).steps == pytest.approx(one)
            groups = LoopNest(p=rows, k=columns, c=reduction, g=2, repeat=3, weight_role="activation")
            found = cycles(groups, CORE) if reduction > 1 else None
            if found is not None:  # each head's matrix is laid out, and its product called
                assert found.steps == pytest.approx(6 * one)
                assert (found.calls, found.packed) == (6, 6 * columns * reduction)
            images = LoopNest(n=rows, k=columns, c=reduction, repeat=3)
            assert cycles(images, CORE).steps == pytest.approx(3 * one)
            assert (cycles(images, CORE).calls, cycles(images, CORE).packed) == (0, 0)


def test_gathered_windows_are_products() -> None:
    """A product an image, group and repeat: filters by windows, whose elements are copied into columns where they are not there already."""
    pick = random.Random(1)
    for _ in range(40):
        nest = random_nest("gathered", pick)
        assert form_of(nest, CORE) == "gathered"
        found = cycles(nest, CORE)
        products, outputs, reduction = nest.n * nest.g * nest.repeat, nest.q * nest.p, nest.c * nest.s * nest.r
        assert found.steps == pytest.approx(products * multiplied(nest.k, outputs, reduction, CORE))
        vectors, passes = math.ceil(outputs / CORE.lanes), math.ceil(reduction / CORE.kernels.reduction)
        assert found.results == products * nest.k * vectors * passes
        assert (found.calls, found.tiles, found.beyond) == (products, 0, 0)
        assert found.packed == found.gathered == products * reduction * outputs
    still = LoopNest(k=7, c=66, q=3, p=5)
    for stride_h, stride_w in ((1, 1), (2, 1), (1, 2)):
        found = cycles(replace(still, stride_h=stride_h, stride_w=stride_w), CORE)
        assert found.gathered == (0 if stride_h == stride_w == 1 else 66 * 15) and found.packed == 66 * 15


def test_a_core_is_what_its_profile_says() -> None:
    device = load("generic_x86_server_core")
    first, second = [memory for memory in device.memories if memory.type == "cache"][:2]
    assert (CORE.lanes, CORE.pipes, CORE.near) == (device.array.x, device.array.y, first.capacity)
    rate = second.shared_bandwidth or second.read_bandwidth
    assert rate and CORE.next_rate == pytest.approx(rate / device.clock_hz)
    both = replace(second, shared_bandwidth=None, read_bandwidth=5e9)
    told = core_of(replace(device, memories=(first, both)))
    assert told.next_rate == pytest.approx(5e9 / device.clock_hz)
    assert core_of(replace(device, memories=(first,))).next_rate is None
    assert core_of(replace(device, memories=())).near == 0


def test_forms_go_by_the_channels() -> None:
    forms = {
        "first": LoopNest(k=64, c=3, q=8, p=8, s=3, r=3),
        "direct": LoopNest(k=64, c=64, q=8, p=8, s=3, r=3),
        "pointwise": LoopNest(k=64, c=64, q=8, p=8),
        "depthwise": LoopNest(g=116, q=8, p=8, s=3, r=3),
        "gathered": LoopNest(g=58, q=8, p=8, s=3, r=3),
        "product": LoopNest(k=64, c=64, p=8),
    }
    assert {name: form_of(nest, CORE) for name, nest in forms.items()} == {name: name for name in forms}
    assert form_of(LoopNest(k=58, c=58, q=8, p=8), CORE) == "gathered"
    assert form_of(LoopNest(g=4, k=34, c=34, q=8, p=8), CORE) == "gathered"
    assert form_of(LoopNest(k=64, c=64, q=8, p=8, pad_top=1), CORE) == "direct"
    # 20 channels are five blocks of four, but no whole vectors, which groups need
    assert form_of(LoopNest(k=64, c=20, q=8, p=8, s=3, r=3), CORE) == "direct"
    assert form_of(LoopNest(g=2, k=64, c=20, q=8, p=8, s=3, r=3), CORE) == "gathered"
    assert form_of(LoopNest(g=2, k=64, c=64, q=8, p=8, s=3, r=3), CORE) == "direct"
    # of groups with a channel each there is nothing to sum up; of groups with two there is
    assert form_of(LoopNest(g=2, k=4, c=2, p=8), CORE) == "product"
    assert form_of(LoopNest(g=2, k=4, c=1, p=8), CORE) == "gathered"
    assert form_of(LoopNest(k=4, c=1, p=8), CORE) == "product"
    assert form_of(LoopNest(k=4, c=1, q=2, p=8), CORE) == form_of(LoopNest(k=4, c=15, q=2, p=8), CORE) == "first"
    assert form_of(LoopNest(k=4, c=16, q=2, p=8), CORE) == "pointwise"


def test_a_large_product_runs_at_the_peak_and_a_row_at_the_loads() -> None:
    nest = LoopNest(k=384, c=512, p=120)
    peak = nest.macs / (CORE.lanes * CORE.pipes)
    assert cycles(nest, CORE).steps == pytest.approx(peak)
    row = LoopNest(k=512, c=512)
    assert cycles(row, CORE).steps == 512 * 512 / CORE.lanes / CORE.kernels.loads_per_cycle
    assert cycles(LoopNest(k=384, c=512, p=121), CORE).steps > peak * 121 / 120
    # four rows of one vector: five loads in two cycles and a half, but a sum is ready after four; seven instructions a step
    thin = cycles(LoopNest(k=16, c=1000, p=4), CORE)
    assert thin.steps == pytest.approx((1000 - CORE.kernels.window / 7) * 4)
    batched = cycles(LoopNest(g=8, k=64, c=64, p=64, weight_role="activation"), CORE)
    assert (batched.calls, batched.packed) == (8, 8 * 64 * 64)
    unaligned = cycles(LoopNest(g=58, q=8, p=8, s=3, r=3), CORE)
    assert (unaligned.calls, unaligned.gathered) == (58, 58 * 9 * 64)


def test_weights_that_the_inner_cache_does_not_hold_come_slower() -> None:
    near, far = LoopNest(k=64, c=64, q=13, p=13, s=3, r=3), LoopNest(k=64, c=64, q=13, p=13, s=5, r=5)
    assert cycles(near, replace(CORE, near=48 * 1024)).beyond == 0
    assert cycles(far, replace(CORE, near=48 * 1024, next_rate=32.0)).beyond > 0
    assert cycles(far, replace(CORE, near=48 * 1024, next_rate=None)).beyond == 0
