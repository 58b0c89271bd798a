"""A mapping of a padded nest from the same nest without padding, where bounds are close and lead to better ones."""

from __future__ import annotations

import math
import time
from dataclasses import replace

from hwsim.cost import price
from hwsim.counts import Counts, count
from hwsim.mapping import Mapping
from hwsim.search.found import Objective, value
from hwsim.search.progress import Progress
from hwsim.search.proof import prove
from hwsim.search.quick import climb_promising, known_anywhere, surveyed_far
from hwsim.search.space import Space, space_of
from hwsim.search.survey import FAR, carry

#: Share of the work, or of the time, that such a search may take.
_SHARE = 0.15


def find_unpadded(space: Space, objective: Objective, progress: Progress) -> None:
    """Search the nest as if all its inputs were data, from the best mapping so far, and price what is found with padding; leaves it in
    ``progress`` if it is better.

    What padding leaves of tiles at the edges is what bounds follow from afar only; it changes little of which mapping is best.
    """
    positions = space.extents[4] * space.extents[6], space.extents[5] * space.extents[7]
    if space.data == positions:
        return
    twin = space_of(
        replace(space.nest, pad_top=0, pad_left=0, height=0, width=0), space.hierarchy, space.exact, space.perfect
    )
    own = Progress(int(progress.budget * _SHARE), math.inf, progress.patience)
    if math.isfinite(progress.deadline):
        now = time.perf_counter()
        own.deadline = now + (progress.deadline - now) * _SHARE
    if progress.mapping is not None:
        own.value, own.mapping = _priced(twin, progress.mapping, objective), progress.mapping
    if math.isinf(own.value):
        own.mapping = None
        climb_promising(twin, objective, own)
    if not own.exhausted:
        carry(twin, surveyed_far(twin, objective), FAR, own)
    if not (own.exhausted or any(space.constrained)):
        prove(twin, objective, own, known_anywhere(twin, objective))
    progress.evaluated += own.evaluated
    if own.mapping is None:
        return
    reached = _priced(space, own.mapping, objective)
    if reached < progress.value:
        progress.value, progress.mapping = reached, own.mapping


def _priced(space: Space, mapping: Mapping, objective: Objective) -> float:
    """What a mapping costs, time in cycles as the kernel counts it; infinity where it does not fit."""
    counts = count(space.nest, space.hierarchy, mapping, space.rules)
    if not isinstance(counts, Counts):
        return math.inf
    reached = value(price(counts, space.hierarchy, space.nest), objective)
    return reached if objective == "energy" else reached * space.hierarchy.clock_hz
