"""How wrong is it on a real chip? Eyeriss (65 nm) running the convolutions of AlexNet, batch 4: predicted beside measured latency.

Measured: Chen et al., IEEE JSSC 52(1), 2017, doi:10.1109/JSSC.2016.2616357, Table V. Nothing in the profile is fitted to these times. The
roofline is near them; the mapping model searches the least energy times delay under its rules, which is not the mapping that the chip ran.
"""

from __future__ import annotations

import hwsim
from hwsim.report.validation_tables import comparison_text
from hwsim.validation.cases import Case, Cases
from hwsim.validation.comparison import compare
from hwsim.validation.measured import Measurement

#: Total latency of a batch of four [ms], CONV1 to CONV5.
MEASURED_MS = (20.9, 41.9, 23.6, 18.4, 10.5)

network = (
    hwsim.Network.builder("alexnet_conv")
    .input("image", (4, 3, 227, 227))
    .conv(96, kernel=11, stride=4, name="CONV1")
    .pool(3, stride=2)
    .conv(256, kernel=5, padding=2, groups=2, name="CONV2")
    .pool(3, stride=2)
    .conv(384, kernel=3, padding=1, name="CONV3")
    .conv(384, kernel=3, padding=1, groups=2, name="CONV4")
    .conv(256, kernel=3, padding=1, groups=2, name="CONV5")
    .build()
)
prepared = hwsim.prepare(network, bits="w16a16")
rows = tuple(Measurement(f"CONV{number}", latency_s=ms * 1e-3) for number, ms in enumerate(MEASURED_MS, 1))
found = Cases((Case("alexnet_conv", prepared, rows),))

for rung in ("roofline", "mapping"):
    comparison = compare(found, hwsim.load_device("eyeriss_v1"), rung=rung)
    print(comparison_text(comparison), end="\n\n")
