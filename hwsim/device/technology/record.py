"""Technology: which process and whose tables; Estimated: a figure that says where it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from hwsim.errors import UsageError, nearest

Quality = Literal["measured", "datasheet", "paper", "vendor", "secondary", "fitted", "estimated"]
#: From the best known to the least known.
QUALITIES: tuple[Quality, ...] = ("measured", "datasheet", "paper", "vendor", "secondary", "fitted", "estimated")
FAMILIES = ("horowitz", "aladdin", "hcm")
#: Nodes that anything is estimated for [nm]; below 7 by extrapolation.
SMALLEST_NM, LARGEST_NM = 3.0, 180.0


@dataclass(frozen=True, slots=True)
class Technology:
    """A process and the family of tables that describes its arithmetic.

    node_nm : feature size as it is called [nm]. family : ``horowitz``, ``aladdin`` or ``hcm`` (areas alone). voltage_v : supply [V],
    None for the one that the tables stand for. Raises UsageError for a family, node or voltage that nothing is known about.
    """

    node_nm: float
    family: str = "horowitz"
    voltage_v: float | None = None

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise UsageError(
                f"technology family {self.family!r}: not one of {', '.join(FAMILIES)}{nearest(self.family, FAMILIES)}"
            )
        check_node(self.node_nm)
        if self.voltage_v is not None and not 0 < self.voltage_v <= 10:
            raise UsageError(f"supply of {self.voltage_v:g} V: give one above 0 and at most 10 V")

    @property
    def label(self) -> str:
        """How a number estimated from it is marked: ``technology:horowitz@28nm``."""
        return f"technology:{self.family}@{self.node_nm:g}nm"


def check_node(node_nm: float) -> None:
    """Raise UsageError for a node that nothing is known about [nm]."""
    if not SMALLEST_NM <= node_nm <= LARGEST_NM:
        raise UsageError(f"technology node {node_nm:g} nm: give one from {SMALLEST_NM:g} to {LARGEST_NM:g} nm")


def parse_node(text: str) -> float:
    """Node of a word like ``28nm`` or ``28`` [nm]; raises UsageError for any other."""
    match = re.fullmatch(r"\s*(\d{1,4}(?:\.\d{1,3})?)\s*(?:nm)?\s*", text)
    if not match:
        raise UsageError(f"technology {text!r}: give a node in nanometres, like 28nm")
    return float(match.group(1))


@dataclass(frozen=True, slots=True)
class Estimated:
    """A figure from technology tables.

    value : in ``unit``, an SI unit. source : of the tables, several joined by ``; ``. quality : of the least known of them. note : what
    was assumed on the way. extrapolated : it lies outside of what the tables cover. low, high : where it lies if that is known.
    """

    value: float
    unit: str
    source: str
    quality: Quality
    note: str = ""
    extrapolated: bool = False
    low: float | None = None
    high: float | None = None

    def __add__(self, other: Estimated) -> Estimated:
        assert self.unit == other.unit, f"{self.unit} and {other.unit} do not add"
        known = self.low is not None and other.low is not None and self.high is not None and other.high is not None
        return replace(
            self._with(other),
            value=self.value + other.value,
            low=self.low + other.low if known and self.low is not None and other.low is not None else None,
            high=self.high + other.high if known and self.high is not None and other.high is not None else None,
        )

    def times(self, factor: float | Estimated, note: str = "") -> Estimated:
        """The figure times a plain number, or a dimensionless estimate whose doubts it takes over."""
        mine = self._with(factor) if isinstance(factor, Estimated) else self
        number = factor.value if isinstance(factor, Estimated) else factor
        return replace(
            mine,
            value=self.value * number,
            note=_join(mine.note, note),
            low=None if self.low is None else self.low * number,
            high=None if self.high is None else self.high * number,
        )

    def noted(self, note: str, *, quality: Quality | None = None, extrapolated: bool = False) -> Estimated:
        """The same figure with a further remark, at best of ``quality``."""
        worst = max(self.quality, quality or self.quality, key=QUALITIES.index)
        return replace(self, note=_join(self.note, note), quality=worst, extrapolated=self.extrapolated or extrapolated)

    def _with(self, other: Estimated) -> Estimated:
        return replace(
            self,
            source=_join(self.source, other.source),
            quality=max(self.quality, other.quality, key=QUALITIES.index),
            note=_join(self.note, other.note),
            extrapolated=self.extrapolated or other.extrapolated,
        )


def _join(first: str, second: str) -> str:
    parts = [part for part in (*first.split("; "), *second.split("; ")) if part]
    return "; ".join(dict.fromkeys(parts))


@dataclass(frozen=True, slots=True)
class Circuit:
    """A piece of logic. energy : of one operation [J], None where its tables have none; area [m²]; leakage [W]."""

    energy: Estimated | None
    area: Estimated
    leakage: Estimated

    def __add__(self, other: Circuit) -> Circuit:
        energy = None if self.energy is None or other.energy is None else self.energy + other.energy
        return Circuit(energy, self.area + other.area, self.leakage + other.leakage)

    def times(self, factor: float) -> Circuit:
        """``factor`` of them side by side, all switching."""
        energy = None if self.energy is None else self.energy.times(factor)
        return Circuit(energy, self.area.times(factor), self.leakage.times(factor))
