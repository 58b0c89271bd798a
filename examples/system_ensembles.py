"""Several small networks instead of a wide one: parameters, MACs, and the speedup that running them at once could give.

Zhao et al., "Towards better accuracy-efficiency trade-offs: divide and co-training," IEEE TIP 2022, arXiv:2011.14660, tables II and IV.
"""

from __future__ import annotations

import hwsim
from hwsim.graph import Network
from hwsim.graph.builder import Builder
from hwsim.system.compose import ensemble


def _block(built: Builder, width: int, stride: int, before: int, tag: str) -> None:
    """Pre-activated residual block of a wide ResNet (Zagoruyko and Komodakis, BMVC 2016)."""
    built.batch_norm(name=f"{tag}n1").relu(name=f"{tag}r1").conv(width, kernel=3, stride=stride, bias=False)
    built.batch_norm().relu().conv(width, kernel=3, bias=False, name=f"{tag}c2")
    shortcut = f"{tag}in"
    if stride != 1 or before != width:
        built.at(f"{tag}r1").conv(width, kernel=1, stride=stride, bias=False, name=f"{tag}s")
        shortcut = f"{tag}s"
    built.at(f"{tag}c2").add(shortcut, name=tag)


def wide_resnet(depth: int, width: int, dtype: str = "float32") -> Network:
    """WRN-depth-width for 32x32 images."""
    built = Network.builder(f"wrn{depth}_{width}").input("x", (1, 3, 32, 32), dtype).conv(16, kernel=3, bias=False)
    channels = 16
    for stage, wide in enumerate((16 * width, 32 * width, 64 * width)):
        for number in range((depth - 4) // 6):
            tag = f"b{stage}_{number}"
            built.activation("Identity", name=f"{tag}in")
            _block(built, wide, 2 if stage and not number else 1, channels, tag)
            channels = wide
    return built.batch_norm().relu().global_pool().flatten().dense(100).build()


def bottleneck(group_width: int, blocks: tuple[int, ...] = (3, 4, 6, 3), dtype: str = "float32") -> Network:
    """Wide ResNet-50 for 224x224 images with the deep stem (64-64-128) and pooled shortcuts; group_width 64 is ResNet-50 itself."""
    built = Network.builder(f"wrn50_{group_width}").input("x", (1, 3, 224, 224), dtype)
    for filters, stride in ((64, 2), (64, 1), (128, 1)):
        built.conv(filters, kernel=3, stride=stride, bias=False).batch_norm().relu()
    built.pool(3, stride=2, padding=1)
    channels = 128
    for stage, count in enumerate(blocks):
        inner, outer = group_width * 2**stage, 256 * 2**stage
        for number in range(count):
            tag, stride = f"b{stage}_{number}", 2 if stage and not number else 1
            built.activation("Identity", name=f"{tag}in")
            built.conv(inner, kernel=1, bias=False).batch_norm().relu()
            built.conv(inner, kernel=3, stride=stride, bias=False).batch_norm().relu()
            built.conv(outer, kernel=1, bias=False).batch_norm(name=f"{tag}out")
            shortcut = f"{tag}in"
            if channels != outer:
                built.at(shortcut)
                if stride > 1:
                    built.pool(2, stride=2, kind="average")
                built.conv(outer, kernel=1, bias=False).batch_norm(name=f"{tag}s")
                shortcut = f"{tag}s"
            built.at(f"{tag}out").add(shortcut).relu(name=tag)
            channels = outer
    return built.global_pool().flatten().dense(1000).build()


#: Name, network of one member, members, published parameters [M] and MACs [G] of all together.
CASES = (
    ("WRN-28-10", lambda: wide_resnet(28, 10), 1, 36.5, 5.25),
    ("WRN-28-10 as 2", lambda: wide_resnet(28, 7), 2, 35.8, 5.16),
    ("WRN-28-10 as 4", lambda: wide_resnet(28, 5), 4, 36.7, 5.28),
    ("WRN-16-8", lambda: wide_resnet(16, 8), 1, 11.0, 1.55),
    ("WRN-16-8 as 4", lambda: wide_resnet(16, 4), 4, 11.1, 1.58),
    ("WRN-50-2", lambda: bottleneck(128), 1, 68.9, 12.8),
    ("WRN-50-2 as 2", lambda: bottleneck(64), 2, 51.4, 10.9),
    ("WRN-50-3", lambda: bottleneck(192), 1, 135.0, 23.8),
    ("WRN-50-3 as 2", lambda: bottleneck(128), 2, 138.0, 25.6),
)


def main() -> None:
    head = f"{'network':<16}{'parameters':>11}{'published':>10}{'MACs':>9}{'published':>10}"
    print(f"{head}{'at once':>9}{'one device':>12}{'a device each':>15}")
    wide = None
    for name, make, members, parameters, macs in CASES:
        one = hwsim.prepare(make())
        found = one.complexity
        estimate = hwsim.estimate(one, "v100", rung="roofline")
        if members == 1:
            wide = estimate
        assert wide is not None
        latency = wide.totals.latency_s
        together = latency / ensemble([estimate] * members).latency_s
        apart = latency / ensemble([estimate] * members, devices=members).latency_s
        print(
            f"{name:<16}{members * found.parameters / 1e6:>9.1f} M{parameters:>8.1f} M{members * found.macs / 1e9:>7.2f} G{macs:>8.2f} G"
            f"{wide.totals.macs / found.macs:>8.2f}x{together:>11.2f}x{apart:>14.2f}x"
        )


if __name__ == "__main__":
    main()
