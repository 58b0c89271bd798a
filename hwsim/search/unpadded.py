"""A mapping of a padded nest from the same nest without padding, where prices that climbs go by are close and lead to better ones."""

from __future__ import annotations

import math
from dataclasses import replace

from hwsim.cost import price
from hwsim.counts import Counts, count
from hwsim.mapping import Mapping
from hwsim.search.found import Objective, value
from hwsim.search.progress import Progress
from hwsim.search.quick import climb_promising, surveyed_far
from hwsim.search.space import Space, space_of
from hwsim.search.survey import FAR, carry


def find_unpadded(space: Space, objective: Objective, progress: Progress) -> None:
    """Climb the nest as if all its inputs were data, from the best mapping so far, and price what is found with padding; leaves it in
    ``progress`` if it is better.

    What padding leaves of tiles at the edges is what climbs follow from afar only; it changes little of which mapping is best. Where loops
    are free there is nearly always another way there, and this is not worth its time.
    """
    positions = space.extents[4] * space.extents[6], space.extents[5] * space.extents[7]
    if space.data == positions:
        return
    twin = space_of(
        replace(space.nest, pad_top=0, pad_left=0, height=0, width=0), space.hierarchy, space.exact, space.perfect
    )
    own = Progress(progress.budget, math.inf)
    if progress.mapping is not None:
        own.value, own.mapping = _priced(twin, progress.mapping, objective), progress.mapping
    if math.isinf(own.value):
        own.mapping = None
        climb_promising(twin, objective, own)
    carry(twin, surveyed_far(space, objective).for_nest(twin, objective), FAR, own)
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
