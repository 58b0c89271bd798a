"""One network on one device, on a page."""

from hwsim.estimation.prepare import Prepared, prepare
from hwsim.estimation.records import Estimate, LayerEstimate, Totals, Traffic
from hwsim.estimation.run import estimate
from hwsim.estimation.rungs import RUNGS

__all__ = ["RUNGS", "Estimate", "LayerEstimate", "Prepared", "Totals", "Traffic", "estimate", "prepare"]
