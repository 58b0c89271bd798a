"""Study: axes in, every design's totals out, in a fixed order, resumable."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwsim.errors import HwsimError, UsageError
from hwsim.study.axes import Point, Space, Value, condition_of, values_of
from hwsim.study.evaluation import TOTALS, Evaluator, is_path, limits_of, refused
from hwsim.study.fast import rows as evaluated
from hwsim.study.fronts import knee, pareto
from hwsim.study.store import Store, described
from hwsim.version import __version__

if TYPE_CHECKING:
    import pandas

_LOG = logging.getLogger(__name__)
#: Seconds that a chunk should take: what is lost at most when the run is killed.
_CHUNK_S = 0.5
_FIRST, _LARGEST = 32, 20_000
#: Designs up to which mappings are searched in full where the study does not say how.
_SEARCHED_IN_FULL = 50
#: Told how many points are done and how many there are.
Progress = Callable[[int, int], None]


@dataclass
class Study:
    """Many designs. axes : values by name, lists or ``{range: ...}`` or ``{log: ...}``, with a condition ``{values: ..., when: ...}``;
    base : what all points share; together, derived, where : see ``Space``.

    constraints : ``max_latency_s: 0.01``; objectives : totals or derived parameters to minimize,
    ``-throughput_per_s`` to maximize. Raises UsageError for what
    makes no sense.

    More than 50 designs whose mappings may be searched are searched quickly, unless ``search: full`` stands among what they share.
    """

    axes: Mapping[str, Any]
    base: Mapping[str, Value] = field(default_factory=dict)
    together: Sequence[Sequence[str]] = ()
    derived: Mapping[str, str] = field(default_factory=dict)
    where: Sequence[str] = ()
    constraints: Mapping[str, float] = field(default_factory=dict)
    objectives: Sequence[str] = ("latency_s", "energy_j")
    name: str = "study"

    def __post_init__(self) -> None:
        axes = {name: values_of(given, name) for name, given in self.axes.items()}
        conditions = {name: condition_of(given, name) for name, given in self.axes.items()}
        when = {name: text for name, text in conditions.items() if text is not None}
        self.space = Space(axes, tuple(map(tuple, self.together)), dict(self.derived), tuple(self.where), when)
        self.limits = limits_of(self.constraints)
        self.chosen = self._searches and self.space.cardinality > _SEARCHED_IN_FULL
        if self.chosen:
            self.base = {**self.base, "search": "quick"}
        for objective in self.objectives:
            if objective.removeprefix("-") not in (*TOTALS, *self.space.derived):
                raise UsageError(f"objectives: {objective} is no total ({', '.join(TOTALS)}) and no derived parameter")

    @property
    def _searches(self) -> bool:
        """Whether mappings may be searched, and nothing says how."""
        rungs = self.space.axes.get("rung", (self.base.get("rung"),))
        said = "search" in self.space.axes or self.base.get("search") is not None
        return not said and any(rung in (None, "mapping", "simulate") for rung in rungs)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of a point's values: axes and derived parameters."""
        return (*self.space.axes, *self.space.derived)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the results: the point, its totals, the largest gap of a mapping, residuals, whether it is feasible and why not."""
        limits = (limit.name for limit in self.limits)
        return (*self.names, *TOTALS, "bound_gap", *limits, "residual_mapping", "feasible", "reason")

    def check_axis(self, name: str) -> None:
        """Raises UsageError for an axis that no profile of the study has: what is misspelt would make every design infeasible."""
        if not is_path(name):
            return
        devices = self.space.axes.get("device", (self.base.get("device"),))
        value = self.space.axes[name][0]
        reasons = [refused(str(device), name, value) for device in devices if device is not None]
        if reasons and all(reasons):
            raise UsageError(f"axes: {reasons[0].removeprefix('--set ')}")

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """What the results depend on: versions, hashes of models and profiles, the study itself."""
        evaluator = Evaluator(dict(self.base))
        models = [str(value) for value in self.space.axes.get("model", (self.base.get("model"),)) if value is not None]
        devices = [
            str(value) for value in self.space.axes.get("device", (self.base.get("device"),)) if value is not None
        ]
        return {
            "study": self.name,
            "hwsim_version": __version__,
            "models": {name: _hash(partial(_content, name)) for name in models},
            "devices": {name: _hash(partial(_profile, evaluator, name)) for name in devices},
            "axes": {name: list(values) for name, values in self.space.axes.items()},
            "base": dict(self.base),
            "zip": [list(group) for group in self.space.together],
            "derived": dict(self.space.derived),
            "where": list(self.space.where),
            "when": dict(self.space.when),
            "constraints": dict(self.constraints),
        }

    @property
    def description(self) -> dict[str, Any]:
        """The provenance and the objectives: what stands in a study's file."""
        return {**self.provenance, "objectives": list(self.objectives)}

    @property
    def signature(self) -> str:
        """Hash of the provenance: results of two studies mix only where it agrees."""
        return hashlib.sha256(json.dumps(self.provenance, sort_keys=True).encode()).hexdigest()

    def run(
        self,
        store: Path | str = ":memory:",
        threads: int = 1,
        progress: Progress | None = None,
        cache: bool = True,
        scheduler: str = "",
    ) -> Results:
        """Evaluate every point that ``store`` does not hold yet, chunk by chunk; what is there already is kept and not computed again.

        threads : evaluate points that need a mapping search at the same time; the results are the same for any number.
        scheduler : address of a dask.distributed scheduler whose workers evaluate instead. Raises UsageError
        where the store holds another study's results or cannot be written.
        """
        kept = Store(store, self.signature, self.columns, self.description)
        done = kept.done
        total = sum(1 for _ in self.space.points()) if self.space.pruned else self.space.cardinality
        evaluator = Evaluator(dict(self.base), self.limits, cache)
        waiting = ((number, point) for number, point in enumerate(self.space.points()) if number not in done)
        finished, size = len(done), _FIRST
        if scheduler:
            from hwsim.study import cluster

            for numbered, made in cluster.evaluated(scheduler, evaluator, waiting):
                kept.add([(n, self._values(point, row)) for (n, point), row in zip(numbered, made, strict=True)])
                finished += len(numbered)
                if progress is not None:
                    progress(finished, total)
            return Results(kept, tuple(self.objectives), self.names, self.description)
        with ThreadPoolExecutor(threads) as pool:
            each = pool.map if threads > 1 else map
            while chunk := list(islice(waiting, size)):
                start = time.perf_counter()
                made = evaluated(evaluator, [point for _, point in chunk], each)
                kept.add([(number, self._values(point, row)) for (number, point), row in zip(chunk, made, strict=True)])
                finished += len(chunk)
                if progress is not None:
                    progress(finished, total)
                took = time.perf_counter() - start
                _LOG.info("%s: %d of %d designs", self.name, finished, total)
                size = (
                    min(_LARGEST, size * 2)
                    if took < _CHUNK_S / 2
                    else max(1, size // 2)
                    if took > 2 * _CHUNK_S
                    else size
                )
        return Results(kept, tuple(self.objectives), self.names, self.description)

    def _values(self, point: Point, row: Mapping[str, Value]) -> tuple[Value, ...]:
        whole = {**point, **row}
        return tuple(_storable(whole.get(name)) for name in self.columns)


@dataclass
class Results:
    """The results of a study, in the order of its points. provenance : what they depend on, as in the study's file."""

    store: Store
    objectives: tuple[str, ...]
    names: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def rows(self) -> Iterator[dict[str, Value]]:
        """One row a point; read as they are asked for."""
        for _, row in self.numbered():
            yield row

    def numbered(self) -> Iterator[tuple[int, dict[str, Value]]]:
        """Number of the point in the study, and its row."""
        for number, values in self.store.rows():
            yield number, dict(zip(self.store.columns, values, strict=True))

    def turns(self) -> list[int]:
        """Numbers of the points in the order in which they were evaluated."""
        return list(dict.fromkeys(self.store.turns())) or [number for number, _ in self.store.rows()]

    def columns(self) -> dict[str, list[Value]]:
        """All columns at once."""
        found: dict[str, list[Value]] = {name: [] for name in self.store.columns}
        for _, values in self.store.rows():
            for name, value in zip(found, values, strict=True):
                found[name].append(value)
        return found

    def front(self, objectives: Sequence[str] = (), by: str = "") -> list[dict[str, Value]]:
        """Feasible designs that no other feasible one beats in all objectives; ``by`` an axis, one front for each of its values."""
        wanted = tuple(objectives) or self.objectives
        groups: dict[Value, list[dict[str, Value]]] = {}
        for row in self.rows():
            if row["feasible"] and all(row[name.removeprefix("-")] is not None for name in wanted):
                groups.setdefault(row[by] if by else None, []).append(row)
        found = []
        for members in groups.values():
            costs = [[cost_of(row, name) for name in wanted] for row in members]
            found += [members[index] for index in pareto(costs)]
        return found

    def knee(self, objectives: Sequence[str] = ()) -> dict[str, Value] | None:
        """The design of the front with the best compromise, None where nothing is feasible."""
        wanted = tuple(objectives) or self.objectives
        members = self.front(wanted)
        return members[knee([[cost_of(row, name) for name in wanted] for row in members])] if members else None

    def to_pandas(self) -> pandas.DataFrame:
        """All rows as a data frame (needs the ``pandas`` extra)."""
        import pandas

        return pandas.DataFrame(self.columns())

    def export(self, path: Path | str) -> None:
        """Write all rows as .csv or .parquet; the same results give the same bytes."""
        from hwsim.study.export import export

        export(self, path)


def opened(path: Path | str) -> Results:
    """The results in a study file."""
    signature, columns, provenance = described(path)
    names = (*provenance["axes"], *provenance["derived"])
    objectives = tuple(provenance.get("objectives", ("latency_s", "energy_j")))
    return Results(Store(path, signature, columns, provenance), objectives, names, provenance)


def cost_of(row: Mapping[str, Value], name: str) -> float:
    """An objective of a row as a number to minimize: ``-throughput_per_s`` changes its sign."""
    value = float(row[name.removeprefix("-")])  # type: ignore[arg-type]
    return -value if name.startswith("-") else value


def _storable(value: Value) -> Value:
    """SQLite holds integers of 64 bits, and yes and no as 1 and 0; longer integers become doubles."""
    if isinstance(value, bool):
        return int(value)
    return float(value) if isinstance(value, int) and not -(2**63) <= value < 2**63 else value


def _content(model: str) -> str:
    from hwsim.onnx_io import resolve

    path = Path(model) if model.endswith(".csv") else resolve(model)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _profile(evaluator: Evaluator, name: str) -> str:
    return evaluator.device({"device": name}).sha256


def _hash(find: Callable[[], str]) -> str:
    """A hash, or the reason why there is none: a point that cannot be read is a result, not an error."""
    try:
        return find()
    except (HwsimError, OSError) as error:
        return f"not read: {error}"
