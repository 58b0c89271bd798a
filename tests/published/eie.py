"""One PE of EIE beside technology tables: Han et al., ISCA 2016, Table II, 45 nm, as transcribed (secondary).

Capacities, widths and rates of access are the paper's as recalled: 128 KiB of weights read by words of 64 bits, one for eight cycles of
multiplying; two banks of 16 KiB of pointers, 16 bits wide; 2 KiB of activations; 800 MHz.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.device.technology import Technology
from hwsim.device.technology.storage import sram

#: Power [mW] and area [um2] of the PE's parts; memory and the clock network go through all of them.
TABLE_II = {
    "total": (9.157, 638024), "memory": (5.416, 594786), "clock network": (1.874, 866), "register": (1.026, 9465),
    "combinational": (0.841, 8946), "act queue": (0.112, 758), "PtrRead": (1.807, 121849), "SpmatRead": (4.955, 469412),
    "ArithmUnit": (1.162, 3110), "ActRW": (1.122, 18934),
}  # fmt: skip
_CLOCK_HZ, _MACS_A_WORD = 800e6, 8
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Part:
    """A part's figure: published and found, in one unit; naive : a share of the PE in proportion to the bits that the part stores."""

    name: str
    published: float
    found: float
    naive: float


def areas(node_nm: float = 45) -> list[Part]:
    """Areas of the three memories [um2], from CACTI's table."""
    technology = Technology(node_nm)
    memories = {
        "SpmatRead": (sram(technology, 128 * _KIB, 64), 128),
        "PtrRead": (sram(technology, 32 * _KIB, 16, banks=2), 32),
        "ActRW": (sram(technology, 2 * _KIB, 16), 2),
    }
    whole = TABLE_II["total"][1]
    return [
        Part(name, TABLE_II[name][1], made.area.value * 1e12, whole * kib / 162)
        for name, (made, kib) in memories.items()
    ]


def power_of_weights() -> Part:
    """Power of reading weights [mW]: of what the part takes, the share that memory has of the whole PE."""
    made = sram(Technology(45), 128 * _KIB, 64)
    found = 1e3 * (made.read.value * _CLOCK_HZ / _MACS_A_WORD + made.leakage.value)
    share = TABLE_II["memory"][0] / TABLE_II["total"][0]
    return Part("SpmatRead, memory", TABLE_II["SpmatRead"][0] * share, found, TABLE_II["total"][0] * 128 / 162)
