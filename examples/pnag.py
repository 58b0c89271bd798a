"""Networks of a device-aware search, built from their strings: what they ask for, and which is best on which device.

The space is OFA's MobileNetV3 (Cai et al., "Once-for-All," ICLR 2020) at width 1.2 as PNAG searches it (Guo et al., arXiv:2210.07634). A
string gives depths : kernels : expansions of five units of four slots.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import hwsim
from hwsim.estimation import Prepared
from hwsim.study import best_under, pareto

WIDTHS = (32, 48, 96, 136, 192)
STRIDES = (2, 2, 2, 1, 2)
SQUEEZED = (False, True, False, True, True)
#: The published networks, by the device that they were found for and its latency in ms.
STRINGS = {
    "cpu-30": "2,2,3,3,3:5,5,0,0,5,5,0,0,7,5,7,0,3,5,5,0,7,5,5,0:3,3,0,0,4,3,0,0,4,3,3,0,6,4,4,0,6,6,6,0",
    "cpu-35": "2,3,3,3,3:5,3,0,0,5,5,7,0,5,7,7,0,5,5,7,0,7,5,7,0:3,4,0,0,4,6,3,0,6,4,6,0,6,6,6,0,6,6,6,0",
    "cpu-40": "2,3,4,4,4:5,3,0,0,7,5,7,0,5,5,3,3,5,7,7,7,3,3,3,7:4,4,0,0,4,4,4,0,4,6,6,4,6,4,6,6,6,6,6,4",
    "cpu-45": "2,3,4,4,4:7,5,0,0,7,7,7,0,7,5,3,7,7,7,7,7,7,3,3,7:4,6,0,0,6,6,6,0,6,6,6,6,6,6,6,6,6,6,6,6",
    "cpu-50": "3,4,4,4,4:5,3,7,0,5,7,7,7,7,7,3,7,7,7,7,7,5,7,3,7:4,4,6,0,6,6,6,6,6,6,4,6,6,6,6,6,6,6,6,6",
    "gpu-90": "2,2,3,3,4:3,3,0,0,5,3,0,0,5,5,3,0,3,7,3,0,5,3,3,7:3,3,0,0,3,4,0,0,3,3,3,0,4,3,4,0,6,6,6,3",
    "gpu-115": "2,3,3,4,4:3,3,0,0,5,3,3,0,5,5,3,0,3,5,5,5,7,7,7,5:3,3,0,0,4,4,4,0,4,3,4,0,6,4,6,4,6,6,6,4",
    "gpu-140": "2,3,4,4,4:3,3,0,0,7,5,5,0,5,7,5,5,3,5,5,5,7,7,5,5:4,3,0,0,6,4,4,0,4,4,6,6,6,6,6,6,6,6,6,4",
    "gpu-165": "2,4,4,4,4:3,3,0,0,7,5,5,5,7,5,7,5,7,7,7,5,7,7,7,5:3,4,0,0,6,6,6,6,6,6,4,6,6,6,6,6,6,6,6,6",
    "gpu-190": "3,4,4,4,4:3,3,5,0,7,3,5,7,7,7,5,3,7,5,7,5,7,3,7,3:4,4,6,0,6,4,6,6,6,6,6,6,6,6,6,6,6,6,6,6",
    "mobile-80": "2,3,3,3,3:3,3,0,0,3,5,3,0,3,3,5,0,3,3,5,0,5,5,7,0:3,3,0,0,4,3,3,0,4,4,4,0,4,6,6,0,6,6,3,0",
    "mobile-110": "2,3,3,4,4:5,3,0,0,5,3,3,0,3,5,5,0,5,5,5,3,7,5,7,5:3,4,0,0,3,4,4,0,3,3,6,0,4,6,6,6,6,6,6,6",
    "mobile-140": "2,4,4,4,4:5,3,0,0,5,5,5,3,5,5,5,5,3,5,5,5,7,5,5,5:4,3,0,0,4,4,4,6,6,3,6,3,6,6,4,6,6,6,6,3",
    "mobile-170": "3,4,4,4,4:5,3,7,0,5,5,5,5,5,5,5,5,3,5,5,3,7,5,5,5:4,4,6,0,4,4,6,6,6,4,6,6,6,6,4,6,6,6,6,6",
    "mobile-200": "4,4,4,4,4:5,5,5,5,5,7,3,5,7,5,5,3,3,5,5,3,5,3,3,5:6,6,6,6,4,6,6,6,6,6,6,6,6,6,6,6,6,6,6,6",
}
#: One batch of networks, priced on each of these.
DEVICES = ("edge_tpu", "cortex_a76", "tpu_v1", "eyeriss_v1", "ws_16x16")


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


def priced(device: str) -> dict[str, hwsim.Estimate]:
    """Every network on a device, at 8 bits."""
    return {name: hwsim.estimate(net, device, rung="roofline") for name, net in networks().items()}


@cache
def networks() -> dict[str, Prepared]:
    """All networks, lowered once for all devices."""
    return {name: hwsim.prepare(network(name, text), bits="w8a8") for name, text in STRINGS.items()}


def best_within(found: dict[str, hwsim.Estimate], total: str, most: float) -> str | None:
    """The largest network that keeps within a budget of one total; size (MACs) stands for an accuracy that hwsim does not predict."""
    columns = {
        "size": [-item.totals.macs for item in found.values()],
        total: [getattr(item.totals, total) for item in found.values()],
    }
    best = best_under(columns, "size", {total: most})
    return None if best is None else list(found)[best]


def main() -> None:
    """Fronts of latency and size by device, and the largest network under budgets of latency and power."""
    fronts = {}
    for device in DEVICES:
        found = priced(device)
        costs = [[item.totals.latency_s, -item.totals.macs] for item in found.values()]
        fronts[device] = [list(found)[place] for place in pareto(costs)]
        left_out = [name for name in found if name not in fronts[device]]
        print(f"{device}: {len(fronts[device])} of {len(found)} on the front, without {', '.join(left_out) or 'none'}")
        for total in ("latency_s", "average_power_w"):
            values = [getattr(item.totals, total) for item in found.values()]
            if None in values:
                continue
            middle = sorted(values)[len(values) // 2]
            best = best_within(found, total, middle)
            print(f"  largest with {total} of at most {middle:.3g}: {best}")
            # a cap never admits what breaks it, and one below all admits nothing
            assert best is not None and getattr(found[best].totals, total) <= middle
            assert best_within(found, total, 0.99 * min(values)) is None
    assert len({tuple(names) for names in fronts.values()}) > 1, "the same front on every device"


if __name__ == "__main__":
    main()
