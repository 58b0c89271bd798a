"""A study as a YAML file; mistakes are named with their line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from hwsim.device.yaml_reader import Document, Steps, read
from hwsim.errors import ProfileError, UsageError, nearest
from hwsim.study.axes import Space, condition_of, values_of
from hwsim.study.evaluation import limits_of
from hwsim.study.study import Study

Found = TypeVar("Found")
KEYS = ("study", "description", "base", "axes", "zip", "derived", "where", "constraints", "objectives")


def read_study(path: Path | str) -> Study:
    """The Study in a file; raises UsageError with ``file:line: key: message`` for every mistake found."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None
    try:
        document = read(text, str(path))
    except ProfileError as error:
        raise UsageError(*error.findings) from None
    value = document.value
    if not isinstance(value, dict):
        raise UsageError(f"{path}: a study is a mapping of keys: {', '.join(KEYS)}")
    problems = [
        f"{_at(document, path, (key,))}: {key}: unknown key{nearest(key, KEYS)}" for key in value if key not in KEYS
    ]
    kinds: dict[str, type] = dict.fromkeys(("base", "axes", "derived", "constraints"), dict)
    kinds |= dict.fromkeys(("zip", "where", "objectives"), list)
    for key, kind in kinds.items():
        if key in value and not isinstance(value[key], kind):
            problems.append(f"{_at(document, path, (key,))}: {key}: must be a {'mapping' if kind is dict else 'list'}")
    if "axes" not in value:
        problems.append(f"{path}: axes: missing")
    if problems:
        raise UsageError(*problems)
    for name, given in value["axes"].items():
        _checked(document, path, ("axes", name), partial(values_of, given, name))
        _checked(document, path, ("axes", name), partial(condition_of, given, name))
    _checked(document, path, ("constraints",), lambda: limits_of(value.get("constraints", {})))
    axes = {name: values_of(given, name) for name, given in value["axes"].items()}
    conditions = {name: condition_of(given, name) for name, given in value["axes"].items()}
    when = {name: text for name, text in conditions.items() if text is not None}
    derived = {name: str(text) for name, text in value.get("derived", {}).items()}
    where = [str(text) for text in value.get("where", [])]
    together = value.get("zip", [])
    if not all(isinstance(group, list) and all(isinstance(name, str) for name in group) for group in together):
        raise UsageError(f"{_at(document, path, ('zip',))}: zip: must be a list of lists of axes")
    place = "zip" if together and not (derived or where) else "derived" if derived else "where" if where else "axes"
    _checked(document, path, (place,), lambda: Space(axes, tuple(map(tuple, together)), derived, tuple(where), when))
    objectives = value.get("objectives", ["latency_s", "energy_j"])
    study = _checked(
        document,
        path,
        ("objectives",),
        lambda: Study(
            value["axes"],
            base=value.get("base", {}),
            together=together,
            derived=derived,
            where=where,
            constraints=value.get("constraints", {}),
            objectives=[str(name) for name in objectives],
            name=str(value.get("study", Path(path).stem)),
        ),
    )
    for name in axes:
        _checked(document, path, ("axes", name), partial(study.check_axis, name))
    return study


def _checked(document: Document, path: Path | str, steps: Steps, make: Callable[[], Found]) -> Found:
    try:
        return make()
    except UsageError as error:
        raise UsageError(f"{_at(document, path, steps)}: {error.findings[0]}") from None


def _at(document: Document, path: Path | str, steps: Steps) -> str:
    while steps and steps not in document.lines:
        steps = steps[:-1]
    return f"{path}:{document.lines[steps]}" if steps else str(path)
