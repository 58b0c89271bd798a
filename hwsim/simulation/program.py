"""Program: what a chip is to run, as streams of tiles on lanes; durations are whole ticks."""

from __future__ import annotations

from dataclasses import dataclass

#: Ticks of one clock cycle: a tile takes a whole number of ticks, which is off by less than a cycle in 65,536 tiles.
TICKS = 1 << 16
#: Stages before the work stages and after them, see ``kernels.events_streams``.
BEFORE = ("launch", "weights", "inputs")
AFTER = ("retire", "store")


@dataclass(frozen=True, slots=True)
class Run:
    """Equal tiles that follow each other. durations : of each stage [tick]."""

    tiles: int
    durations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A pattern of runs that comes ``repeats`` times."""

    pattern: tuple[Run, ...]
    repeats: int = 1

    @property
    def length(self) -> int:
        """Tiles of the pattern [1]."""
        return sum(run.tiles for run in self.pattern)


@dataclass(frozen=True, slots=True)
class Stream:
    """One layer, or one nest of it, on one lane.

    distance : tiles from one use of a buffer to the next, of weights, inputs and outputs [1]; with one tile in the buffer it is 1,
    with two of which each serves r tiles it is r + 1. serial : loads wait for the store of the tile before: nothing of the off-chip
    traffic hides. barrier : begins only when all before it on its lane are finished. gates : streams that must be finished before
    inputs load. layers : positions of those it is of.
    """

    name: str
    lane: int
    blocks: tuple[Block, ...]
    distance: tuple[int, int, int] = (2, 2, 2)
    serial: bool = False
    barrier: bool = False
    gates: tuple[int, ...] = ()
    layers: tuple[int, ...] = (0,)

    @property
    def tiles(self) -> int:
        """Tiles altogether [1]."""
        return sum(block.length * block.repeats for block in self.blocks)

    def work(self, stages: int) -> tuple[int, ...]:
        """Ticks of all tiles together by stage [tick]."""
        total = [0] * stages
        for block in self.blocks:
            for run in block.pattern:
                for stage, duration in enumerate(run.durations):
                    total[stage] += duration * run.tiles * block.repeats
        return tuple(total)


@dataclass(frozen=True, slots=True)
class Lane:
    """One core's sequence of streams. engines : the engine of each stage, -1 where a stage never takes time there; core : its number."""

    name: str
    engines: tuple[int, ...]
    core: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """Streams in a topological order over lanes and engines. stages, engines : names, those of the lanes' engines being indices."""

    stages: tuple[str, ...]
    engines: tuple[str, ...]
    lanes: tuple[Lane, ...]
    streams: tuple[Stream, ...]

    @property
    def work(self) -> tuple[int, ...]:
        """Ticks that each engine is at work [tick]."""
        busy = [0] * len(self.engines)
        for stream in self.streams:
            engines = self.lanes[stream.lane].engines
            for engine, ticks in zip(engines, stream.work(len(self.stages)), strict=True):
                if engine >= 0:
                    busy[engine] += ticks
        return tuple(busy)

    @property
    def owners(self) -> tuple[int, ...]:
        """The core that each engine is of, -1 for those that several cores share."""
        found: dict[int, set[int]] = {}
        for lane in self.lanes:
            for engine in lane.engines:
                found.setdefault(engine, set()).add(lane.core)
        users = [found.get(engine, set()) for engine in range(len(self.engines))]
        return tuple(next(iter(cores)) if len(cores) == 1 else -1 for cores in users)

    @property
    def cores(self) -> int:
        """Cores that lanes are of [1]."""
        return len({lane.core for lane in self.lanes})

    def times(self, number: int) -> Program:
        """The same ``number`` times over: as many inferences, one after the other on every lane."""
        count = len(self.streams)
        streams = [
            Stream(
                stream.name,
                stream.lane,
                stream.blocks,
                stream.distance,
                stream.serial,
                stream.barrier,
                tuple(gate + round_ * count for gate in stream.gates),
                stream.layers,
            )
            for round_ in range(number)
            for stream in self.streams
        ]
        return Program(self.stages, self.engines, self.lanes, tuple(streams))
