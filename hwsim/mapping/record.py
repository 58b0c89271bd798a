"""Mapping: the loops of a nest, placed."""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.workload.nest import Dim


@dataclass(frozen=True, slots=True)
class LevelLoops:
    """Loops at one level.

    temporal : (dim, factor), inner to outer, factors ≥ 1; a dim at most once. spatial_x, spatial_y : (dim, factor) spread over the
    children's axes (a level's spatial loops lie between it and the next inner level). keep : input, weight, output held here.
    """

    temporal: tuple[tuple[Dim, int], ...] = ()
    spatial_x: tuple[tuple[Dim, int], ...] = ()
    spatial_y: tuple[tuple[Dim, int], ...] = ()
    keep: tuple[bool, bool, bool] = (True, True, True)


@dataclass(frozen=True, slots=True)
class Mapping:
    """One placement of a nest: levels innermost first.

    The factors of a dim, multiplied over all levels, temporal and spatial, cover its extent. Where they do not divide it, the
    nominal tile of a loop is the product of the factors inside of it and its trip count within a parent tile of extent e is
    ceil(e / tile), the last trip being partial; the outermost factor is the trip count that follows.
    """

    levels: tuple[LevelLoops, ...]
