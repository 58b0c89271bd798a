"""Networks of a device-aware search, built from their strings: what they ask for, and which is best on which device.

The space is OFA's MobileNetV3 (Cai et al., "Once-for-All," ICLR 2020) at width 1.2 as PNAG searches it (Guo et al., arXiv:2210.07634). A
string gives depths : kernels : expansions of five units of four slots.
"""

from __future__ import annotations

from collections.abc import Iterator

import hwsim
from hwsim.study import best_under, pareto

WIDTHS = (32, 48, 96, 136, 192)
STRIDES = (2, 2, 2, 1, 2)
SQUEEZED = (False, True, False, True, True)
#: Three of the published networks, by the device that they were found for.
STRINGS = {
    "cpu-30": "2,2,3,3,3:5,5,0,0,5,5,0,0,7,5,7,0,3,5,5,0,7,5,5,0:3,3,0,0,4,3,0,0,4,3,3,0,6,4,4,0,6,6,6,0",
    "gpu-90": "2,2,3,3,4:3,3,0,0,5,3,0,0,5,5,3,0,3,7,3,0,5,3,3,7:3,3,0,0,3,4,0,0,3,3,3,0,4,3,4,0,6,6,6,3",
    "mobile-200": "4,4,4,4,4:5,5,5,5,5,7,3,5,7,5,5,3,3,5,5,3,5,3,3,5:6,6,6,6,4,6,6,6,6,6,6,6,6,6,6,6,6,6,6,6",
}


def rounded(channels: float) -> int:
    """The nearest multiple of 8, never below nine tenths."""
    whole = max(8, int(channels + 4) // 8 * 8)
    return whole + 8 if whole < 0.9 * channels else whole


def slots(text: str) -> Iterator[tuple[int, int, int, int]]:
    """Unit, place in it, kernel and expansion of every block that a string uses."""
    depths, kernels, expansions = ([int(word) for word in part.split(",")] for part in text.split(":"))
    for unit, depth in enumerate(depths):
        for place in range(depth):
            yield unit, place, kernels[4 * unit + place], expansions[4 * unit + place]


def network(name: str, text: str) -> hwsim.Network:
    """The network of a string, batch 1, 224 x 224."""
    build = hwsim.Network.builder(name).input("image", (1, 3, 224, 224))
    build.conv(24, kernel=3, stride=2, name="stem").activation("HardSwish")
    build.depthwise(kernel=3, name="first.depthwise").relu().conv(24, kernel=1, name="first.project")
    channels, last = 24, "first.project"
    for unit, place, kernel, expansion in slots(text):
        label, act = f"u{unit}.{place}", "Relu" if unit < 2 else "HardSwish"
        stride = STRIDES[unit] if place == 0 else 1
        middle = rounded(round(channels * expansion))
        build.conv(middle, kernel=1, name=f"{label}.expand").activation(act)
        build.depthwise(kernel=kernel, stride=stride, name=f"{label}.depthwise").activation(act, name=f"{label}.act")
        if SQUEEZED[unit]:
            build.global_pool().conv(rounded(middle // 4), kernel=1, name=f"{label}.squeeze").relu()
            build.conv(middle, kernel=1, name=f"{label}.excite").activation("HardSigmoid", name=f"{label}.gate")
            build.at(f"{label}.act").mul(f"{label}.gate")
        build.conv(WIDTHS[unit], kernel=1, name=f"{label}.project")
        if stride == 1 and channels == WIDTHS[unit]:
            build.add(last, name=f"{label}.sum")
            last = f"{label}.sum"
        else:
            last = f"{label}.project"
        channels = WIDTHS[unit]
    build.conv(1152, kernel=1, name="final").activation("HardSwish").global_pool()
    build.conv(1536, kernel=1, bias=False, name="feature").activation("HardSwish")
    return build.flatten().dense(1000, name="classifier").build()


def main() -> None:
    """Every network on three devices: the front of latency and size, and the largest network within a power cap."""
    networks = {name: network(name, text) for name, text in STRINGS.items()}
    for device in ("edge_tpu", "cortex_a76", "eyeriss_v1"):
        found = {name: hwsim.estimate(net, device, rung="roofline", bits="w8a8") for name, net in networks.items()}
        costs = [[item.totals.latency_s, -item.totals.macs] for item in found.values()]
        print(device, "front:", [list(found)[place] for place in pareto(costs)])
        columns = {
            "size": [-item.totals.macs for item in found.values()],
            "latency_s": [item.totals.latency_s for item in found.values()],
        }
        middle = sorted(columns["latency_s"])[1]
        best = best_under(columns, "size", {"latency_s": middle})
        print(f"  largest within {middle * 1e3:.3g} ms: {'none' if best is None else list(found)[best]}")


if __name__ == "__main__":
    main()
