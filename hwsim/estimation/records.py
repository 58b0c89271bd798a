"""Estimate: the record that every rung answers with, and its JSON form (``hwsim/estimate/1``)."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from hwsim.units import humanize, rate

if TYPE_CHECKING:
    import pandas

    from hwsim.estimation.simulated import Simulated

SCHEMA = "hwsim/estimate/1"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes read from and written to one level [B]."""

    read: float = 0
    write: float = 0


@dataclass(frozen=True, slots=True)
class LayerEstimate:
    """One layer on one device: the fields of the JSON record, whose names end in their unit.

    compute_s : MAC array and vector unit; memory_s : the slowest level. bound_by, second_bound_by : the two largest terms;
    slack : how many times the first exceeds the second [1], None where nothing else takes time. utilization : MACs done over MACs
    possible in latency_s [1]; spatial_utilization : share of PEs the work can occupy [1].
    """

    name: str
    op: str
    macs: int
    latency_s: float
    compute_s: float
    memory_s: float
    bound_by: str
    second_bound_by: str | None
    slack: float | None
    utilization: float
    spatial_utilization: float
    energy_j: float | None
    energy_by_j: Mapping[str, float] | None
    traffic_bytes: Mapping[str, Traffic]
    dram_bytes: float
    bits: Mapping[str, int | None]
    fused: tuple[str, ...] = ()
    mapping: Any = None
    bound_gap: float | None = None
    extra: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The layer as the JSON record has it."""
        plain: dict[str, Any] = {
            item.name: getattr(self, item.name) for item in fields(self) if item.name not in ("extra", "traffic_bytes")
        }
        plain["traffic_bytes"] = {name: asdict(traffic) for name, traffic in self.traffic_bytes.items()}
        plain["bits"] = dict(self.bits)
        plain["energy_by_j"] = None if self.energy_by_j is None else dict(self.energy_by_j)
        plain["fused"] = list(self.fused)
        return plain | dict(self.extra)


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole network: sums of its layers, and what is not a sum. None is explained in ``Estimate.unavailable``."""

    latency_s: float
    cycles: int
    throughput_per_s: float
    energy_j: float | None
    average_power_w: float | None
    area_mm2: float | None
    macs: int
    bops: float
    parameters: int
    weight_bytes: int
    dram_bytes: float
    peak_activation_bytes: int
    utilization: float

    def to_dict(self) -> dict[str, Any]:
        """The totals as the JSON record has them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one network costs on one device, layer by layer.

    model, device : name, sha256 and what else identifies them. settings : all that is needed to get the same numbers again.
    unavailable : why a quantity is None. warnings : what was left out or is other than asked; notes : what
    was assumed. bands : lowest and highest energy_j, latency_s and
    area_mm2 that the sources of the device's numbers allow (see ``bands``). origins : ``profile`` or ``technology``, for the energy of each
    component and for the area. missed : limits that are not kept, a sentence each.
    """

    model: Mapping[str, Any]
    device: Mapping[str, Any]
    settings: Mapping[str, Any]
    totals: Totals
    layers: tuple[LayerEstimate, ...]
    unavailable: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hwsim_version: str = ""
    bands: Mapping[str, tuple[float, float] | None] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    missed: tuple[str, ...] = ()
    simulation: Simulated | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The JSON record ``hwsim/estimate/1``: plain dicts, lists, numbers and None."""
        return {
            "schema": SCHEMA,
            "hwsim_version": self.hwsim_version,
            "model": dict(self.model),
            "device": dict(self.device),
            "settings": dict(self.settings),
            "totals": self.totals.to_dict(),
            "bands": {name: None if band is None else list(band) for name, band in self.bands.items()},
            "from": dict(self.origins),
            "layers": [layer.to_dict() for layer in self.layers],
            "unavailable": dict(self.unavailable),
            "missed": list(self.missed),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }

    def to_rows(self) -> list[dict[str, Any]]:
        """One flat row a layer, nested fields joined by dots: the form of CSV, Parquet and data frames."""
        return [_flat(layer.to_dict()) for layer in self.layers]

    def to_pandas(self) -> pandas.DataFrame:
        """The layers as a data frame (needs the ``pandas`` extra)."""
        import pandas

        return pandas.DataFrame(self.to_rows())

    def shares(self) -> dict[str, tuple[float, int]]:
        """Share of the latency [1] and number of layers, by what binds, largest first."""
        found: dict[str, tuple[float, int]] = {}
        for layer in self.layers:
            time, count = found.get(layer.bound_by, (0.0, 0))
            found[layer.bound_by] = (time + layer.latency_s, count + 1)
        total = self.totals.latency_s or 1.0
        ordered = sorted(found.items(), key=lambda item: -item[1][0])
        return {name: (time / total, count) for name, (time, count) in ordered}

    def __repr__(self) -> str:
        totals = self.totals
        bound, (share, count) = next(iter(self.shares().items()), ("nothing", (0.0, 0)))
        return (
            f"<Estimate {self.model['name']} on {self.device['name']} ({self.settings['model']}): "
            f"{humanize(totals.latency_s, 's')}, {rate(totals.throughput_per_s)} inferences/s, energy {humanize(totals.energy_j, 'J')}, "
            f"{humanize(totals.macs, '')} MACs, utilization {totals.utilization:.1%}, "
            f"{share:.0%} of the time bound by {bound} ({count} layers)>"
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _repr_html_(self) -> str:
        heading = html.escape(repr(self)[1:-1])
        rows = "".join(
            f"<tr><td>{html.escape(layer.name)}</td><td>{html.escape(layer.op)}</td><td>{layer.macs:,}</td>"
            f"<td>{humanize(layer.latency_s, 's')}</td><td>{html.escape(layer.bound_by)}</td><td>{layer.utilization:.1%}</td></tr>"
            for layer in sorted(self.layers, key=lambda layer: -layer.latency_s)[:50]
        )
        head = "".join(f"<th>{title}</th>" for title in ("layer", "op", "MACs", "latency", "bound by", "utilization"))
        return f"<p>{heading}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            flat[prefix + name] = ";".join(str(item) for item in value)
        else:
            flat[prefix + name] = value
    return flat
