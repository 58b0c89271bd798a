"""Cycles of a CPU's kernels against a walk of the library's loops."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.cost.cpu import core_of, cycles, form_of
from hwsim.device import load
from hwsim.workload import LoopNest
from tests.oracles.cpu_kernels import walked

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
