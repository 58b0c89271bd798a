"""Parts of a flow: which network runs where, after what, with which probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hwsim.errors import ProfileError, nearest


@dataclass(frozen=True, slots=True)
class Part:
    """One network of a flow.

    on : the instance that runs it, or those that coded pieces of it are sent to. after : names of the parts that it waits for.
    probability : that it runs when those have, None for always. straggling : None for a network that runs whole; else each instance gets
    a coded piece whose random time has a mean of ``straggling`` times its fixed time [1]. needed : pieces that must be done, 0 for the
    number with the least mean.
    """

    name: str
    model: str
    on: tuple[str, ...]
    after: tuple[str, ...] = ()
    probability: float | None = None
    straggling: float | None = None
    needed: int = 0
    bits: str | None = None
    batch: int | None = None

    @property
    def coded(self) -> bool:
        """Whether it is cut into coded pieces."""
        return self.straggling is not None

    @property
    def chance(self) -> float:
        """Probability that it runs when what it waits for has [1]."""
        return 1.0 if self.probability is None else self.probability

    def to_dict(self) -> dict[str, Any]:
        """What was given, without what was not."""
        return {name: value for name, value in asdict(self).items() if value not in (None, (), 0)}


def ordered(parts: Sequence[Part]) -> list[Part]:
    """Parts with those they wait for before them; raises ProfileError that names a cycle or an unknown part."""
    names = [part.name for part in parts]
    for part in parts:
        for before in part.after:
            if before not in names:
                raise ProfileError(f"{part.name} waits for {before}, which is no network here{nearest(before, names)}")
    done: dict[str, Part] = {}
    left = list(parts)
    while left:
        ready = [part for part in left if all(before in done for before in part.after)]
        if not ready:
            raise ProfileError(f"the networks wait for each other in a cycle: {' -> '.join(_cycle(left))}")
        done.update({part.name: part for part in ready})
        left = [part for part in left if part.name not in done]
    return list(done.values())


def _cycle(parts: Sequence[Part]) -> list[str]:
    waiting = {part.name for part in parts}
    before = {part.name: next(name for name in part.after if name in waiting) for part in parts}
    walk = [parts[0].name]
    while walk[-1] not in walk[:-1]:
        walk.append(before[walk[-1]])
    return walk[walk.index(walk[-1]) :][::-1]
