"""What constants of a profile a fit may move, how far, and how much it takes to move them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from hwsim import load_device
from hwsim.device import Device
from hwsim.validation.constants import (
    Constant,
    bandwidth_of,
    class_efficiency_of,
    efficiency_of,
    entry_name,
    of_key,
    operand_bandwidth_of,
    overhead_of,
    overrides,
    vector_rate_of,
)
from hwsim.validation.fitting import Problem, Row, solve
from hwsim.validation.terms import ADDED, Part, Terms

DEVICE = load_device("cortex_a72")
(FLOAT,) = (item for item in DEVICE.precisions if item.input == item.weight == "float32")
EFFICIENCY = "compute.precisions.float32.efficiency"


def known(quality: str | None) -> Device:
    """The device, its attained share of the peak known so well."""
    device = replace(DEVICE, qualities={EFFICIENCY: quality} if quality else {})
    return replace(device, precisions=tuple(replace(item, efficiency=0.5) for item in device.precisions))


def pulled(constant: Constant) -> float:
    """How far one row that is 5 % slower moves a constant, as a share of that [1]."""
    rows = [Row(0, (0,), 1.05 / constant.value)]
    problem = Problem([Terms(("a",), (Part(constant, ADDED, np.ones(1)),))], rows, [constant])
    moved = solve(problem, problem.sheet)[0] - problem.sheet[0]
    return -float(moved) / math.log(1.05)


def test_the_less_is_known_of_a_number_the_further_a_row_moves_it() -> None:
    qualities = ("measured", "datasheet", "paper", "vendor", "secondary", "fitted")
    precision = known(None).precisions[0]
    shares = {quality: pulled(efficiency_of(known(quality), precision)) for quality in qualities}
    guessed = pulled(efficiency_of(known(None), precision))
    assert 0 < shares["measured"] < shares["datasheet"] == shares["paper"]
    assert shares["paper"] < shares["vendor"] == shares["secondary"] < shares["fitted"] == guessed < 1
    given = replace(known(None), quantities={EFFICIENCY: (0.5, "1", "")})  # of a number without a word
    assert pulled(efficiency_of(given, precision)) == shares["vendor"]


def test_what_a_profile_leaves_out_is_drawn_to_what_holds_for_all() -> None:
    """A class of work's share of the peak to that of all work, an operand's of a bandwidth to that of all operands."""
    bare = replace(FLOAT, efficiency=0.6, by_class=())
    found = class_efficiency_of(DEVICE, bare, "depthwise")
    assert (found.path, found.value) == ("compute.precisions.float32.by_class.depthwise", 0.6)
    assert found.parent == efficiency_of(DEVICE, bare).path == EFFICIENCY
    given = class_efficiency_of(DEVICE, replace(bare, by_class=(("depthwise", 0.2),)), "depthwise")
    assert (given.value, given.parent) == (0.2, "")
    dram = next(memory for memory in DEVICE.memories if memory.name == "dram")
    operand = operand_bandwidth_of(DEVICE, "dram", "weight")
    assert (operand.path, operand.value) == ("memory.dram.by_operand.weight", dram.efficiency)
    assert operand.parent == bandwidth_of(DEVICE, "dram").path == "memory.dram.efficiency"
    told = replace(DEVICE, memories=(replace(dram, by_operand=(("input", 0.1), ("weight", 0.3))),))
    operand = operand_bandwidth_of(told, "dram", "weight")
    assert (operand.value, operand.parent) == (0.3, "")
    assert 1 < found.doubt == operand_bandwidth_of(DEVICE, "dram", "output").doubt <= 4


@pytest.mark.parametrize("name", ["cortex_a72", "t4", "generic_x86_server_core", "tpu_v1"])
def test_bounds_are_physical(name: str) -> None:
    """Shares lie between a thousandth and all of a peak; a vector unit does an operation a PE and cycle at most, or what is said of it;
    overheads are no less than nothing, of the profile's value."""
    device = load_device(name)
    shares = [efficiency_of(device, precision) for precision in device.precisions]
    shares += [bandwidth_of(device, memory.name) for memory in device.memories]
    shares += [class_efficiency_of(device, precision, "window") for precision in device.precisions]
    for share in shares:
        assert (share.kind, share.least, share.most) == ("rate", 1e-3, 1.0)
        assert share.least <= share.value <= share.most
    if device.vector is not None:
        for function in ("", "exp", "add", *device.vector.by_function):
            rate = vector_rate_of(device, function)
            assert rate.least == pytest.approx(1e-3 * rate.value)
            ops = device.vector.by_function.get(function, device.vector.ops_per_s)
            assert rate.value * device.clock_hz == pytest.approx(ops)
            assert rate.most == max(rate.value, device.vector.ops_per_s / device.clock_hz, device.array.pes)
            assert rate.path == ("compute.vector." + (f"by_function.{function}" if function else "ops_per_cycle"))
    for each, seconds in (("kernel", device.overheads.kernel_s), ("inference", device.overheads.inference_s)):
        overhead = overhead_of(device, each)  # type: ignore[arg-type]
        assert (overhead.kind, overhead.least, overhead.most) == ("time", 0.0, math.inf)
        assert overhead.value == pytest.approx(seconds * 1e6)
        assert overhead.doubt == 1.0


