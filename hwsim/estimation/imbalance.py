"""Lanes that skip zeros and wait for each other: how long the slowest of them takes.

Each lane has a window of MACs, those with a zero take no time, and no lane begins its next window before all have ended theirs. With zeros
that fall independently the work of a lane is binomial, and a window takes as long as the largest of the lanes' draws [1]_, [2]_.

.. [1] S. Han et al., "EIE: efficient inference engine on compressed deep neural network," ISCA 2016, doi:10.1109/ISCA.2016.30 (queues in
   front of the PEs against uneven columns).
.. [2] H. A. David and H. N. Nagaraja, "Order Statistics," 3rd ed., Wiley 2003, doi:10.1002/0471722162, Sec. 3.1 (the mean of the
   largest of independent draws, from their distribution).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

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
    mean, spread = window * share, math.sqrt(window * share * (1 - share))
    low = max(0, math.floor(mean - _REACH * spread - _REACH))
    high = min(window, math.ceil(mean + _REACH * spread + _REACH))
    counts = np.arange(low, high)
    steps = np.log(window - counts) - np.log(counts + 1) + math.log(share) - math.log1p(-share)
    chances = np.concatenate(((0.0,), np.cumsum(steps)))
    chances = np.exp(chances - chances.max())
    below = np.minimum(1.0, np.cumsum(chances / chances.sum()))
    return low + float((1 - below[:-1] ** lanes).sum())


def balance(window: int, share: float, lanes: int) -> float:
    """Share of the lanes' time that work takes, the rest being waits for the busiest [1]."""
    most = longest(window, share, lanes)
    return window * share / most if most else 1.0
