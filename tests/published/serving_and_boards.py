"""Tables of serving, of boards and of achieved rates beside the roofline and the model of GPUs.

TPU v1's MLP0 on a Haswell: Jouppi et al., ISCA 2017, Table 4 (secondary transcription). Orin: NVIDIA, Deep-Learning-Accelerator-SW,
README, both DLA at once, MAXN, dense int8. Largest matrix products: stas00/ml-engineering, accelerator README, mamf-finder.
"""

from __future__ import annotations

from dataclasses import dataclass

import hwsim
from hwsim.cost.gpu import gpu, products
from hwsim.device import load
from hwsim.graph import Network
from tests.published import edge_networks
from tests.published.edge_families import table

#: MLP0 on the Haswell: batch, inferences a second at the 99th percentile that the batch allows.
MLP0_HASWELL = ((16, 5482.0), (64, 13194.0))
#: Orin's networks that papers describe whole, batch, and images a second.
ORIN = {"ResNet-50": (2, 2037.0), "ResNet-34 backbone": (1, 285.0), "SSD-MobileNetV1": (2, 2664.0)}
#: Accelerators of the table that there are profiles of, by profile. Their profiles' share of the peak is this table's.
MAMF = {"NVIDIA A100 SXM": "a100_sxm_80g", "NVIDIA H100 SXM": "h100_sxm", "AMD MI300X": "mi300x"}


@dataclass(frozen=True, slots=True)
class Row:
    """A measured rate, ours, and that of a naive guess, all of one unit."""

    name: str
    measured: float
    found: float
    naive: float


def mlp0(batch: int) -> Network:
    """MLP0: five layers and 20 million weights (Table 1); 2000 wide."""
    net = Network.builder("mlp0").input("x", (batch, 2000))
    for _ in range(5):
        net = net.dense(2000, bias=False).relu()
    return net.build()


def haswell() -> list[Row]:
    """Inferences a second by the roofline, and at the peak of multiplying."""
    device = load("haswell_e5_2699v3")
    return [
        Row(f"batch {batch}", rate, hwsim.estimate(mlp0(batch), device).totals.throughput_per_s, 1.3e12 / 2 / 20e6)
        for batch, rate in MLP0_HASWELL
    ]


def orin() -> list[Row]:
    """Images a second by the best mapping of each layer, and at the peak of multiplying."""
    networks = {
        "ResNet-50": edge_networks.resnet(50, 224, 1, 1000, 0, 2),
        "ResNet-34 backbone": edge_networks.resnet(34, 768, 1, 1000, 1280),
        "SSD-MobileNetV1": edge_networks.ssd_mobilenet_v1(2),
    }
    rows = []
    for name, network in networks.items():
        batch, rate = ORIN[name]
        prepared = hwsim.prepare(network, bits="w8a8")
        found = hwsim.estimate(prepared, "jetson_orin_dla", rung="roofline", keep_activations=False).totals
        rows.append(Row(name, rate, found.throughput_per_s, batch * 52.5e12 / 2 / prepared.complexity.macs))
    return rows


def largest_products() -> list[Row]:
    """TFLOPS of the shape that did best, 16-bit floats."""
    rows = []
    for item in table("mamf_achieved_matmul"):
        if item["dtype"] == "bf16" and item["accelerator"] in MAMF:
            m, n, k = map(int, item["best_shape_MxNxK"].split("x"))
            chip = gpu(load(MAMF[item["accelerator"]]), "bfloat16")
            seconds = float(products(chip, m, n, k, bits=16, output_bits=16).seconds)
            rows.append(
                Row(
                    item["accelerator"],
                    float(item["achieved_tflops"]),
                    2e-12 * m * n * k / seconds,
                    float(item["theory_tflops"]),
                )
            )
    return rows
