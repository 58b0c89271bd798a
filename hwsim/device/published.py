"""Figures of a device as a whole: its link to the host, and areas and powers as they are published."""

from __future__ import annotations

from hwsim.device.quantity import NonNegative, Number, Positive
from hwsim.device.section import Section


class Host(Section):
    """Link to the host."""

    link_gb_per_s: Positive | None = None
    link_gbit_per_s: Positive | None = None
    latency_us: NonNegative | None = None
    pj_per_byte: NonNegative | None = None
    pj_per_bit: NonNegative | None = None


class Area(Section):
    """Published areas, beside which estimates are placed."""

    core_mm2: Positive | None = None
    die_mm2: Positive | None = None
    logic_mm2: Positive | None = None
    memory_mm2: Positive | None = None
    pe_mm2: Positive | None = None


class Thermal(Section):
    """A cap on power by temperature: (max - ambient) / resistance."""

    ambient_c: Number
    max_c: Number
    resistance_c_per_w: Positive


class Power(Section):
    """Published power; static : leakage; idle : all that flows whenever the chip is on, clock tree included. cap, thermal : limits."""

    static_mw: NonNegative | None = None
    static_w: NonNegative | None = None
    tdp_mw: Positive | None = None
    tdp_w: Positive | None = None
    idle_mw: NonNegative | None = None
    idle_w: NonNegative | None = None
    peak_mw: Positive | None = None
    peak_w: Positive | None = None
    average_mw: Positive | None = None
    average_w: Positive | None = None
    cap_mw: Positive | None = None
    cap_w: Positive | None = None
    thermal: Thermal | None = None
