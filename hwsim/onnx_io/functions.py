"""Model-local functions: the body in place of the call."""

from __future__ import annotations

import onnx
from onnx import AttributeProto

from hwsim.errors import ModelError
from hwsim.onnx_io.names import printable
from hwsim.onnx_io.scope import LocatedError, Reading, Scope


def call(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, function: onnx.FunctionProto) -> None:
    """Read the body of ``function`` where ``node`` calls it."""
    if len(node.input) > len(function.input) or len(node.output) > len(function.output):
        raise ModelError(
            f"is called with {len(node.input)} inputs and {len(node.output)} outputs; the function has fewer"
        )
    inner = _inside(node, index, scope, function)
    for formal, actual in zip(function.output, node.output, strict=False):
        if actual:
            outside = scope.renamed.get(actual) or reading.tensor_names.unique(scope.prefix + actual)
            inner.renamed.setdefault(formal, outside)
    try:
        reading.run(reading, _with_omitted(function, set(function.input) - set(inner.values)), inner)
    except LocatedError as problem:
        text = f"in function {printable(function.name)!r}, {problem}" if scope.depth == 0 else str(problem)
        raise LocatedError(text) from None
    for formal, actual in zip(function.output, node.output, strict=False):
        made = inner.find(formal)
        if actual and made is None:
            raise ModelError(
                f"output {printable(formal)!r} of function {printable(function.name)!r} is written by no node"
            )
        if actual and made is not None:
            scope.values[actual] = made


def _inside(node: onnx.NodeProto, index: int, scope: Scope, function: onnx.FunctionProto) -> Scope:
    """What the body sees: its arguments and attributes, nothing of the graph around the call."""
    given: dict[str, AttributeProto] = {attribute.name: attribute for attribute in function.attribute_proto}
    for attribute in node.attribute:
        source = (scope.given or {}).get(attribute.ref_attr_name) if attribute.ref_attr_name else attribute
        if source is not None:
            given[attribute.name] = source
    opsets = {("" if item.domain == "ai.onnx" else item.domain): item.version for item in function.opset_import}
    prefix = f"{scope.prefix}{node.name or f'{node.op_type}_{index}'}/"
    inner = Scope({}, opsets or scope.opsets, None, prefix, given, scope.repeat, scope.depth + 1)
    for formal, actual in zip(function.input, node.input, strict=False):
        if actual:
            inner.values[formal] = scope.need(actual)
    return inner


def _with_omitted(function: onnx.FunctionProto, omitted: set[str]) -> list[onnx.NodeProto]:
    """The body, with inputs that the caller left out left out."""
    if not omitted:
        return list(function.node)
    nodes = []
    for node in function.node:
        if any(name in omitted for name in node.input):
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            for position, name in enumerate(copy.input):
                if name in omitted:
                    copy.input[position] = ""
            nodes.append(copy)
        else:
            nodes.append(node)
    return nodes
