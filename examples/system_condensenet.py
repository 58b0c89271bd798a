"""CondenseNet for CIFAR: what its published "FLOPs" count.

Huang et al., CVPR 2018, arXiv:1711.09224, and https://github.com/ShichenLiu/CondenseNet (MIT). After training, learned groups of the 1x1
convolutions are ordinary groups behind a shuffle of channels. The published figure counts a MAC as one FLOP, and ReLU and pooling with it.
"""

from __future__ import annotations

import hwsim
from hwsim.graph import Network

GROUPS = CONDENSE = BOTTLENECK = 4
GROWTH = (8, 16, 32)
#: Depth, layers of each stage, published MFLOPs and parameters [M].
CASES = (
    (50, 8, 28.6, 0.22),
    (74, 12, 51.9, 0.41),
    (86, 14, 65.8, 0.52),
    (98, 16, 81.3, 0.65),
    (110, 18, 98.2, 0.79),
    (122, 20, 116.7, 0.95),
)


def condensenet(layers: int) -> Network:
    """Three stages of ``layers`` dense layers each."""
    built = (
        Network.builder("condensenet")
        .input("x", (1, 3, 32, 32))
        .conv(2 * GROWTH[0], kernel=3, bias=False, name="start")
    )
    last = "start"
    for stage, growth in enumerate(GROWTH):
        if stage:
            built.pool(2, kind="average", name=f"pool{stage}")
            last = f"pool{stage}"
        for number in range(layers):
            tag = f"s{stage}l{number}"
            built.at(last).batch_norm().relu().conv(BOTTLENECK * growth, kernel=1, groups=GROUPS, bias=False)
            built.batch_norm().relu().conv(growth, kernel=3, groups=GROUPS, bias=False, name=f"{tag}new")
            built.at(last).concat(f"{tag}new", name=tag)
            last = tag
    return built.batch_norm().relu().global_pool().flatten().dense(10).build()


def flops(network: Network) -> int:
    """MACs, one operation for each element that ReLU looks at, one for each that pooling takes in."""
    found = hwsim.complexity(network).macs
    for layer in network.layers:
        if layer.op in ("Relu", "AveragePool", "GlobalAveragePool"):
            found += network.tensors[layer.inputs[0]].elements
    return found


def main() -> None:
    print(f"{'depth':>6}{'MACs':>10}{'as published counts':>21}{'published':>11}{'parameters':>12}{'published':>11}")
    for depth, layers, published, parameters in CASES:
        network = condensenet(layers)
        found = hwsim.complexity(network)
        print(
            f"{depth:>6}{found.macs / 1e6:>8.2f} M{flops(network) / 1e6:>19.2f} M{published:>9.1f} M"
            f"{found.parameters / 1e6:>10.2f} M{parameters:>9.2f} M"
        )


if __name__ == "__main__":
    main()
