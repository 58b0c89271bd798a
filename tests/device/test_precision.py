from __future__ import annotations

from dataclasses import replace

import pytest

from hwsim.device import Array, Device, Memory, Pool, Precision, load, precision_for
from hwsim.device.precision import known_dtype, throughput_by_bits


def device(*types: str) -> Device:
    """A device with a precision for each ``type`` or ``input×weight``."""
    precisions = []
    for word in types:
        a, _, b = word.partition("×")
        precisions.append(Precision(a, b or a, "float32", 1.0))
    memory = Memory("dram", 1, 1, (Pool(frozenset({"input"}), None),), {"input": "always"})
    return Device("box", "accelerator", "", 1e9, Array(1, 1), tuple(precisions), (memory,))


GPU = ("float64", "float32", "float16", "bfloat16", "tfloat32", "int8", "int4")


@pytest.mark.parametrize(
    ("types", "wanted", "runs", "note"),
    [
        (("int8",), "int8", "int8", None),
        (("int8",), "uint8×int8", "int8", None),
        (("int8",), "int4", "int8", "int4 runs at the int8 rate on box"),
        (("int8",), "int8×int4", "int8", "int8×int4 runs at the int8 rate on box"),
        (("int16", "int8"), "int4", "int8", "int4 runs at the int8 rate on box"),
        (("int16", "int8"), "int8×int16", "int16", "int8×int16 runs at the int16 rate on box"),
        (("int8", "int8×int4"), "int8×int4", "int8×int4", None),
        (("int8", "int8×int4"), "int4", "int8×int4", "int4 runs at the int8×int4 rate on box"),
        (("int8",), "bool", "int8", "bool runs at the int8 rate on box"),
        (("float16", "float32"), "int8", "float16", "int8 runs at the float16 rate on box"),
        (("bfloat16", "float32"), "int16", "float32", "int16 runs at the float32 rate on box"),
        (("float16", "int8"), "float8e4m3fn", "float16", "float8e4m3fn runs at the float16 rate on box"),
        (("float16", "float8"), "float8e5m2×float8e4m3fn", "float8", None),
        (("bfloat16",), "float16", "bfloat16", "float16 runs at the bfloat16 rate on box"),
        (("bfloat16", "float16"), "float16", "float16", None),
        (("int32", "float16"), "int8", "int32", "int8 runs at the int32 rate on box"),
        (("tfloat32", "float32"), "float32", "float32", None),
        (GPU, "float16×int4", "float16", "float16×int4 runs at the float16 rate on box"),
        (GPU, "int32", "float64", "int32 runs at the float64 rate on box"),
        (
            ("int8",),
            "float32",
            "int8",
            "float32 does not run on box: costed as int8, which needs the network quantized to it",
        ),
        (
            ("int16", "int8"),
            "float16",
            "int16",
            "float16 does not run on box: costed as int16, which needs the network quantized to it",
        ),
        (
            ("int8", "float16"),
            "float32",
            "float16",
            "float32 does not run on box: costed as float16, which needs the network converted to it",
        ),
        (
            ("int4",),
            "int8",
            "int4",
            "int8 does not run on box: costed as int4, which needs the network quantized to it",
        ),
    ],
)
def test_fallback(types: tuple[str, ...], wanted: str, runs: str, note: str | None) -> None:
    a, _, b = wanted.partition("×")
    precision, said = precision_for(device(*types), a, b or a)
    assert (precision.input, precision.weight) == ((runs, runs) if "×" not in runs else tuple(runs.split("×")))
    assert said == note


def test_the_order_of_precisions_does_not_matter() -> None:
    for types in (GPU, GPU[::-1]):
        assert precision_for(device(*types), "float16", "float16")[0].input == "float16"
        assert precision_for(device(*types), "int2", "int2")[0].input == "int4"


def test_unknown_types() -> None:
    assert not known_dtype("float")
    assert not known_dtype("int0")
    assert known_dtype("float8e4m3fn")
    with pytest.raises(ValueError, match="not a data type"):
        precision_for(device("int8"), "quaternion", "int8")


@pytest.mark.parametrize(
    ("runs", "bits"),
    [
        ("float32", 24),
        ("float64", 53),
        ("bfloat16", 8),
        ("tfloat32", 11),
        ("float16", 11),
        ("float8e4m3fn", 4),
        ("float8e5m2", 3),
    ],
)
def test_integers_up_to_the_significand_are_exact_in_a_float(runs: str, bits: int) -> None:
    """IEEE 754: the bits that are stored and the hidden one; of float8 those that its name says."""
    for width, fits in ((bits, True), (bits + 1, False)):
        _, note = precision_for(device(runs), f"int{width}", f"int{width}")
        assert note is not None and ("does not run" not in note) is fits, note


@pytest.mark.parametrize(
    ("word", "known"),
    [("int1", True), ("int128", True), ("int129", False), ("int0", False), ("int", False), ("bool", True)],
)
def test_widths_of_data_types(word: str, known: bool) -> None:
    assert known_dtype(word) is known


def test_bits_come_one_by_one_where_weights_are_serial() -> None:
    """Half as many weight bits take half the time; what is native is not said again; the rest is not listed."""
    device = load("hcm_28nm")
    serial = replace(
        device.precisions[0], input="int8", weight="int8", serial="weight", macs_per_pe_per_cycle=1.0, mac_j=8e-12
    )
    device = replace(device, precisions=(serial,))
    for bits, rate in ((8, 1.0), (4, 2.0), (2, 4.0), (1, 8.0)):
        found, note = precision_for(device, "int8", f"int{bits}")
        assert found.macs_per_pe_per_cycle == rate and found.mac_j == pytest.approx(8e-12 / rate)
        said = f"runs bit by bit on hcm_28nm, at {rate:.3g} times the int8 rate"
        assert note is None if bits == 8 else note is not None and note.endswith(said)
    rows = throughput_by_bits(device)
    widths = (1, 2, 4, 8)
    assert [(row["weight_bits"], row["activation_bits"]) for row in rows] == [(w, a) for w in widths for a in widths]
    whole = 2 * device.array.pes * device.clock_hz
    assert [row["ops_per_s"] for row in rows] == [pytest.approx(whole * 8 / w) for w in widths for _ in widths]
    assert [row["native"] for row in rows] == [w == a == 8 for w in widths for a in widths]
    assert {row["runs_as"] for row in rows} == {"int8"}
