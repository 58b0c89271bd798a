"""What pydantic found wrong, in one line each: where it was written, the dotted key, and what would help."""

from __future__ import annotations

import typing
from typing import Any

from pydantic import BaseModel, ValidationError

from hwsim.device.quantity import Quantity
from hwsim.device.schema import Dataflow, LevelDataflow, Profile
from hwsim.device.tree import Tree
from hwsim.device.yaml_reader import Steps
from hwsim.errors import nearest

_MESSAGES = {
    "missing": "missing",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of keys",
    "model_type": "must be a mapping of keys",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "finite_number": "must be a finite number",
}


def findings(error: ValidationError, tree: Tree) -> list[str]:
    """One line for each mistake, in the order of the file where possible."""
    lines: list[str] = []
    for item in error.errors():
        steps = _by_name(item["loc"], tree.value)
        kind = item["type"]
        if kind == "missing":
            line = tree.finding(_written(steps[:-1], tree.value), "missing", str(steps[-1]))
        elif kind == "extra_forbidden":
            line = tree.finding(steps, f"unknown key{nearest(str(steps[-1]), keys_at(steps[:-1]))}")
        else:
            line = tree.finding(_written(steps, tree.value), _message(item))
        if line not in lines:
            lines.append(line)
    return lines


def _message(item: Any) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    if kind == "literal_error":
        choices = str(context["expected"]).replace("'", "")
        words = choices.replace(" or ", ", ").split(", ")
        given = item["input"]
        return f"must be one of {', '.join(words)}{nearest(given, words) if isinstance(given, str) else ''}"
    if kind in {"too_short", "too_long"}:
        least = context.get("min_length")
        return (
            f"must have at least {least} entries"
            if kind == "too_short"
            else f"must have at most {context['max_length']} entries"
        )
    return str(item["msg"]).replace("Input should be", "must be")


def _by_name(location: tuple[int | str, ...], tree: dict[str, Any]) -> Steps:
    """Steps by name of a location by index: lists were mappings by name before they were validated."""
    steps: list[str | int] = []
    here: Any = tree
    for step in location:
        if step == "[key]":
            continue
        if isinstance(step, int) and isinstance(here, dict) and step < len(here):
            step = list(here)[step]  # noqa: PLW2901 - the name of the entry
        steps.append(step)
        inside = (isinstance(here, dict) and step in here) or (
            isinstance(here, list) and isinstance(step, int) and step < len(here)
        )
        here = here[step] if inside else None
    return tuple(steps)


def _written(steps: Steps, tree: dict[str, Any]) -> Steps:
    """The part of ``steps`` that stands in the tree; a number's ``value`` is the number."""
    here: Any = tree
    for depth, step in enumerate(steps):
        inside = (isinstance(here, dict) and step in here) or (
            isinstance(here, list) and isinstance(step, int) and step < len(here)
        )
        if not inside:
            return steps[:depth]
        here = here[step]
    return steps


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [model for part in typing.get_args(annotation) if (model := _model_in(part)) is not None]
    return next((model for model in found if model is not Quantity), found[0] if found else None)


def keys_at(steps: Steps) -> list[str]:
    """Keys that a profile may have at a place."""
    model: type[BaseModel] = Profile
    for step in steps:
        if step in model.model_fields:
            model = _model_in(model.model_fields[str(step)].annotation) or model
        elif model is Dataflow:
            model = LevelDataflow
    return list(model.model_fields)
