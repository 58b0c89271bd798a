"""NVDLA's primer (nvdla.org, Example Area and Performance): frames of ResNet-50 a second, by size of the array.

Tolerance: a roofline knows nothing of channels that fill no array, so it is up to 40 % fast for 128 MACs and more, and twice for the two
smallest, which the primer charges for more traffic than their tensors. It is never slower.
"""

from __future__ import annotations

from tests.published.accelerators import PRIMER, primer
from tests.published.edge_families import table
from tests.shared import needs_shared


def test_frames_of_nvdlas_primer() -> None:
    for macs, (ours, theirs) in primer().items():
        assert 1 <= ours / theirs <= (1.4 if macs >= 128 else 1.9)


@needs_shared
def test_the_facts_are_those_at_hand() -> None:
    names = ("macs", "conv_buffer_kB", "sdram_GBps", "resnet50_fps")
    found = [tuple(float(row[name]) for name in names) for row in table("nvdla_primer_resnet50")]
    assert found == [tuple(map(float, row[:4])) for row in PRIMER]
