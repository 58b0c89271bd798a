"""Complexities as console tables."""

from __future__ import annotations

from collections.abc import Sequence

from hwsim.report.text import columns, inputs_text, safe, shorten, wrapped
from hwsim.units import humanize
from hwsim.workload.complexity import Complexity, LayerComplexity


def text(complexity: Complexity, top: int = 15, bops_convention: str = "hcm") -> str:
    """Totals, then the layers with most MACs (or, without any, most traffic), the rest summed."""
    product = bops_convention == "product"
    lines = [f"{safe(complexity.name)}: complexity", *wrapped(inputs_text(complexity.inputs)), ""]
    lines += [f"{name:<17}{value}" for name, value in _totals(complexity, product)]
    lines += ["", *_layers(complexity.layers, top, product), ""]
    lines += wrapped("operators: " + ", ".join(f"{name} ×{count}" for name, count in complexity.operators.items()))
    if complexity.unknown:
        listed = ", ".join(f"{name} ×{count}" for name, count in complexity.unknown.items())
        lines += wrapped(f"warning: operators hwsim does not know, counted by their tensor traffic alone: {listed}")
    for note in complexity.notes:
        lines += wrapped(f"note: {note}")
    return "\n".join(lines)


def _totals(complexity: Complexity, product: bool) -> list[tuple[str, str]]:
    return [
        ("MACs", f"{complexity.macs:,} (1 MAC = 2 operations)"),
        ("parameters", f"{complexity.parameters:,}"),
        ("weights", humanize(complexity.weight_bytes, "B")),
        (
            "peak activations",
            f"{humanize(complexity.peak_activation_bytes, 'B')} at {shorten(complexity.peak_layer, 48)}",
        ),
        ("tensor traffic", f"{humanize(complexity.traffic_bytes, 'B')}, every tensor once a layer"),
        ("intensity", f"{complexity.intensity:.4g} op/B"),
        ("vector ops", humanize(complexity.vector_operations, "")),
        ("bit operations", f"{humanize(_bops(complexity, product), 'BOP')} ({_convention(product)})"),
    ]


def _convention(product: bool) -> str:
    return "MACs · b_w · b_a" if product else "HCM: product, adder and accumulator bits"


def _bops(item: Complexity | LayerComplexity, product: bool) -> float:
    return item.bops_product if product else item.bops


def _layers(layers: Sequence[LayerComplexity], top: int, product: bool) -> list[str]:
    ranked = sorted(range(len(layers)), key=lambda index: (-layers[index].macs, -layers[index].traffic_bytes, index))
    shown, rest = sorted(ranked[: max(0, top)]), ranked[max(0, top) :]
    rows = [_row(shorten(layers[index].name, 30), layers[index].op, [layers[index]], product) for index in shown]
    if rest:
        rows.append(_row(f"{len(rest)} more layers", "", [layers[index] for index in rest], product))
    head = ("layer", "op", "MACs", "weights", "in", "out", "op/B", "BOPs")
    return columns(rows, head, left=2)


def _row(name: str, op: str, layers: Sequence[LayerComplexity], product: bool) -> tuple[str, ...]:
    macs = sum(layer.macs for layer in layers)
    traffic = sum(layer.traffic_bytes for layer in layers)
    return (
        name,
        shorten(op, 14),
        humanize(macs, "") if macs else "-",
        humanize(sum(layer.weight_bytes for layer in layers), "B"),
        humanize(sum(layer.input_bytes for layer in layers), "B"),
        humanize(sum(layer.output_bytes for layer in layers), "B"),
        f"{2 * macs / traffic:.3g}" if traffic else "-",
        humanize(sum(_bops(layer, product) for layer in layers), "") if macs else "-",
    )
