"""Arithmetic: energy, area and leakage of adders, multipliers and multiply-accumulate units by data type and family.

An operation is a curve through the points of its table: over bits for integers, over significand bits for floats, whose
exponent logic is not told apart. A product of unlike operands stands at the geometric mean of their widths. Horowitz's integers are
tabulated from 8 to 32 bits; Aladdin characterizes 32 bits alone and scales multipliers with the square and adders with the width.
"""

from __future__ import annotations

import math

from hwsim.device.technology.families import leakage_of, operation
from hwsim.device.technology.formats import NumberFormat, number_format
from hwsim.device.technology.hcm import pe_area
from hwsim.device.technology.record import Circuit, Technology
from hwsim.device.technology.scaling import area_scale
from hwsim.device.technology.tables import table
from hwsim.errors import UsageError

#: Elements that share one exponent in a block format (OCP Microscaling Formats specification 1.0), and its bits.
BLOCK_ELEMENTS, BLOCK_EXPONENT_BITS = 32, 8


def adder(technology: Technology, dtype: str) -> Circuit:
    """One adder of a data type."""
    form = number_format(dtype)
    return operation(technology, "float_add" if form.kind == "float" else "int_add", form.significand)


def multiplier(technology: Technology, first: str, second: str = "") -> Circuit:
    """One multiplier of two data types, ``second`` is as ``first`` if left out. A float and an integer multiply as floats."""
    one, two = number_format(first), number_format(second or first)
    name = "float_multiply" if "float" in {one.kind, two.kind} else "int_multiply"
    return operation(technology, name, math.sqrt(one.significand * two.significand))


def mac(technology: Technology, first: str, second: str = "", accumulate: str = "") -> Circuit:
    """One multiply-accumulate unit: a multiplier and an adder of the accumulator's type.

    accumulate : by default as wide as the product of integers, the wider of two floats. Block formats multiply and add as integers
    inside a block; once in BLOCK_ELEMENTS their shared exponents are added and the sum goes to a float32. Of the ``hcm``
    family: one ninth of a 3×3 processing element, whatever the accumulator. Raises UsageError for types that nothing is known about.
    """
    one, two = number_format(first), number_format(second or first)
    if technology.family == "hcm":
        return _hcm_mac(technology, one, two)
    product = multiplier(technology, first, second)
    exact = f"int{min(64, one.bits + two.bits)}"
    if "float" in {one.kind, two.kind}:
        floats = [
            (form.significand, name) for form, name in ((one, first), (two, second or first)) if form.kind == "float"
        ]
        return product + adder(technology, accumulate or max(floats)[1])
    if "block" in {one.kind, two.kind}:
        shared = adder(technology, f"int{BLOCK_EXPONENT_BITS}") + adder(technology, "float32")
        return product + adder(technology, exact) + shared.times(1 / BLOCK_ELEMENTS)
    return product + adder(technology, accumulate or exact)


def bit_serial_mac(
    technology: Technology, parallel_bits: int, serial_bits: int, accumulate_bits: int = 0, lanes: float = 1
) -> Circuit:
    """A unit that takes one operand a bit a cycle: in each of its lanes gates for the bits of the other operand, a tree of adders over
    the lanes, and one accumulator with its adder and register.

    Its energy is of a whole product, ``serial_bits`` cycles of one lane; area and leakage are of all lanes. accumulate_bits : of the
    accumulator, by default the product's. lanes : products that are summed at a time [1].
    """
    bits = accumulate_bits or parallel_bits + serial_bits
    if min(parallel_bits, serial_bits) < 1 or bits > 64 or lanes < 1:
        raise UsageError(
            f"bit-serial product of {parallel_bits} by {serial_bits} bits in {lanes:g} lanes: give 1 or more of each, 64 bits at most"
        )
    step = operation(technology, "gate", parallel_bits).times(lanes) + adder(technology, f"int{bits}")
    if lanes > 1:
        partial = min(bits, parallel_bits + math.ceil(math.log2(lanes)))
        step = step + adder(technology, f"int{partial}").times(lanes - 1)
    step = step + register(technology, bits)
    assert step.energy is not None
    return Circuit(step.energy.times(serial_bits / lanes), step.area, step.leakage)


def register(technology: Technology, bits: int) -> Circuit:
    """A register of flip-flops, its energy that of one write or read of all its bits. Of Aladdin's tables in every family."""
    if bits < 1:
        raise UsageError(f"register of {bits} bits: give at least 1")
    return operation(technology, "register", 1).times(bits)


def _hcm_mac(technology: Technology, one: NumberFormat, two: NumberFormat) -> Circuit:
    if {one.kind, two.kind} != {"int"}:
        raise UsageError(
            "hcm describes integer processing elements: take horowitz or aladdin for floats and block formats"
        )
    width = math.sqrt(one.bits * two.bits)
    element = pe_area(width)
    if one.bits != two.bits:
        element = element.noted(f"{two.bits} by {one.bits} bits as {width:.3g} by {width:.3g}", extrapolated=True)
    area = element.times(1 / 9, "one multiplier of a 3x3 processing element")
    scale = area_scale(table("hcm")["node_nm"], technology.node_nm)
    return Circuit(None, area.times(scale), leakage_of(technology, "int_multiply", width))