@pytest.mark.parametrize("name", ["cortex_a72", "t4"])
def test_constants_are_the_keys_that_a_profile_takes(name: str) -> None:
    device = load_device(name)
    wanted = [(efficiency_of(device, item), 0.25) for item in device.precisions]
    wanted += [(bandwidth_of(device, "dram"), 0.125), (overhead_of(device, "kernel"), 3.0)]
    wanted.append((vector_rate_of(device), 0.5))
    mine = load_device(name, overrides(wanted))
    assert {item.efficiency for item in mine.precisions} == {0.25}
    assert next(memory.efficiency for memory in mine.memories if memory.name == "dram") == 0.125
    assert mine.overheads.kernel_s == pytest.approx(3e-6)
    assert mine.vector is not None and mine.vector.ops_per_s == pytest.approx(0.5 * mine.clock_hz)


def test_a_precision_is_called_by_both_its_types_where_they_differ() -> None:
    assert entry_name(FLOAT) == "float32"
    assert entry_name(replace(FLOAT, weight="int4")) == "float32_int4"


@pytest.mark.parametrize("given", [False, True])
def test_bounds_of_shares_whoever_gives_them(given: bool) -> None:
    """Between a thousandth and all; what the profile gives is doubted as it is known, what it does not by a factor of two."""
    bare = replace(FLOAT, efficiency=0.6, by_class=(("gemv", 0.2),) if given else ())
    share = class_efficiency_of(DEVICE, bare, "gemv")
    dram = next(memory for memory in DEVICE.memories if memory.name == "dram")
    told = replace(DEVICE, memories=(dram, replace(dram, name="other", by_operand=(("weight", 0.3),) if given else ())))
    operand = operand_bandwidth_of(told, "other", "weight")
    for found in (share, operand):
        assert (found.kind, found.least, found.most, found.doubt) == ("rate", 1e-3, 1.0, 4.0 if given else 2.0)
        assert (found.parent == "") == given
    known_ = replace(told, qualities={operand.path: "measured", share.path: "vendor"})
    assert operand_bandwidth_of(known_, "other", "weight").doubt == (1.2 if given else 2.0)
    assert class_efficiency_of(known_, bare, "gemv").doubt == 2.0
    assert (
        bandwidth_of(told, "other").path == "memory.other.efficiency"
        and bandwidth_of(known_, "dram").value == dram.efficiency
    )


def test_doubts_by_how_well_a_number_is_known() -> None:
    doubts = {
        "measured": 1.2,
        "datasheet": 1.5,
        "paper": 1.5,
        "vendor": 2.0,
        "secondary": 2.0,
        "fitted": 4.0,
        "estimated": 4.0,
        None: 4.0,
    }
    for quality, doubt in doubts.items():
        device = known(quality)
        found = efficiency_of(device, device.precisions[0])
        assert found == Constant(EFFICIENCY, "rate", 0.5, 1e-3, 1.0, doubt, "")
    quantities = {EFFICIENCY: (0.5, "1", "")}
    assert efficiency_of(replace(known(None), quantities=quantities), FLOAT).doubt == 2.0
    assert efficiency_of(replace(known("measured"), quantities=quantities), FLOAT).doubt == 1.2
    rate = vector_rate_of(replace(DEVICE, qualities={"compute.vector.ops_per_cycle": "paper"}))
    assert rate.doubt == 1.5 and rate.kind == "rate"


def test_summands_of_a_core_and_their_constants() -> None:
    core = load_device(
        "generic_x86_server_core", ["memory.l2.product_start_us=80", "overheads.per_kernel_us=3", "kernels.call_us=0.5"]
    )
    assert core.kernels is not None
    times = {
        "kernel": ("overheads.per_kernel_us", 3.0), "tile": ("kernels.tile_cycles", core.kernels.tile_cycles),
        "result": ("kernels.result_cycles", core.kernels.result_cycles), "call": ("kernels.call_us", 0.5),
        "run": ("kernels.run_cycles", core.kernels.run_cycles),
    }  # fmt: skip
    for name, (path, value) in times.items():
        constant, common = of_key(("time", name, "", ""), core)
        assert common is None and constant == Constant(path, "time", pytest.approx(value), 0.0, math.inf, 1.0)  # type: ignore[arg-type]
    start, common = of_key(("start", "l2", "product", ""), core)
    assert common is None and start == Constant(
        "memory.l2.product_start_us", "time", pytest.approx(80.0), 0.0, pytest.approx(80.0), 1.0
    )  # type: ignore[arg-type]
    assert of_key(("start", "l2", "kernel", ""), core)[0].most == 50.0
    (single,) = (item for item in core.precisions if item.input == item.weight == "float32")
    assert of_key(("efficiency", "float32", "float32", "gemv"), core) == (
        class_efficiency_of(core, single, "gemv"),
        efficiency_of(core, single),
    )
    assert of_key(("function", "exp", "", ""), core) == (vector_rate_of(core, "exp"), vector_rate_of(core))
    assert of_key(("bandwidth", "l2", "weight", ""), core) == (
        operand_bandwidth_of(core, "l2", "weight"),
        bandwidth_of(core, "l2"),
    )


def test_assignments_have_nine_digits() -> None:
    assert overrides([(Constant("a.b", "rate", 0.5, 0.0, 1.0, 1.0), 1 / 3), (Constant("c", "time", 0.0, 0.0, 1.0, 1.0), 2.0)]) == (
        "a.b=0.333333333", "c=2",
    )  # fmt: skip
