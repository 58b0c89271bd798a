"""Pieces: which core runs which part of which layer."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwsim.errors import UsageError, nearest
from hwsim.estimation.prepare import Prepared
from hwsim.workload.division import WHOLE, By, Part, divide


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a layer on a core."""

    core: int
    part: Part


#: The pieces of every layer, in the order of ``Prepared.priced``.
Placement = tuple[tuple[Piece, ...], ...]


def on_one(prepared: Prepared) -> Placement:
    """Every layer whole on core 0."""
    return tuple((Piece(0, Part(work, needed={name: WHOLE for name, _ in work.reads})),) for _, work in prepared.priced)


def divided(prepared: Prepared, cores: int, by: Mapping[int, By | int]) -> Placement:
    """Layers divided ``by`` channels or rows over all cores, or whole on a core, by position.

    What cannot be divided runs whole on the core of least MACs so far.
    """
    load = [0] * cores
    found: list[tuple[Piece, ...]] = []
    for position, (layer, work) in enumerate(prepared.priced):
        way = by[position]
        whole = Part(work, needed={name: WHOLE for name, _ in work.reads})
        if isinstance(way, int):
            pieces: tuple[Piece, ...] = (Piece(way, whole),)
        else:
            parts = divide(layer, work, prepared.network, cores, way)
            first = load.index(min(load)) if len(parts) == 1 else 0
            pieces = tuple(Piece(first + core, part) for core, part in enumerate(parts))
        for piece in pieces:
            load[piece.core] += max(1, piece.part.work.macs)
        found.append(pieces)
    return tuple(found)


def by_hand(prepared: Prepared, cores: int, place: Sequence[str]) -> dict[int, By | int]:
    """What ``LAYER=WAY`` says, by position: ``channels``, ``rows`` or a core's number. LAYER may be a pattern; the first that fits counts.

    Raises UsageError for what is not of that form, a core that is not there, or a pattern that fits no layer.
    """
    names = [layer.name for layer, _ in prepared.priced]
    found: dict[int, By | int] = {}
    for text in place:
        pattern, sign, way = text.rpartition("=")
        if not sign or not pattern:
            raise UsageError(f"--place {text}: needs LAYER=channels, LAYER=rows or LAYER=CORE")
        value: By | int
        if way in ("channels", "rows"):
            value = "channels" if way == "channels" else "rows"
        elif way.isdecimal() and int(way) < cores:
            value = int(way)
        else:
            raise UsageError(
                f"--place {text}: {way or 'nothing'} is neither channels, rows nor a core from 0 to {cores - 1}"
            )
        fitting = [position for position, name in enumerate(names) if fnmatch.fnmatchcase(name, pattern)]
        if not fitting:
            raise UsageError(f"--place {text}: there is no such layer{nearest(pattern, names)}")
        for position in fitting:
            found.setdefault(position, value)
    return found
