"""Units of profile keys: the suffix of a key names its unit; here are the factors to SI."""

from __future__ import annotations

from functools import lru_cache

#: Suffix of a key: (unit as printed, factor to SI). Longer suffixes are tried first.
UNITS: dict[str, tuple[str, float]] = {
    "_bytes": ("B", 1.0),
    "_kib": ("KiB", 1024.0),
    "_mib": ("MiB", 1024.0**2),
    "_gib": ("GiB", 1024.0**3),
    "_bits": ("bit", 1.0),
    "_mhz": ("MHz", 1e6),
    "_nm": ("nm", 1.0),
    "_v": ("V", 1.0),
    "_c": ("°C", 1.0),
    "_c_per_w": ("K/W", 1.0),
    "_gb_per_s": ("GB/s", 1e9),
    "_gbit_per_s": ("Gbit/s", 1e9 / 8),
    "bytes_per_cycle": ("B/cycle", 1.0),
    "_pj_per_byte": ("pJ/B", 1e-12),
    "_pj_per_bit": ("pJ/bit", 8e-12),
    "pj_per_byte": ("pJ/B", 1e-12),
    "pj_per_bit": ("pJ/bit", 8e-12),
    "_pj": ("pJ", 1e-12),
    "_us": ("µs", 1e-6),
    "_mw": ("mW", 1e-3),
    "_w": ("W", 1.0),
    "_mm2": ("mm²", 1.0),
    "_tops": ("Top/s", 1e12),
    "_cycles": ("cycle", 1.0),
    "ops_per_cycle": ("op/cycle", 1.0),
    "by_function": ("op/cycle", 1.0),
    "macs_per_pe_per_cycle": ("MAC/cycle", 1.0),
}
_BY_LENGTH = sorted(UNITS, key=len, reverse=True)

#: Keys that say the same thing in different units: at most one of each row, and overriding one replaces the others.
ALTERNATIVES: tuple[tuple[str, ...], ...] = (
    ("capacity_bytes", "capacity_kib", "capacity_mib", "capacity_gib"),
    ("bytes_per_cycle", "bandwidth_gb_per_s", "bandwidth_gbit_per_s"),
    ("read_bytes_per_cycle", "read_gb_per_s"),
    ("write_bytes_per_cycle", "write_gb_per_s"),
    ("pj_per_byte", "pj_per_bit"),
    ("read_pj_per_byte", "read_pj_per_bit"),
    ("write_pj_per_byte", "write_pj_per_bit"),
    ("hop_pj_per_byte", "hop_pj_per_bit"),
    ("static_mw", "static_w"),
    ("tdp_mw", "tdp_w"),
    ("idle_mw", "idle_w"),
    ("peak_mw", "peak_w"),
    ("average_mw", "average_w"),
    ("cap_mw", "cap_w"),
    ("per", "mesh"),
    ("link_gb_per_s", "link_gbit_per_s"),
)
_ROW = {key: row for row in ALTERNATIVES for key in row}


def alternatives(key: str) -> tuple[str, ...]:
    """Other keys that say the same as ``key`` in another unit."""
    return tuple(other for other in _ROW.get(key, ()) if other != key)


@lru_cache(maxsize=512)
def unit(key: str) -> tuple[str, float]:
    """Unit that a key ends in, as printed, and its factor to SI; ``("", 1.0)`` for a plain count."""
    for suffix in _BY_LENGTH:
        if key.endswith(suffix):
            return UNITS[suffix]
    return "", 1.0
