"""Which of a device's precisions runs a pair of operand types, and what to say where it is not an exact one."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from hwsim.device.records import Device, Precision

_DTYPE = re.compile(r"(u?int|float|bfloat|tfloat|block|complex)(\d+)(e\d+m(\d+)\w*)?")
#: Bits of the significand, hidden one included: integers up to this width are exact.
_SIGNIFICAND = {"float8": 4, "float16": 11, "bfloat16": 8, "tfloat32": 11, "float32": 24, "float64": 53}


@lru_cache(maxsize=256)
def parse(dtype: str) -> tuple[str, int]:
    """Family (``int``, ``float``) and bits of a data type; raises ValueError for a word that is none."""
    if dtype == "bool":
        return "int", 1
    match = _DTYPE.fullmatch(dtype)
    if not match or not 1 <= int(match.group(2)) <= 128:
        raise ValueError(f"{dtype}: not a data type")
    return ("int" if match.group(1) in {"int", "uint"} else "float"), int(match.group(2))


def known_dtype(dtype: str) -> bool:
    """Whether a word names a data type."""
    try:
        parse(dtype)
    except ValueError:
        return False
    return True


def _significand(dtype: str) -> int:
    match = _DTYPE.fullmatch(dtype)
    if match and match.group(4):
        return int(match.group(4)) + 1
    return _SIGNIFICAND.get(dtype, 0)


def _fits(have: str, runs: str) -> bool:
    """Whether values of ``have`` can be computed on as ``runs``: as wide and of the same family, or an integer in a significand."""
    family, bits = parse(have)
    other, width = parse(runs)
    if family == other:
        return bits <= width
    return family == "int" and bits <= _significand(runs)


def _crossings(precision: Precision, wanted: tuple[str, str]) -> int:
    return sum(
        parse(runs)[0] != parse(have)[0] for have, runs in zip(wanted, (precision.input, precision.weight), strict=True)
    )


def _plain(dtype: str) -> str:
    """A type without what changes no rate: its sign, the variant of FP8."""
    return "float8" if dtype.startswith("float8") else dtype.removeprefix("u")


def _other_format(precision: Precision, wanted: tuple[str, str]) -> int:
    """Operands whose format is another one of the same width (bfloat16 for float16); signedness does not count."""
    pairs = zip(wanted, (precision.input, precision.weight), strict=True)
    return sum(_plain(have) != _plain(runs) and parse(have)[1] == parse(runs)[1] for have, runs in pairs)


def label(input_dtype: str, weight_dtype: str) -> str:
    """A pair of operand types in a word: ``int8``, ``int8×int4``."""
    return input_dtype if input_dtype == weight_dtype else f"{input_dtype}×{weight_dtype}"


def _width(precision: Precision) -> int:
    return parse(precision.input)[1] + parse(precision.weight)[1]


def precision_for(device: Device, input_dtype: str, weight_dtype: str) -> tuple[Precision, str | None]:
    """The precision that runs ``input_dtype`` × ``weight_dtype`` on a device, and a note where it is not that very one.

    In this order: the same types (signed and unsigned alike); the narrowest pair of the same family that is wide enough (float8 runs as
    float16, float16 as bfloat16); a float whose significand holds the integers. An operand that comes a bit a
    cycle (``serial``) makes the rate higher and the energy lower by as much as it is narrower. Where nothing is wide enough, the widest
    pair that the device has, with a note that the network would have to be converted. Raises ValueError for an unknown data type.
    """
    return _chosen(device.precisions, device.name, input_dtype, weight_dtype)


@lru_cache(maxsize=4096)
def _chosen(
    precisions: tuple[Precision, ...], name: str, input_dtype: str, weight_dtype: str
) -> tuple[Precision, str | None]:
    wanted = (input_dtype, weight_dtype)
    pair = label(*wanted)
    usable = [p for p in precisions if _fits(input_dtype, p.input) and _fits(weight_dtype, p.weight)]
    if not usable:
        families = [parse(dtype)[0] for dtype in wanted]
        widest = max(
            precisions,
            key=lambda p: (
                sum(parse(t)[0] == f for t, f in zip((p.input, p.weight), families, strict=True)),
                _width(p),
            ),
        )
        runs = label(widest.input, widest.weight)
        how = "quantized" if parse(widest.input)[0] == "int" else "converted"
        return widest, f"{pair} does not run on {name}: costed as {runs}, which needs the network {how} to it"
    best = min(
        usable, key=lambda p: (_crossings(p, wanted), _width(p), _other_format(p, wanted), -p.macs_per_pe_per_cycle)
    )
    pairs = zip(wanted, (best.input, best.weight), strict=True)
    if all(_plain(have) == _plain(runs) for have, runs in pairs):
        return best, None
    steps = _serial_steps(best, wanted)
    if steps < 1:
        energy = None if best.mac_j is None else best.mac_j * steps
        faster = replace(best, macs_per_pe_per_cycle=best.macs_per_pe_per_cycle / steps, mac_j=energy)
        return (
            faster,
            f"{pair} runs bit by bit on {name}, at {1 / steps:.3g} times the {label(best.input, best.weight)} rate",
        )
    return best, f"{pair} runs at the {label(best.input, best.weight)} rate on {name}"


def _serial_steps(precision: Precision, wanted: tuple[str, str]) -> float:
    """Cycles of a MAC with operands of these types over those with the precision's own [1]."""
    share = 1.0
    for operand, have, runs in zip(("input", "weight"), wanted, (precision.input, precision.weight), strict=True):
        if operand == precision.serial:
            share *= parse(have)[1] / parse(runs)[1]
    return share


#: Widths of integers that a table of throughputs shows [bit].
WIDTHS = (1, 2, 4, 8, 16)


def throughput_by_bits(device: Device) -> list[dict[str, object]]:
    """Peak of a device by the widths of weights and activations, one row a pair: ``weight_bits``, ``activation_bits``, ``ops_per_s``
    [op/s], ``runs_as`` and ``native``. Pairs that it does not compute at all are left out.
    """
    rows: list[dict[str, object]] = []
    for weight in WIDTHS:
        for activation in WIDTHS:
            runs, note = precision_for(device, f"int{activation}", f"int{weight}")
            if not (_fits(f"int{activation}", runs.input) and _fits(f"int{weight}", runs.weight)):
                continue
            rate = 2 * device.array.pes * runs.macs_per_pe_per_cycle * device.clock_hz
            rows.append(
                {
                    "weight_bits": weight,
                    "activation_bits": activation,
                    "ops_per_s": rate,
                    "runs_as": label(runs.input, runs.weight),
                    "native": note is None,
                }
            )
    return rows
