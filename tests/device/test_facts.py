"""Profiles beside all facts at hand: no contradiction without a reason, nothing unverified that is not ``estimated``."""

from __future__ import annotations

import fnmatch

import pytest

from hwsim.device import Device, available, load
from tests.device.facts import FIELDS, PROFILES, Fact, facts
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared
FACTS = facts() if SHARED.is_dir() else []
#: Facts that a profile does not repeat, and why.
APART = {
    ("diannao", "peak_GOPS"): "452 counts products and sums in its own way: 256 MACs at 0.98 GHz are 502 with 2 operations a MAC",
    ("moons_40nm_envision_predecessor", "peak_GOPS"): "102 stands for 200 MHz, the clock beside it is 204",
    ("h100_sxm", "fp32_TFLOPS"): "67 stands for 1980 MHz, the clock beside it is 1830",
    ("l4", "fp32_TFLOPS"): "30.29 is of 58 SMs, the same text has 60, which its tensor peaks agree with",
    ("mi210", "l2_MB"): "the row itself doubts the 16 MB of both dies: 8 a die, estimated",
    ("coral_edgetpu", "sram_MB"): "8 MB hold weights, which the maker says; 4 MB for activations beside them are estimated",
    ("groq_tsp", "die_mm2"): "25 by 29 mm, of which the reader of single numbers sees the first",
    ("moons_40nm_envision_predecessor", "power_mW"): "a range, 25 to 288: the profile has its end as the peak",
}  # fmt: skip
#: The profiles that were asked for by name.
ASKED = """
eyeriss_v1 tpu_v1 edge_tpu nnp_i_1100 nvdla_full a100_sxm_80g h100_sxm t4 v100 jetson_orin_agx cortex_a76 cortex_m7
generic_x86_server_core hcm_28nm simba_like ws_16x16 ws_128x128 ethos_u55_like eyeriss_v2 simba nvdla_small diannao shidiannao eie
unpu envision_like tpu_v2 tpu_v3 tpu_v4 tpu_v4i tpu_v5e hailo_8 ethos_u55_128 ethos_u55_256 ethos_u65_512 stm32n6 cortex_m4
cortex_a53 cortex_a72 raspberry_pi_4 jetson_tx2 jetson_xavier_nx movidius_ncs2 zcu104_dpu snapdragon_821_cpu l4 l40 a40 p100 p4
rtx_4090 mi100 mi210 mi250 mi300x groq_tsp graphcore_gc200 cerebras_wse2
"""


#: Words of a field that name a type.
TYPES = {"int8": "int8", "fp16": "float16", "bf16": "bfloat16", "fp32": "float32", "fp8": "float8", "tf32": "tfloat32"}


def _qualities(device: Device, fact: Fact) -> set[str]:
    """Qualities of the numbers of a profile that stand at the key of a fact."""
    key, _ = FIELDS[fact.field]
    if key == "peak":
        key = f"compute.precisions.{next((name for word, name in TYPES.items() if word in fact.field), '*')}.peak_tops"
    return {device.qualities.get(name, "") for name in device.quantities if fnmatch.fnmatch(name, f"{key}*")}


def test_every_name_that_was_asked_for_is_there() -> None:
    assert set(ASKED.split()) <= set(available())
    assert len(load("jetson_tx2").operating_points) == 3


def test_most_facts_find_a_reading() -> None:
    assert len(FACTS) > 150
    assert {name for names in PROFILES.values() for name in names} <= set(available())
    assert set(APART) <= {(fact.device, fact.field) for fact in FACTS}


@pytest.mark.parametrize("name", sorted({name for names in PROFILES.values() for name in names}))
def test_a_profile_contradicts_no_fact(name: str) -> None:
    device, seen = load(name), 0
    for fact in FACTS:
        if name not in PROFILES[fact.device] or (fact.device, fact.field) in APART:
            continue
        found = FIELDS[fact.field][1](device)
        if found is not None:
            assert found == pytest.approx(fact.value, rel=0.02), fact
            seen += 1
    assert seen, "no fact was compared"


@pytest.mark.parametrize(
    "fact", [fact for fact in FACTS if fact.basis == "U"], ids=lambda fact: f"{fact.device}-{fact.field}"
)
def test_what_is_only_recalled_is_estimated(fact: Fact) -> None:
    for name in PROFILES[fact.device]:
        assert _qualities(load(name), fact) <= {"estimated"}
