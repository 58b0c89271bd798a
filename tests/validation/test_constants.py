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
