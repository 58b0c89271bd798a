"""Supply voltage and clock at one node: dynamic energy by the square law, delay by the alpha-power law [1]_.

.. [1] T. Sakurai, A. R. Newton, "Alpha-power law MOSFET model and its applications to CMOS inverter delay and other formulas,"
   IEEE JSSC 25(2), 1990, doi:10.1109/4.52187.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwsim.device.technology.scaling import Variant, factor, nominal_voltage
from hwsim.errors import UsageError

_SAMPLES = 61


@dataclass(frozen=True, slots=True)
class AlphaPower:
    """delay ∝ V / (V − threshold_v)^alpha. error : largest relative deviation from what it was fitted to, 0 for given constants [1]."""

    threshold_v: float
    alpha: float
    error: float = 0.0

    def delay(self, voltage_v: float, reference_v: float) -> float:
        """Delay at a supply over that at the reference supply [1]; raises UsageError at or below the threshold."""
        for volts in (voltage_v, reference_v):
            if not volts > self.threshold_v:
                raise UsageError(
                    f"supply of {volts:g} V: not above the threshold of {self.threshold_v:g} V, nothing switches"
                )
        strength = (reference_v - self.threshold_v) / (voltage_v - self.threshold_v)
        return voltage_v / reference_v * float(strength**self.alpha)


def dynamic_energy_scale(voltage_v: float, reference_v: float) -> float:
    """Dynamic energy at a supply over that at the reference supply [1]: (V / V0)²."""
    if not (voltage_v > 0 and reference_v > 0):
        raise UsageError(f"supplies of {voltage_v:g} and {reference_v:g} V: both must be above 0")
    return (voltage_v / reference_v) ** 2


def clock_at(clock_hz: float, voltage_v: float, reference_v: float, law: AlphaPower) -> float:
    """Clock that a circuit reaching ``clock_hz`` at the reference supply reaches at another one [Hz]."""
    return clock_hz / law.delay(voltage_v, reference_v)


@lru_cache(maxsize=64)
def alpha_power(node_nm: float, variant: Variant = "HP") -> AlphaPower:
    """Alpha-power law of a node, fitted to its published delay polynomial from 60 % of the nominal supply up to it.

    The threshold is searched in steps of 5 mV below the lowest supply; alpha then follows by least squares in log space.
    """
    nominal = nominal_voltage(node_nm)
    volts = np.linspace(0.6 * nominal, nominal, _SAMPLES)
    delays = np.array([factor("delay", node_nm, float(volt), variant) for volt in volts])
    target = np.log(delays / delays[-1]) - np.log(volts / nominal)
    best = AlphaPower(0.0, 1.0, np.inf)
    for threshold in np.arange(0.05, volts[0] - 0.02, 0.005):
        drive = np.log((nominal - threshold) / (volts - threshold))
        alpha = float(drive @ target / (drive @ drive))
        error = float(np.max(np.abs(np.exp(alpha * drive - target) - 1)))
        if alpha > 0 and error < best.error:
            best = AlphaPower(float(threshold), alpha, error)
    return best
