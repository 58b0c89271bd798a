"""Which constants of a profile matter: what ±10 % of each does to the totals, and the smallest change that moves a bottleneck."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from hwsim.device import load
from hwsim.errors import HwsimError
from hwsim.estimation import Estimate, Prepared, estimate

STEP = 0.1
#: A constant is taken to saturate where no factor up to this gains more.
_LARGEST = 1024.0
_FIRST_KEYS = ("bandwidth_gb_per_s", "bandwidth_gbit_per_s", "bytes_per_cycle", "read_gb_per_s", "read_bytes_per_cycle")
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Effect:
    """One constant: value in the profile's unit, and relative changes of latency and energy when it is a tenth lower and higher [1].

    low, high : the values tried (whole where the profile wants whole numbers); None where a value is refused or energy is not known.
    """

    key: str
    value: float
    low: float
    high: float
    latency_low: float | None
    latency_high: float | None
    energy_low: float | None
    energy_high: float | None

    @property
    def size(self) -> float:
        """Largest of the changes [1]."""
        changes = (self.latency_low, self.latency_high, self.energy_low, self.energy_high)
        return max((abs(change) for change in changes if change is not None), default=0.0)


@dataclass(frozen=True, slots=True)
class Lever:
    """A constant of what binds. share : of the time that it binds [1]. moves_at : smallest value at which something else binds most of
    the time, None where none does. enough : value above which the latency falls no more, None where it falls on. saves : share of the
    latency that ``enough`` (or the largest value tried) saves [1].
    """

    bound_by: str
    share: float
    key: str
    value: float
    moves_at: float | None
    enough: float | None
    saves: float


@dataclass(frozen=True, slots=True)
class Doubling:
    """A capacity twice as large: shares of latency and energy saved [1], energy None where not known."""

    key: str
    value: float
    latency: float
    energy: float | None


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Effects (largest first), levers (largest share first) and capacities doubled, of one network on one device."""

    base: Estimate
    effects: tuple[Effect, ...]
    levers: tuple[Lever, ...]
    doubled: tuple[Doubling, ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON record ``hwsim/explain/1``."""
        return {
            "schema": "hwsim/explain/1",
            "model": dict(self.base.model),
            "device": dict(self.base.device),
            "settings": dict(self.base.settings),
            "totals": self.base.totals.to_dict(),
            "effects": [asdict(effect) for effect in self.effects],
            "levers": [asdict(lever) for lever in self.levers],
            "doubled": [asdict(item) for item in self.doubled],
        }


def explain(
    prepared: Prepared,
    name: str,
    *,
    rung: str | None = None,
    overrides: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> Sensitivity:
    """What matters for a network on the profile ``name``. rung : as of ``estimate``. Raises ProfileError, UsageError."""

    def run(*more: str) -> Estimate:
        if progress is not None and more:
            progress(more[-1])
        return estimate(prepared, load(name, (*overrides, *more)), rung=rung)

    device = load(name, overrides)
    base = run()
    constants = {
        key: value
        for key, (value, _, _) in device.quantities.items()
        if value and not key.startswith(("area.", "technology.", "operating_points.", "sources."))
    }
    effects = [_effect(key, value, base, run) for key, value in constants.items()]
    doubled = [
        item for key, value in constants.items() if "capacity" in key for item in _doubled(key, value, base, run)
    ]
    levers = []
    for bound_by, (share, _) in base.shares().items():
        key = _lever_key(bound_by, constants)
        if key is not None and share >= 0.01:
            levers.append(_lever(bound_by, share, key, constants[key], base, run))
    felt = [effect for effect in effects if effect.size > 1e-9]
    return Sensitivity(base, tuple(sorted(felt, key=lambda item: -item.size)), tuple(levers), tuple(doubled))


Run = Callable[..., Estimate]


def _effect(key: str, value: float, base: Estimate, run: Run) -> Effect:
    low, below = _changed(key, value, 1 - STEP, run)
    high, above = _changed(key, value, 1 + STEP, run)
    return Effect(key, value, low, high, *_change(base, below, above))


def _change(base: Estimate, *others: Estimate | None) -> Iterator[float | None]:
    for name in ("latency_s", "energy_j"):
        start = getattr(base.totals, name)
        for other in others:
            end = None if other is None else getattr(other.totals, name)
            yield end / start - 1 if start and end is not None else None


def _changed(key: str, value: float, factor: float, run: Run) -> tuple[float, Estimate | None]:
    """The value tried and its estimate: a tenth more, or the next whole number where the profile takes whole ones alone."""
    wanted = value * factor
    whole = math.floor(wanted) if factor < 1 else math.ceil(wanted)
    for tried in (wanted, float(whole)):
        text = str(int(tried)) if tried == int(tried) else repr(tried)
        try:
            return tried, run(f"{key}={text}")
        except HwsimError:
            continue
    return wanted, None


def _doubled(key: str, value: float, base: Estimate, run: Run) -> Iterator[Doubling]:
    tried, found = _changed(key, value, 2.0, run)
    if found is not None and tried == 2 * value:
        latency, energy = _change(base, found)
        yield Doubling(key, value, -(latency or 0.0), None if energy is None else -energy)


def _lever_key(bound_by: str, constants: dict[str, float]) -> str | None:
    if bound_by == "compute":
        return "clock_mhz" if "clock_mhz" in constants else None
    if bound_by == "vector":
        return next((key for key in constants if key.startswith("compute.vector.ops")), None)
    if bound_by == "overhead":
        return None
    return next((key for name in _FIRST_KEYS if (key := f"memory.{bound_by}.{name}") in constants), None)


def _lever(bound_by: str, share: float, key: str, value: float, base: Estimate, run: Run) -> Lever:
    def at(factor: float) -> Estimate | None:
        return _changed(key, value, factor, run)[1]

    best = at(_LARGEST)
    if best is None:
        return Lever(bound_by, share, key, value, None, None, 0.0)
    least = best.totals.latency_s

    def saturated(found: Estimate) -> bool:
        return found.totals.latency_s <= least * (1 + 1e-9)

    def moved(found: Estimate) -> bool:
        return next(iter(found.shares())) != next(iter(base.shares()))

    first = bound_by == next(iter(base.shares()))
    enough = _smallest(at, saturated) if (half := at(_LARGEST / 2)) is not None and saturated(half) else None
    moves = _smallest(at, moved) if first and moved(best) else None
    return Lever(
        bound_by,
        share,
        key,
        value,
        None if moves is None else value * moves,
        None if enough is None else value * enough,
        1 - least / base.totals.latency_s,
    )


def _smallest(at: Callable[[float], Estimate | None], holds: Callable[[Estimate], bool]) -> float | None:
    """Smallest factor above 1 at which something holds, to half a per cent: by doubling, then by halving the range."""
    low, high = 1.0, 2.0
    while (found := at(high)) is not None and not holds(found) and high < _LARGEST:
        low, high = high, high * 2
    if found is None or not holds(found):
        return None
    while high / low > 1.005:
        middle = math.sqrt(low * high)
        found = at(middle)
        if found is not None and holds(found):
            high = middle
        else:
            low = middle
    return high
