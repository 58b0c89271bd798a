"""Controllers, clock, wiring and unfilled space: one fraction of the modelled area for all chips."""

from __future__ import annotations

from hwsim.device.technology.record import Estimated
from hwsim.device.technology.tables import table


def overhead_fraction(family: str) -> Estimated:
    """Area of everything that is not modelled over that of everything that is [1], with the range that single cores show.

    One for all chips in each family of tables; how it was found stands with the number.
    """
    sheet = table("overhead")
    fraction, low, high = sheet["fractions"][family]
    return Estimated(fraction, "1", sheet["source"].strip(), sheet["quality"], low=low, high=high)
