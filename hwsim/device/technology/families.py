"""Single operations: a curve through the points of a family's table, brought to the node and supply that is asked for."""

from __future__ import annotations

from functools import lru_cache

from hwsim.device.technology.record import Circuit, Estimated, Quality, Technology
from hwsim.device.technology.scaling import area_scale, energy_scale, nominal_voltage
from hwsim.device.technology.tables import Curve, curve, table
from hwsim.device.technology.voltage import dynamic_energy_scale
from hwsim.errors import UsageError


def operation(technology: Technology, name: str, x: float) -> Circuit:
    """One operation of the tables at width ``x``, at the node and supply of the technology.

    name : ``int_add``, ``int_multiply``, ``float_add``, ``float_multiply`` of the family's own; ``register``, ``gate``, ``comparator``,
    ``counter``, ``crossbar``, ``shifter`` and the leakage of Aladdin's. Raises UsageError for adders and multipliers of ``hcm``.

    Aladdin's areas go to another node as its plug-in scales them in its own family, by the published matrix in the others: the plug-in
    goes from 45 to 32 nm on a straight line over the node, which makes the step from 40 to 45 nm 1.46 (1.31 in log space, 1.27
    by the square of the node) and the areas at 65 to 22 nm 11 to 14 % larger.
    """
    aladdin = aladdin_curves(name)
    leakage = leakage_of(technology, name, x)
    if technology.family == "aladdin" or name not in table("horowitz")["operations"]:
        energies, areas, source = aladdin["energy"], aladdin["area"], table("aladdin")
    elif technology.family == "horowitz":
        source = table("horowitz")
        row = source["operations"][name]
        energies, areas = curve(row["x"], row["energy_pj"]), curve(row["x"], row["area_um2"])
    else:
        raise UsageError(
            f"{technology.family} describes whole processing elements: take horowitz or aladdin for a single {name}"
        )
    energy = _figure(energies, x, 1e-12, "J", source, source["energy_quality"])
    area = _figure(areas, x, 1e-12, "m2", source, source["area_quality"])
    return Circuit(
        energy.times(_family_energy_scale(technology, source)),
        area.times(_family_area_scale(technology, source)),
        leakage,
    )


def leakage_of(technology: Technology, name: str, x: float) -> Estimated:
    """Leakage of an operation of width ``x`` [W]: Aladdin's at 40 nm times the scaling of area, as much per transistor width."""
    leakage = _figure(aladdin_curves(name)["leakage"], x, 1e-3, "W", table("aladdin"), "estimated")
    return leakage.times(_family_area_scale(technology, table("aladdin")))


@lru_cache(maxsize=64)
def aladdin_curves(name: str, latency_ns: float = 0.0) -> dict[str, Curve]:
    """Curves of ``energy`` [pJ], ``area`` [µm²] and ``leakage`` [mW] of one of Aladdin's operations.

    latency_ns : required, 0 for the one that the tables are read at; the slowest row that meets it counts, the fastest where none does.
    """
    aladdin = table("aladdin")
    row = aladdin["operations"][name]
    wanted = latency_ns or aladdin["latency_ns"]
    columns: dict[str, list[tuple[float, float]]] = {"energy": [], "area": [], "leakage": []}
    for component, at in row["points"].items():
        rows = aladdin["components"][component]
        chosen = max((r for r in rows if r[0] <= wanted), key=lambda r: r[0], default=rows[0])
        columns["energy"].append((at, chosen[1]))
        columns["leakage"].append((at, chosen[2] or 0.0))
        columns["area"].append((at, chosen[4]))
    exponent, everywhere = row.get("exponent", 1), row.get("per_bit", False)
    return {key: Curve(tuple(points), exponent, everywhere) for key, points in columns.items()}


def reference_voltage(technology: Technology) -> float:
    """Supply that the family's energies stand for at a node [V]: the nominal one, in the ratio that its own table has to it."""
    if technology.family != "horowitz":
        return nominal_voltage(technology.node_nm)
    source = table("horowitz")
    return float(nominal_voltage(technology.node_nm) * source["voltage_v"] / nominal_voltage(source["node_nm"]))


def _figure(
    values: Curve, x: float, unit_factor: float, unit: str, source: dict[str, object], quality: Quality
) -> Estimated:
    value, outside = values.at(x)
    figure = Estimated(value * unit_factor, unit, str(source["source"]).strip(), quality)
    if not outside:
        return figure
    first, last = values.points[0][0], values.points[-1][0]
    covered = f"{first:g}" if first == last else f"{first:g} to {last:g}"
    return figure.noted(f"{x:.3g} bits by the formula of {covered} bits", extrapolated=True)


def _family_energy_scale(technology: Technology, source: dict[str, object]) -> Estimated:
    """Dynamic energy at the node and supply of the technology over that of the table [1]."""
    own = Technology(technology.node_nm, str(source["name"]))
    reference = reference_voltage(own)
    if "scaled" in source:
        scale = _tabulated_scale(technology.node_nm, 2)
    else:
        node = float(str(source["node_nm"]))
        scale = energy_scale(node, technology.node_nm, reference_voltage(Technology(node, own.family)), reference)
    if technology.voltage_v is None or technology.voltage_v == reference:
        return scale
    square = dynamic_energy_scale(technology.voltage_v, reference)
    return scale.times(square, f"times ({technology.voltage_v:g} V / {reference:.3g} V)^2")


def _family_area_scale(technology: Technology, source: dict[str, object]) -> Estimated:
    if source["name"] == technology.family and "scaled" in source:
        return _tabulated_scale(technology.node_nm, 1)
    return area_scale(float(str(source["node_nm"])), technology.node_nm)


def _tabulated_scale(node_nm: float, column: int) -> Estimated:
    """Scale of Aladdin's components as tabulated (column 1 area, 2 energy), by the scaling equations beyond the tabulated nodes."""
    aladdin = table("aladdin")
    rows = sorted(aladdin["scaled"])
    base = next(row[column] for row in rows if row[0] == aladdin["node_nm"])
    nearest = min(max(node_nm, rows[0][0]), rows[-1][0])
    value = curve([row[0] for row in rows], [row[column] for row in rows]).at(nearest)[0] / base
    scale = Estimated(value, "1", aladdin["scaled_source"].strip(), aladdin["energy_quality"])
    if node_nm == nearest:
        return scale
    return scale.times((area_scale if column == 1 else energy_scale)(nearest, node_nm))
