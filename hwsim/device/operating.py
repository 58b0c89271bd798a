"""Operating points: the voltage and clock in force, and what follows from them."""

from __future__ import annotations

import json

from hwsim.device.tree import Tree, is_number, override, plain
from hwsim.device.yaml_reader import Steps
from hwsim.errors import ProfileError, UsageError, nearest

#: Exponent of the alpha-power law where a profile gives its own threshold: T. Sakurai and A. R. Newton, IEEE JSSC 25(2), 1990.
ALPHA = 1.3
_OWN_FIELDS = ("technology.voltage_v", "clock_mhz")


def at_operating_point(tree: Tree) -> Tree:
    """The tree with the fields of its operating point in force; the clock follows the voltage where the point gives only that.

    Raises ProfileError for a point that the profile does not have.
    """
    name = tree.value.get("operating_point")
    if name is None:
        return tree
    points = tree.value.get("operating_points")
    point = points.get(name) if isinstance(points, dict) and isinstance(name, str) else None
    if not isinstance(point, dict):
        names = list(points) if isinstance(points, dict) else []
        hint = nearest(str(name), names) or (f" (it has {', '.join(names)})" if names else " (the profile has none)")
        raise ProfileError(tree.finding(("operating_point",), f"no operating point {name}{hint}"))
    at: Steps = ("operating_points", str(name))
    fields = {"technology.voltage_v": point.get("voltage_v"), "clock_mhz": point.get("clock_mhz")}
    if fields["clock_mhz"] is None:
        fields["clock_mhz"] = _clock_by_voltage(tree, at, plain(point.get("voltage_v")))
    further = point.get("set")
    fields.update(further if isinstance(further, dict) else {})
    changed = tree
    for dotted, value in fields.items():
        bare = plain(value)
        if isinstance(bare, int | float | str):
            changed = override(changed, f"{dotted}={json.dumps(bare) if isinstance(bare, bool) else bare}")
            steps: Steps = tuple(dotted.split("."))
            own = (*at, steps[-1]) if dotted in _OWN_FIELDS else (*at, "set", dotted)
            changed.cites[steps] = tree.cites.get(own, "arithmetic")
            changed.origins[steps] = tree.origins.get(own, tree.origins.get(at, ""))
    return changed


def energy_scale(base: Tree, tree: Tree) -> float:
    """Dynamic energy at the voltage of ``tree`` over that at the profile's own [1]: (V / V0)²; 1 where either is unknown."""
    nominal, actual = _technology(base, "voltage_v"), _technology(tree, "voltage_v")
    return (actual / nominal) ** 2 if nominal and actual else 1.0


def clock_scale(base: Tree, tree: Tree) -> float:
    """Clock of ``tree`` over the profile's own [1]; 1 where either is unknown."""
    nominal, actual = plain(base.value.get("clock_mhz")), plain(tree.value.get("clock_mhz"))
    return actual / nominal if is_number(nominal) and is_number(actual) and nominal else 1.0


def _technology(tree: Tree, key: str) -> float | None:
    technology = tree.value.get("technology")
    value = plain(technology.get(key)) if isinstance(technology, dict) else None
    return value if is_number(value) else None


def _clock_by_voltage(tree: Tree, at: Steps, voltage: object) -> float | None:
    """Clock at another voltage [MHz], by the alpha-power law of the profile's threshold, else of its node; None where neither is given."""
    from hwsim.device.technology import AlphaPower, alpha_power, clock_at

    nominal, threshold, node = (_technology(tree, key) for key in ("voltage_v", "threshold_v", "node_nm"))
    clock = plain(tree.value.get("clock_mhz"))
    if nominal is None or (threshold is None and node is None):
        return None
    if not isinstance(voltage, int | float) or not is_number(clock) or min(voltage, nominal) <= 0:
        return None
    try:
        law = AlphaPower(threshold, ALPHA) if threshold is not None else alpha_power(node or 0)
        return clock_at(clock, voltage, nominal, law)
    except UsageError as error:
        raise ProfileError(tree.finding((*at, "voltage_v"), str(error))) from None
    except ArithmeticError:
        return None
