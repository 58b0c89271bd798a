"""Pictures of an estimate as Altair charts: one specification for page, PNG, SVG, PDF and notebook.

Colours are those of Okabe and Ito, which people with any common colour vision can tell apart (https://jfly.uni-koeln.de/color/), then four
of Tol's "muted" ones. What most devices have keeps its colour from picture to picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hwsim.errors import UsageError, nearest, with_extra
from hwsim.report.sheet import Sheet
from hwsim.units import humanize

if TYPE_CHECKING:
    import altair

PALETTE = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442", "#999999",
    "#882255", "#44aa99", "#332288", "#ddcc77",
)  # fmt: skip
#: Place in the palette of what binds, or takes energy, on most devices.
STEADY = {"compute": 0, "mac": 0, "dram": 1, "vector": 2, "network": 5, "overhead": 7, "leakage": 7}
WIDTH, HEIGHT = 640, 320
#: A capacity above so many times the most that activations take is written, not drawn to scale [1].
FAR_ABOVE = 4
Chart = Any


def altair_library() -> Any:
    """The module ``altair``; raises UsageError where the ``report`` extra is not installed."""
    try:
        import altair
    except ImportError:
        raise UsageError(f"pictures and pages need Altair: {with_extra('report')}") from None
    return altair


def roofline(sheet: Sheet) -> Chart:
    """Attained op/s of each layer against its operations per byte over the chip's edge, under the device's roofs."""
    alt = altair_library()
    rows = [row for row in sheet.layers if row["intensity"] and row["attained"]]
    peaks = [roof.ops_per_s for roof in sheet.ceilings if roof.ops_per_s]
    top = max(peaks, default=max((row["attained"] for row in rows), default=1.0))
    knees = [top / roof.bytes_per_s for roof in sheet.ceilings if roof.bytes_per_s]
    low, high = _decades([*(row["intensity"] for row in rows), *knees])
    roofs, labels = [], []
    for roof in sheet.ceilings:
        if roof.ops_per_s:
            ends = [(low, roof.ops_per_s), (high, roof.ops_per_s)]
        else:
            assert roof.bytes_per_s is not None
            knee = top / roof.bytes_per_s
            ends = [(low, low * roof.bytes_per_s), (knee, knee * roof.bytes_per_s)]
        roofs += [{"roof": roof.name, "intensity": at, "attained": value} for at, value in ends]
        labels.append({"roof": roof.name, "intensity": ends[0][0], "attained": ends[0][1]})
    x = alt.X(
        "intensity:Q", title="operations per off-chip byte [op/B]", scale=alt.Scale(type="log", domain=[low, high])
    )
    y = alt.Y("attained:Q", title="attained [op/s]", scale=alt.Scale(type="log"), axis=_si(alt))
    lines = (
        alt.Chart(alt.InlineData(values=roofs))
        .mark_line(color="#777777", strokeDash=[6, 3])
        .encode(x=x, y=y, detail="roof:N", tooltip=["roof:N"])
    )
    names = (
        alt.Chart(alt.InlineData(values=labels))
        .mark_text(align="left", baseline="bottom", dx=4, dy=-2, fontSize=10, color="#777777")
        .encode(x=x, y=y, text="roof:N")
    )
    causes = [row["bound_by"] for row in rows]
    points = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_point(filled=True, opacity=0.8, stroke="black", strokeWidth=0.4)
        .encode(
            x=x,
            y=y,
            size=alt.Size("share:Q", title="share of time", scale=alt.Scale(range=[30, 500]), legend=None),
            color=_causes(alt, causes),
            shape=alt.Shape("bound_by:N", title="bound by", scale=alt.Scale(domain=sorted(set(causes)))),
            tooltip=[
                "layer:N",
                "op:N",
                "shape:N",
                alt.Tooltip("intensity:Q", format=".3~s", title="op/B"),
                alt.Tooltip("attained:Q", format=".3~s", title="op/s"),
                alt.Tooltip("latency_s:Q", format=".3~s", title="latency [s]"),
                alt.Tooltip("share:Q", format=".1%", title="share of time"),
                "bound_by:N",
            ],
        )
    )
    return (lines + names + points).properties(width=WIDTH, height=HEIGHT, title=f"Roofline: {sheet.title}")


def time(sheet: Sheet) -> Chart:
    """Latency of each layer, coloured by what binds it; in graph order or sorted."""
    alt = altair_library()
    rows = sheet.layers
    tooltip = [
        "layer:N",
        "op:N",
        "shape:N",
        alt.Tooltip("latency_s:Q", format=".3~s", title="latency [s]"),
        alt.Tooltip("compute_s:Q", format=".3~s", title="compute [s]"),
        alt.Tooltip("memory_s:Q", format=".3~s", title="memory [s]"),
        alt.Tooltip("share:Q", format=".1%", title="share of time"),
        "bound_by:N",
        "second_bound_by:N",
    ]
    bars = _bars(alt, rows).encode(
        y=alt.Y("latency_s:Q", title="latency [s]", axis=_si(alt)),
        y2=alt.datum(0),
        color=_causes(alt, [row["bound_by"] for row in rows]),
        tooltip=tooltip,
    )
    return bars.properties(width=WIDTH, height=HEIGHT, title=f"Time by layer: {sheet.title}")


def energy(sheet: Sheet) -> Chart:
    """Energy of each layer, stacked by where it is spent; raises UsageError where the estimate has no energy."""
    if not sheet.energies:
        raise UsageError(
            f"{sheet.device.name}: no energy to draw: {sheet.estimate.unavailable.get('energy_j', 'none spent')}"
        )
    alt = altair_library()
    parts = list(dict.fromkeys(row["part"] for row in sheet.energies))
    bars = _bars(alt, sheet.energies).encode(
        y=alt.Y("low_j:Q", title="energy [J]", axis=_si(alt)),
        y2="high_j:Q",
        color=alt.Color("part:N", title="spent in", scale=alt.Scale(domain=parts, range=_colours(parts))),
        tooltip=["layer:N", "part:N", alt.Tooltip("energy_j:Q", format=".3~s", title="energy [J]")],
    )
    return bars.properties(width=WIDTH, height=HEIGHT, title=f"Energy by layer: {sheet.title}")


def memory(sheet: Sheet) -> Chart:
    """Bytes of activations alive while each layer of the graph runs, against the memory on the chip that holds them."""
    alt = altair_library()
    area = (
        alt.Chart(alt.InlineData(values=list(sheet.alive)))
        .mark_area(interpolate="step-after", color=PALETTE[0], opacity=0.6, line={"color": PALETTE[0]})
        .encode(
            x=alt.X("index:Q", title="layer of the graph, in order"),
            y=alt.Y("bytes:Q", title="activations alive [B]", axis=_si(alt)),
            tooltip=["layer:N", alt.Tooltip("bytes:Q", format=".3~s", title="alive [B]")],
        )
    )
    if sheet.capacity is None:
        return area.properties(width=WIDTH, height=HEIGHT, title=f"Memory over time: {sheet.title}")
    name = f"memory on the chip that holds activations: {humanize(sheet.capacity, 'B')}"
    written = {"align": "left", "baseline": "bottom", "dx": 4, "dy": -2, "color": PALETTE[3]}
    if sheet.capacity > FAR_ABOVE * max((row["bytes"] for row in sheet.alive), default=0):
        limit = alt.Chart(alt.InlineData(values=[{"name": f"{name}, far above"}]))
        drawn = area + limit.mark_text(**written).encode(x=alt.value(0), y=alt.value(0), text="name:N")
    else:
        limit = alt.Chart(alt.InlineData(values=[{"bytes": sheet.capacity, "name": name}]))
        line = limit.mark_rule(color=PALETTE[3], strokeDash=[6, 3]).encode(y="bytes:Q")
        drawn = area + line + limit.mark_text(**written).encode(y="bytes:Q", x=alt.value(0), text="name:N")
    return drawn.properties(width=WIDTH, height=HEIGHT, title=f"Memory over time: {sheet.title}")


def area(sheet: Sheet) -> Chart:
    """Estimated area by component; raises UsageError where the profile names no technology."""
    if not sheet.area:
        raise UsageError(
            f"{sheet.device.name}: no area to draw: the profile gives no technology node (hwsim area --technology 28nm)"
        )
    alt = altair_library()
    rows = [{"component": name, "area_mm2": size} for name, size in sheet.area.items()]
    return (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(color=PALETTE[0])
        .encode(
            x=alt.X("area_mm2:Q", title="area [mm²], from technology tables"),
            y=alt.Y("component:N", title=None, sort=None),
            tooltip=["component:N", alt.Tooltip("area_mm2:Q", format=".3~g", title="area [mm²]")],
        )
        .properties(width=WIDTH, height=28 * len(rows), title=f"Area by component: {sheet.device.name}")
    )


def devices(sheets: Sequence[Sheet]) -> Chart:
    """Several estimates beside each other: share of the time by what binds, the latency behind each bar."""
    alt = altair_library()
    rows: list[dict[str, Any]] = []
    totals = []
    for sheet in sheets:
        low = 0.0
        latency = sheet.estimate.totals.latency_s
        for cause, (share, count) in sheet.estimate.shares().items():
            part = {"run": sheet.title, "bound_by": cause, "layers": count, "seconds": share * latency, "share": share}
            rows.append({**part, "low": low, "high": low + share})
            low += share
        totals.append({"run": sheet.title, "latency": humanize(latency, "s"), "end": 1.0})
    y = alt.Y("run:N", title=None, sort=None, axis=alt.Axis(labelLimit=260))
    bars = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar()
        .encode(
            x=alt.X(
                "low:Q",
                title="share of the time, by what binds",
                axis=alt.Axis(format="%"),
                scale=alt.Scale(domain=[0, 1]),
            ),
            x2="high:Q",
            y=y,
            color=_causes(alt, [row["bound_by"] for row in rows], orient="bottom"),
            tooltip=[
                "run:N",
                "bound_by:N",
                alt.Tooltip("seconds:Q", format=".3~s", title="time [s]"),
                alt.Tooltip("share:Q", format=".1%", title="share"),
                "layers:Q",
            ],
        )
    )
    texts = (
        alt.Chart(alt.InlineData(values=totals)).mark_text(align="left", dx=6).encode(x="end:Q", y=y, text="latency:N")
    )
    return (bars + texts).properties(width=WIDTH, height=30 * len(sheets) + 20, title="What binds, and latency")


#: Pictures of one estimate, by name.
CHARTS: Mapping[str, Callable[[Sheet], Chart]] = {
    "roofline": roofline,
    "time": time,
    "energy": energy,
    "memory": memory,
    "area": area,
}


def named(path: str, pictures: Iterable[str] = (*CHARTS, "devices")) -> str:
    """The picture that a file name asks for: ``roofline.png``, ``energy_resnet50.svg``; raises UsageError for another name."""
    from pathlib import Path

    stem, choices = Path(path).stem, list(pictures)
    found = next((name for name in choices if stem == name or stem.startswith((f"{name}_", f"{name}-"))), None)
    if found is None:
        raise UsageError(
            f"--plot {path}: the file's name says which picture: {', '.join(choices)} (as in {choices[0]}.png){nearest(stem, choices)}"
        )
    return found


def _bars(alt: Any, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Rectangles a layer wide; a choice below the picture puts them in graph order or sorts them."""
    order = alt.param(
        name="order",
        value="graph order",
        bind=alt.binding_radio(options=["graph order", "largest first"], name="Layers in "),
    )
    place = "order == 'largest first' ? datum.rank : datum.index"
    return (
        alt.Chart(alt.InlineData(values=list(rows)))
        .mark_rect(stroke="white", strokeWidth=0.3 if len(rows) < 300 else 0)
        .encode(x=alt.X("from:Q", title="layer", axis=alt.Axis(tickMinStep=1)), x2="to:Q")
        .transform_calculate(**{"from": place, "to": f"({place}) + 1"})
        .add_params(order)
    )


def _si(alt: Any) -> Any:
    return alt.Axis(labelExpr="datum.value == 0 ? '0' : format(datum.value, '~s')")


def _causes(alt: Any, found: Sequence[str], orient: str = "right") -> Any:
    causes = sorted(dict.fromkeys(found))
    scale = alt.Scale(domain=causes, range=_colours(causes))
    return alt.Color("bound_by:N", title="bound by", scale=scale, legend=alt.Legend(orient=orient))


def _colours(names: Sequence[str]) -> list[str]:
    """A colour for each name: its own if it has one, else the next that no name has."""
    free = [place for place in range(len(PALETTE)) if place not in {STEADY.get(name) for name in names}]
    others = [name for name in names if name not in STEADY]
    places = STEADY | {name: free[index % len(free)] for index, name in enumerate(others)}
    return [PALETTE[places[name]] for name in names]


def _decades(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return 0.1, 1000.0
    return 10.0 ** math.floor(math.log10(min(values)) - 0.2), 10.0 ** math.ceil(math.log10(max(values)) + 0.5)


def to_dict(chart: altair.TopLevelMixin) -> dict[str, Any]:
    """The Vega-Lite specification, checked against its schema."""
    plain: dict[str, Any] = chart.to_dict()
    return plain
