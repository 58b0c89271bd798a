"""ResNet-50 on inference cards behind a PCIe switch: copies, a pipeline, divided layers; and two cards beside their MLPerf figure.

The figure: MLPerf inference v0.5, closed division preview, Intel, 2 x NNP-I 1000: 10,579.5 samples/s offline. The card modelled is an
NNP-I 1100.
"""

from __future__ import annotations

import hwsim
from hwsim.errors import Infeasible
from hwsim.system.profile import load_system
from hwsim.system.run import run

MLPERF = 10_579.5


def main() -> None:
    system = load_system("glacier_point_v2")
    prepared = hwsim.prepare("light_resnet50", bits="w8a8", batch=8)
    print(f"{'six cards as':<14}{'latency':>12}{'inferences/s':>14}{'memory a card':>15}  bound by")
    for way in ("data", "pipeline", "channels", "rows"):
        found = run(prepared, system, way)
        assert not isinstance(found, Infeasible)
        memory = max(share.memory_bytes for share in found.shares) / 1e6
        print(
            f"{way:<14}{1e3 * found.latency_s:>9.3f} ms{found.throughput_per_s:>14,.0f}{memory:>12.1f} MB  {found.bound_by}"
        )
    two = run(prepared, system, "data", workers=["card0", "card1"])
    assert not isinstance(two, Infeasible)
    macs = prepared.complexity.macs / 8
    peak = 2 * 50e12
    print(f"\ntwo cards: at most {two.throughput_per_s:,.0f} images/s by the roofline; MLPerf measured {MLPERF:,.0f}:")
    print(f"{MLPERF / two.throughput_per_s:.0%} of the bound, {2 * macs * MLPERF / peak:.0%} of the peak of both cards")


if __name__ == "__main__":
    main()
