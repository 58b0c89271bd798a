"""Attributes of nodes as plain Python, checked against the operator's schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import onnx
from onnx import AttributeProto

from hwsim.errors import ModelError
from hwsim.graph.records import Attribute
from hwsim.onnx_io.names import printable

#: Longer tuples are weights in disguise: they are read by the importer, never kept in a layer.
MAX_KEPT = 4096

_TYPE_NAMES = {number: name for name, number in AttributeProto.AttributeType.items()}


@dataclass(frozen=True, slots=True)
class Schema:
    """What the importer asks of an operator's schema; ``found`` is onnx's own record.

    inputs : formal names; same_type : for each input the type variable that it shares with others; types : for each input the element
    types that it may have, empty where that is not a matter of tensors.
    """

    found: onnx.defs.OpSchema
    attributes: Mapping[str, tuple[str, bool]]
    inputs: tuple[str, ...]
    same_type: tuple[str, ...]
    types: tuple[frozenset[str], ...]
    minimum: int
    maximum: int


@lru_cache(maxsize=4096)
def schema_of(op: str, domain: str, version: int) -> Schema | None:
    """The schema of an operator at an opset version, or None where onnx has none."""
    try:
        found = onnx.defs.get_schema(op, version, domain)
    except onnx.defs.SchemaError:
        return None
    return Schema(
        found,
        {
            name: (str(attribute.type).rpartition(".")[2], attribute.required)
            for name, attribute in found.attributes.items()
        },
        tuple(formal.name for formal in found.inputs),
        tuple(formal.type_str if formal.is_homogeneous else "" for formal in found.inputs),
        tuple(_element_types(formal) for formal in found.inputs),
        found.min_input,
        found.max_input,
    )


@lru_cache(maxsize=4096)
def exists(op: str) -> bool:
    """Whether any opset of ai.onnx has an operator of that name."""
    return onnx.defs.has(op)


def _element_types(formal: onnx.defs.OpSchema.FormalParameter) -> frozenset[str]:
    """The element types of the tensors that may stand at an input; empty where something else may."""
    allowed = list(formal.types)
    if not all(text.startswith("tensor(") for text in allowed):
        return frozenset()
    names = (text.removeprefix("tensor(").removesuffix(")") for text in allowed)
    return frozenset({"float": "float32", "double": "float64"}.get(name, name) for name in names)


def plain(node: onnx.NodeProto, given: Mapping[str, AttributeProto] | None = None) -> dict[str, Any]:
    """Attributes by name: ints, floats, strs, tuples of those; graphs and tensors as their messages.

    given : what a function's caller passed, for attributes written as a reference.
    """
    result: dict[str, Any] = {}
    for attribute in node.attribute:
        source = attribute
        if attribute.ref_attr_name:
            if given is None:
                raise ModelError(
                    f"attribute {printable(attribute.name)!r} refers to a function's, outside any function"
                )
            referred = given.get(attribute.ref_attr_name)
            if referred is None:
                continue
            source = referred
        if attribute.name in result:
            raise ModelError(f"attribute {printable(attribute.name)!r} is given twice")
        result[attribute.name] = _value(source)
    return result


def _value(attribute: AttributeProto) -> Any:  # noqa: PLR0911 (one line a kind)
    kind = attribute.type
    if kind == AttributeProto.INT:
        return attribute.i
    if kind == AttributeProto.INTS:
        return tuple(attribute.ints)
    if kind == AttributeProto.FLOAT:
        return attribute.f
    if kind == AttributeProto.FLOATS:
        return tuple(attribute.floats)
    if kind == AttributeProto.STRING:
        return attribute.s.decode("utf-8", "replace")
    if kind == AttributeProto.STRINGS:
        return tuple(text.decode("utf-8", "replace") for text in attribute.strings)
    if kind == AttributeProto.TENSOR:
        return attribute.t
    if kind == AttributeProto.SPARSE_TENSOR:
        return attribute.sparse_tensor
    if kind == AttributeProto.GRAPH:
        return attribute.g
    return None


def check(node: onnx.NodeProto, schema: Schema) -> tuple[str, ...]:
    """Attributes and the number of inputs held against the schema; the names of attributes that it does not have.

    Raises ModelError for a wrong type, a missing attribute or a wrong number of inputs or outputs.
    """
    present, unknown = set(), []
    for attribute in node.attribute:
        known = schema.attributes.get(attribute.name)
        if known is None:
            unknown.append(printable(attribute.name))
            continue
        present.add(attribute.name)
        if _TYPE_NAMES.get(attribute.type) != known[0]:
            kind = _TYPE_NAMES.get(attribute.type, str(attribute.type))
            raise ModelError(f"attribute {attribute.name!r} has type {kind}; {known[0]} is needed")
    for name, (_, required) in schema.attributes.items():
        if required and name not in present:
            raise ModelError(f"the required attribute {name!r} is missing")
    count = len(node.input)
    if not schema.minimum <= count <= schema.maximum:
        bounds = f"at least {schema.minimum}" if schema.maximum > 1 << 20 else f"{schema.minimum} to {schema.maximum}"
        raise ModelError(f"has {count} inputs; {node.op_type} takes {bounds}")
    written = len(node.output)
    if not max(1, schema.found.min_output) <= written <= schema.found.max_output:
        raise ModelError(
            f"has {written} outputs; {node.op_type} writes {schema.found.min_output} to {schema.found.max_output}"
        )
    return tuple(unknown)


def kept(attributes: Mapping[str, Any]) -> dict[str, Attribute]:
    """The attributes that a layer keeps: plain and short ones."""
    return {
        printable(name): value
        for name, value in attributes.items()
        if isinstance(value, int | float | str) or (isinstance(value, tuple) and len(value) <= MAX_KEPT)
    }
