"""What can go wrong, said in one line: the HwsimError family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Findings of one error, and characters of one finding, that are told: a file of megabytes can be wrong all over.
MAX_FINDINGS, MAX_LENGTH = 100, 800


class HwsimError(Exception):
    """A mistake in what the user gave: its text says where, what, and what would help.

    One error may carry several findings (all the mistakes of one file); each is one line.
    """

    def __init__(self, *findings: str) -> None:
        told = [_shortened(finding) for finding in findings[:MAX_FINDINGS]]
        if len(findings) > MAX_FINDINGS:
            told.append(f"... and {len(findings) - MAX_FINDINGS:,} more mistakes")
        super().__init__("\n".join(told))
        self.findings: tuple[str, ...] = tuple(told)


def _shortened(finding: str) -> str:
    half = MAX_LENGTH // 2 - 1
    return finding if len(finding) <= MAX_LENGTH else f"{finding[:half]}…{finding[-half:]}"


class ModelError(HwsimError):
    """A network that cannot be read, or whose shapes cannot be known."""


class ProfileError(HwsimError):
    """A device profile that is not valid; findings read ``file:line: dotted.key: message``."""


class UsageError(HwsimError):
    """A command line or a call that asks for something impossible."""


class MappingError(HwsimError):
    """A mapping, constraint or Timeloop file that breaks an invariant."""


class HwsimWarning(UserWarning):
    """Something was assumed or left out, and is said. What is warned of stands in the record's ``warnings`` too."""


class UnknownOperatorWarning(HwsimWarning):
    """Operators that hwsim does not know, priced by the tensors they move alone."""


class AssumptionWarning(HwsimWarning):
    """An input was missing, or could not be had as asked, and something else was taken."""


@dataclass(frozen=True, slots=True)
class Infeasible:
    """Nothing fits: a result, not an exception.

    level : where; need, have : how much is needed and there, in ``unit``; levers : what would help.
    """

    level: str
    need: float
    have: float
    unit: str
    levers: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.level}: needs {self.need:g} {self.unit}, has {self.have:g}"
        return text + (f" (try: {'; '.join(self.levers)})" if self.levers else "")


def with_extra(name: str) -> str:
    """How to get an optional part: right from a checkout, and where a wheel came from elsewhere."""
    return f"install hwsim with its extra {name} (in its folder: pip install '.[{name}]')"


def nearest(word: str, choices: Sequence[str]) -> str:
    """``" (did you mean X?)"`` for the choice nearest to ``word``, or an empty string."""
    import difflib

    match = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f" (did you mean {match[0]}?)" if match else ""


__all__ = [
    "AssumptionWarning",
    "HwsimError",
    "HwsimWarning",
    "Infeasible",
    "MappingError",
    "ModelError",
    "ProfileError",
    "UnknownOperatorWarning",
    "UsageError",
    "nearest",
    "with_extra",
]
