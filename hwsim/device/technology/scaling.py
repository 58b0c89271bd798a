"""From one node to another: area, delay, energy and power by Stillmaker & Baas [1]_.

Area is a published matrix of factors; delay, energy and power are published polynomials in the supply voltage, one per node. Both are
reproduced as they stand. Nodes between the published ones lie on straight lines in log-log space; below 7 nm the
last line goes on, and the result is marked as extrapolated.

.. [1] A. Stillmaker, B. Baas, "Scaling equations for the accurate prediction of CMOS device performance from 180 nm to 7 nm,"
   Integration 58 (2017) 74-81, doi:10.1016/j.vlsi.2017.02.002.
"""

from __future__ import annotations

import math
from typing import Literal

from hwsim.device.technology.record import Estimated, check_node
from hwsim.device.technology.tables import curve, table
from hwsim.errors import UsageError

Variant = Literal["HP", "LP"]
Metric = Literal["delay", "energy", "power"]


def nominal_voltage(node_nm: float) -> float:
    """Nominal supply of a node [V], of the predictive models behind the fits."""
    volts = table("scaling")["nominal_v"]
    return curve([float(node) for node in volts], list(volts.values())).at(node_nm)[0]


def area_scale(from_nm: float, to_nm: float) -> Estimated:
    """Factor on area from one node to another [1]: ``area_scale(65, 45)`` is 0.66, as published."""
    row, row_share = _cell(from_nm)
    column, column_share = _cell(to_nm)
    if (
        row == column
    ):  # inside one cell a node is on the line between its ends, so that no step costs nothing and back is forth
        step = column_share - row_share
        factor = _area(row, row + 1) ** step if step >= 0 else _area(row + 1, row) ** -step
    else:
        corners = (
            (row, column, (1 - row_share) * (1 - column_share)),
            (row, column + 1, (1 - row_share) * column_share),
            (row + 1, column, row_share * (1 - column_share)),
            (row + 1, column + 1, row_share * column_share),
        )
        factor = math.prod(_area(a, b) ** share for a, b, share in corners if share)
    return _scale(factor, from_nm, to_nm)


def delay_scale(
    from_nm: float, to_nm: float, from_v: float | None = None, to_v: float | None = None, variant: Variant = "HP"
) -> Estimated:
    """Factor on gate delay [1], each node at its voltage [V] (None: nominal); raises UsageError below the polynomials' range."""
    return _ratio("delay", from_nm, to_nm, from_v, to_v, variant)


def energy_scale(
    from_nm: float, to_nm: float, from_v: float | None = None, to_v: float | None = None, variant: Variant = "HP"
) -> Estimated:
    """Factor on dynamic energy [1], likewise."""
    return _ratio("energy", from_nm, to_nm, from_v, to_v, variant)


def power_scale(
    from_nm: float, to_nm: float, from_v: float | None = None, to_v: float | None = None, variant: Variant = "HP"
) -> Estimated:
    """Factor on power at full speed [1], likewise; the transcribed row of 180 nm is not used: raises UsageError."""
    return _ratio("power", from_nm, to_nm, from_v, to_v, variant)


def factor(metric: Metric, node_nm: float, voltage_v: float, variant: Variant = "HP") -> float:
    """Value of a node's polynomial at a voltage, in the paper's units; raises UsageError where it is not positive."""
    nodes = table("scaling")["nodes_nm"]
    index, share = _cell(node_nm)
    if share in {0.0, 1.0}:
        return _polynomial(metric, nodes[index + int(share)], voltage_v, variant)
    left = _polynomial(metric, nodes[index], voltage_v, variant)
    right = _polynomial(metric, nodes[index + 1], voltage_v, variant)
    return left * float((right / left) ** share)


def voltage_covered(node_nm: float, voltage_v: float) -> bool:
    """Whether the polynomials are meant to hold at this supply."""
    low, high = table("scaling")["voltage_range_v"]
    return bool(low <= voltage_v <= max(high, nominal_voltage(node_nm)))


def _ratio(
    metric: Metric, from_nm: float, to_nm: float, from_v: float | None, to_v: float | None, variant: Variant
) -> Estimated:
    source_v = nominal_voltage(from_nm) if from_v is None else from_v
    target_v = nominal_voltage(to_nm) if to_v is None else to_v
    value = factor(metric, to_nm, target_v, variant) / factor(metric, from_nm, source_v, variant)
    scale = _scale(value, from_nm, to_nm)
    for node, volts in ((from_nm, source_v), (to_nm, target_v)):
        if not voltage_covered(node, volts):
            scale = scale.noted(f"{volts:g} V is outside of the scaling equations at {node:g} nm", extrapolated=True)
    return scale


def _scale(value: float, from_nm: float, to_nm: float) -> Estimated:
    scaling = table("scaling")
    nodes = scaling["nodes_nm"]
    result = Estimated(value, "1", scaling["source"].strip(), scaling["quality"])
    if from_nm != to_nm:
        result = result.noted(f"scaled from {from_nm:g} to {to_nm:g} nm")
    for node in {from_nm, to_nm}:
        if node < nodes[-1]:
            result = result.noted(f"{node:g} nm is below the published nodes", extrapolated=True)
    return result


def _cell(node_nm: float) -> tuple[int, float]:
    """Index of the published node at or above, and how far it is to the next one in log space (above 1 below the last)."""
    check_node(node_nm)
    nodes = table("scaling")["nodes_nm"]
    index = max(0, min(len(nodes) - 2, sum(node >= node_nm for node in nodes) - 1))
    if node_nm == nodes[index + 1]:
        return index, 1.0
    return index, math.log(nodes[index] / node_nm) / math.log(nodes[index] / nodes[index + 1])


def _area(row: int, column: int) -> float:
    scaling = table("scaling")
    return float(scaling["area"][str(scaling["nodes_nm"][row])][column])


def _polynomial(metric: Metric, node: int, voltage_v: float, variant: Variant) -> float:
    scaling = table("scaling")
    if metric == "power" and node in scaling["without_power"]:
        raise UsageError(
            f"power at {node} nm: the published coefficients are not legible; scale energy and delay instead"
        )
    rows: dict[str, dict[str, list[float]]] = scaling["polynomials"]
    coefficients = (rows.get(str(node)) or rows[f"{variant}{node}"])[metric]
    value = 0.0
    for coefficient in coefficients:
        value = value * voltage_v + coefficient
    if value <= 0:
        raise UsageError(f"{metric} at {node} nm and {voltage_v:g} V: the scaling equations do not reach this supply")
    return value
