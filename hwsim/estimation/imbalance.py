"""Lanes that skip zeros and wait for each other: how long the slowest of them takes.

Each lane has a window of MACs, those with a zero take no time, and no lane begins its next window before all have ended theirs. With zeros
that fall independently the work of a lane is binomial, and a window takes as long as the largest of the lanes' draws [1]_, [2]_.

Where the zeros of weights were counted, lanes wait for the one of them whose outputs have the fewest zeros: max over mean, not chance.

.. [1] S. Han et al., "EIE: efficient inference engine on compressed deep neural network," ISCA 2016, doi:10.1109/ISCA.2016.30 (queues in
   front of the PEs against uneven columns).
.. [2] H. A. David and H. N. Nagaraja, "Order Statistics," 3rd ed., Wiley 2003, doi:10.1002/0471722162, Sec. 3.1 (the mean of the
   largest of independent draws, from their distribution).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

#: Standard deviations of a binomial beyond which nothing is summed: what is left out has a probability below 1e-30.
_REACH = 12


@lru_cache(maxsize=4096)
def longest(window: int, share: float, lanes: int) -> float:
    """Expected MACs of the busiest lane in one window [1].

    window : MACs of a lane between two points where all wait for each other [1]; share : of them that takes time [1]; lanes : [1].
    The mean of the largest of ``lanes`` draws from Binomial(window, share), by the sum of 1 - F(k)^lanes over k.
    """
    if share <= 0 or window < 1:
        return 0.0
    if share >= 1:
        return float(window)
    low, high = _reach(window, share)
    return low + float((1 - _below(window, share, low, high)[:-1] ** lanes).sum())


@lru_cache(maxsize=4096)
def longest_of(window: int, shares: tuple[float, ...]) -> float:
    """The same for lanes each with a share of its own: the sum of 1 - the product of F_i(k) over k."""
    if max(shares) <= 0 or window < 1:
        return 0.0
    if max(shares) >= 1:
        return float(window)
    first, last = _reach(window, max(shares))
    below, at = np.ones(last - first + 1), np.arange(first, last + 1)
    for share in shares:
        if share > 0:
            low, high = _reach(window, share)
            own = _below(window, share, low, high)
            below *= np.where(at < low, 0.0, own[np.clip(at - low, 0, high - low)])
    return first + float((1 - below[:-1]).sum())


def counted(nonzeros: Sequence[int], each: int, lanes: int, window: int, other: float) -> float:
    """Share of their MACs' time that lanes take which skip zeros of weights that were counted [1].

    nonzeros : of the weights of each output [1], which lanes take in turn; each : weights of an output; window : MACs of a lane between two
    waits; other : share of the other operand's values that take time [1]. A window over all weights of an output takes as long as the
    output of the group that has the most; of a shorter one, or with zeros of the other operand, the rest falls by chance.
    """
    groups = [
        tuple(number / each for number in nonzeros[start : start + lanes]) for start in range(0, len(nonzeros), lanes)
    ]
    if other == 1 and window >= each:
        return math.fsum(map(max, groups)) / len(groups)
    drawn = (longest_of(window, tuple(share * other for share in shares)) for shares in groups)
    return math.fsum(drawn) / (window * len(groups))


def _reach(window: int, share: float) -> tuple[int, int]:
    """MACs between which a lane's work is found for all that matters [1]."""
    mean, spread = window * share, math.sqrt(window * share * (1 - share))
    low = max(0, math.floor(mean - _REACH * spread - _REACH))
    return low, min(window, math.ceil(mean + _REACH * spread + _REACH))


def _below(window: int, share: float, low: int, high: int) -> NDArray[np.float64]:
    """Chance of at most ``low``, ``low + 1``, ... ``high`` of a window's MACs to take time [1]."""
    counts = np.arange(low, high)
    steps = np.log(window - counts) - np.log(counts + 1) + math.log(share) - math.log1p(-share)
    chances = np.concatenate(((0.0,), np.cumsum(steps)))
    chances = np.exp(chances - chances.max())
    below: NDArray[np.float64] = np.minimum(1.0, np.cumsum(chances / chances.sum()))
    return below


def balance(window: int, share: float, lanes: int) -> float:
    """Share of the lanes' time that work takes, the rest being waits for the busiest [1]."""
    most = longest(window, share, lanes)
    return window * share / most if most else 1.0
