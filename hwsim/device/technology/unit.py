"""The MACs of one PE of a profile: parallel multipliers, or units that take one operand a bit a cycle."""

from __future__ import annotations

from dataclasses import replace

from hwsim.device.records import Precision
from hwsim.device.technology.arithmetic import bit_serial_mac, mac
from hwsim.device.technology.formats import number_format
from hwsim.device.technology.record import FAMILIES, Circuit, Estimated, Technology


def mac_unit(technology: Technology, precision: Precision) -> Circuit:
    """What one PE does its MACs of a precision with. energy : of one MAC [J]; area [m²] and leakage [W] of all that work at a time.

    A bit-serial unit has a lane for every bit that it takes in a cycle. Raises UsageError for types that no table describes.
    """
    many = precision.macs_per_pe_per_cycle
    if not precision.serial:
        one = mac(technology, precision.input, precision.weight, precision.accumulate)
        return Circuit(one.energy, one.area.times(many), one.leakage.times(many))
    serial, parallel = precision.weight, precision.input
    if precision.serial == "input":
        serial, parallel = parallel, serial
    bits = number_format(serial).bits
    accumulate = number_format(precision.accumulate).bits
    return bit_serial_mac(technology, number_format(parallel).bits, bits, accumulate, max(1.0, many * bits))


def mac_energies(technology: Technology, precision: Precision) -> dict[str, Estimated]:
    """Energy of one MAC in every family that has energies [J], by family, at the node and supply of ``technology``."""
    circuits = {
        family: mac_unit(replace(technology, family=family), precision) for family in FAMILIES if family != "hcm"
    }
    return {family: circuit.energy for family, circuit in circuits.items() if circuit.energy is not None}
