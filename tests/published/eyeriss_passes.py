"""AlexNet on Eyeriss by its processing passes: ``python -m tests.published.eyeriss_passes``.

Times, words and densities: JSSC 52(1), 2017, Table V, and ISSCC 2016, Fig. 14.5.6, batch 4; plans: JSSC's Table III. Nothing is fitted
to them: rates are the
widths of the chip's buses and its link (64 bits at 60 MHz), sizes those of its scratchpads and buffer.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.counts.row_stationary import Plan, count
from hwsim.device import load
from hwsim.estimation.encodings import stored_bits
from hwsim.estimation.passes import chip_of, chosen, seconds_of
from tests.published.eyeriss import LAYERS, counted_nest

#: Processing latency [s], traffic of DRAM [MB], share of inputs and of outputs that is not zero [1].
MEASURED = {
    "CONV1": (16.5e-3, 5.0, 0.9999, 0.378),
    "CONV2": (39.2e-3, 4.0, 0.613, 0.169),
    "CONV3": (21.8e-3, 3.0, 0.275, 0.303),
    "CONV4": (16.0e-3, 2.1, 0.207, 0.304),
    "CONV5": (10.0e-3, 1.3, 0.224, 0.1),
}


@dataclass(frozen=True, slots=True)
class Ratio:
    """Predicted over measured: of the processing latency, the latency with DRAM, DRAM's traffic, the buffer's [1]; and seconds."""

    name: str
    plan: Plan
    processing_s: float
    total_s: float
    processing: float
    total: float
    dram: float
    buffer: float


def _stored(density: float) -> float:
    """Size of 16-bit words with zeros in the chip's run-length code over their dense size, raw where that is smaller [1]."""
    return min(1.0, stored_bits("run_length", 1 << 20, 16, density) / (16 << 20))


def ratios(published_plans: bool = True) -> list[Ratio]:
    """All layers, by Table III's plans or by those that hwsim chooses."""
    device = load("eyeriss_v1")
    chip = chip_of(device, 16)
    found = []
    for layer in LAYERS:
        nest = counted_nest(layer, device)[0]
        plan = Plan(*layer.rows) if published_plans else chosen(nest, device)
        assert plan is not None
        counts = count(nest, plan, chip)
        processing, megabytes, inputs, outputs = MEASURED[layer.name]
        stored = (_stored(inputs), 1.0, _stored(outputs))
        passes, total = seconds_of(counts, 16, device, stored)
        words = (counts.edge_inputs, counts.edge_weights, counts.edge_outputs)
        edge = sum(2e-6 * word * share for word, share in zip(words, stored, strict=True))
        buffer = 2e-6 * (counts.buffer_reads + counts.buffer_writes)
        found.append(
            Ratio(
                layer.name, plan, passes, total, passes / processing, total / layer.seconds, edge / megabytes, buffer / layer.buffer_mb
            )
        )  # fmt: skip
    return found


def lines() -> list[str]:
    """The table in Markdown: predicted over measured."""
    made = [
        "| plan | layer | processing | with DRAM | DRAM words | buffer words |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, published in (("JSSC, Table III", True), ("hwsim's", False)):
        found = ratios(published)
        made += [
            f"| {name} | {one.name} | {one.processing:.2f} | {one.total:.2f} | {one.dram:.2f} | {one.buffer:.2f} |"
            for one in found
        ]
        processing = sum(one.processing_s for one in found) / sum(row[0] for row in MEASURED.values())
        total = sum(one.total_s for one in found) / sum(layer.seconds for layer in LAYERS)
        made.append(f"| {name} | all | {processing:.2f} | {total:.2f} | | |")
    return made


if __name__ == "__main__":
    print("\n".join(lines()))
