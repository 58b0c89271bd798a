"""The README's table of areas and powers beside published ones: every figure computed anew, every miss included.

``python -m tests.published.beside`` prints it, ``--write`` puts it into README.md between its marks; a test holds the two together.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hwsim.cost.area import area
from hwsim.device import Device, available, load
from hwsim.device.technology import Technology, leave_one_out
from tests.published.eyeriss import banked, fitted_scale, power_ratios, runs, shares
from tests.published.power import FAMILIES, POWERS, estimated
from tests.published.silicon import CORES

README = Path(__file__).resolve().parents[2] / "README.md"
FIRST, LAST = "<!-- python -m tests.published.beside --write -->", "<!-- end -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. published, found : in ``unit``, found by family."""

    name: str
    node_nm: float
    unit: str
    published: float
    found: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Estimated over published, by family [1]."""
        return tuple(value / self.published for value in self.found)


@lru_cache(maxsize=1)
def cores() -> tuple[Row, ...]:
    """Areas of cores: those of the overhead fraction, then Eyeriss."""
    cases = [(core.device, 1e6 * core.area) for core in CORES] + [(load("eyeriss_v1"), 12.25)]
    return tuple(Row(f"{item.name}, core", item.node_nm or 0, "mm²", size, _areas(item)) for item, size in cases)


@lru_cache(maxsize=1)
def others() -> tuple[Row, ...]:
    """Every other device of which a source gives node and core, or else die; each published figure once.

    Dies carry pads, memory controllers and links that are not modelled; those of GPUs and CPUs schedulers, graphics, whole cores: their
    ratio says what share of them a profile describes. Of profiles with the same figure the first counts.
    """
    there = {(row.node_nm, round(row.published, 3)) for row in cores()}
    rows: dict[tuple[float, float], Row] = {}
    for item in map(load, available()):
        node, what = item.node_nm or 0, "core" if "core" in item.area_mm2 else "die"
        told = what in item.area_mm2 and item.qualities.get(f"area.{what}_mm2") != "estimated"
        if not (node and told):
            continue
        if any((node, round(item.area_mm2.get(part, 0), 3)) in there for part in ("core", "pe")):
            continue
        size = item.area_mm2[what]
        row = Row(f"{item.name}, {what}", node, "mm²", size, _areas(item))
        rows.setdefault((node, size), row)
    return tuple(rows.values())


@lru_cache(maxsize=1)
def powers() -> tuple[Row, ...]:
    """Powers without off-chip memory."""
    return tuple(
        Row(f"{power.name}", power.node_nm, "mW", power.published_mw, tuple(estimated(power))) for power in POWERS
    )


def _areas(device: Device) -> tuple[float, ...]:
    found = (area(device, Technology(device.node_nm or 0, family, device.voltage_v)) for family in FAMILIES)
    return tuple(1e6 * breakdown.total for breakdown in found)


def error(ratios: Iterable[float]) -> float:
    """Median of estimated over published, less one, without sign [1]."""
    return statistics.median(abs(ratio - 1) for ratio in ratios)


def errors(rows: Sequence[Row]) -> tuple[float, ...]:
    """Median error of rows by family [1]."""
    return tuple(error(row.ratios[place] for row in rows) for place in range(len(FAMILIES)))


def section() -> str:
    """What stands between the marks."""
    names = [
        "core, die or work",
        "nm",
        "published",
        *(text for family in FAMILIES for text in (family, "ratio")),
    ]
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names), *map(_line, (*cores(), *others(), *powers()))]
    fitted = cores()[:-1]
    title = f"<summary>The {len(lines) - 2} areas and powers, from two families of tables</summary>"
    return "\n\n".join(
        [
            f"<details>\n{title}",
            "\n".join(lines),
            "</details>",
            f"Median error: {_medians(fitted)} of the {len(fitted)} cores that the overhead fraction is the median of (all but Eyeriss); "
            f"{_medians(others())} of other cores and dies; {_medians(powers())} of powers; "
            f"{_medians((*cores(), *others(), *powers()))} of everything.",
            _eyeriss(),
            _sram(),
        ]
    )


def _line(row: Row) -> str:
    figures = " | ".join(f"{value:.3g} | {ratio:.2f}" for value, ratio in zip(row.found, row.ratios, strict=True))
    return f"| {row.name} | {row.node_nm:g} | {row.published:.4g} {row.unit} | {figures} |"


def _medians(rows: Sequence[Row]) -> str:
    return ", ".join(f"{family} {100 * middle:.0f} %" for family, middle in zip(FAMILIES, errors(rows), strict=True))


def _eyeriss() -> str:
    found = runs()
    parts, published = shares(found), {"PE array": 77.8, "network": 15.6, "buffer": 2.7}
    split = ", ".join(f"{name} {100 * share:.1f} % ({published[name]})" for name, share in parts.items())
    other = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares(runs(banked())).items())
    return (
        "Eyeriss with the profile's own energies (ISCA 2016: DRAM 200, buffer 6, wires 2, register file 1, MAC 1) and the published "
        "mappings of AlexNet, batch 4: predicted over measured power by layer, after one factor fitted on the total: "
        f"{_by_layer(power_ratios(found))} (factor {fitted_scale(found):.2f}, which stands for the clock tree and control). With the "
        f"profile's idle power, taken from the power of the whole chip: {_by_layer(power_ratios(found, standing=True))} "
        f"(factor {fitted_scale(found, standing=True):.2f}). Split of what switches (published, clock included): {split}; "
        f"with the buffer's 27 banks of 64-bit words from CACTI instead of the table's 6: {other}."
    )


def _by_layer(ratios: dict[str, float]) -> str:
    return ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())


def _sram() -> str:
    found: dict[str, list[float]] = {}
    for point in leave_one_out():
        found.setdefault(point.column, []).append(abs(point.error))
    parts = [
        f"{name} {100 * statistics.median(off):.1f} % (at most {100 * max(off):.0f} %)" for name, off in found.items()
    ]
    return (
        "SRAM between tabulated capacities, each inner point of the table foretold from the others of its node, median error: "
        f"{', '.join(parts)}."
    )


def main(arguments: Sequence[str]) -> int:
    """Print the section, or write it into the README."""
    if list(arguments) == ["--write"]:
        before, rest = README.read_text(encoding="utf-8").split(FIRST)
        README.write_text(f"{before}{FIRST}\n\n{section()}\n\n{LAST}{rest.split(LAST, 1)[1]}", encoding="utf-8")
    else:
        print(section())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
