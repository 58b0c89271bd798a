"""From a parsed model to a Network: bind dims, one pass, roles."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import onnx

from hwsim.errors import ModelError, UsageError
from hwsim.graph import Network, Tensor
from hwsim.onnx_io.binding import Bound, Given, bind, check_names, element_type, written_out
from hwsim.onnx_io.limits import check_expansion
from hwsim.onnx_io.names import is_odd, printable
from hwsim.onnx_io.roles import tensors_of
from hwsim.onnx_io.scope import Reading, Scope, open_scope
from hwsim.onnx_io.source import is_text, load
from hwsim.onnx_io.values import Value, shown
from hwsim.onnx_io.walk import NEWEST, run
from hwsim.onnx_io.weights import without_unused_dequantizers


def imported(source: str | os.PathLike[str] | onnx.ModelProto, given: Given) -> Network:
    """The network in ``source``; see `hwsim.onnx_io.read`."""
    if isinstance(source, onnx.ModelProto):
        model, name = source, source.graph.name or "model"
        digest = hashlib.sha256(source.SerializeToString(deterministic=True)).hexdigest()
    elif not isinstance(source, str | os.PathLike):
        raise UsageError(f"model {source!r}: must be a path, a short name, a Network or an ONNX model")
    else:
        model, digest = load(source)
        name = Path(source).stem
    try:
        return _network(model, printable(name), digest, given)
    except (UnicodeDecodeError, RecursionError, OverflowError) as problem:
        raise ModelError(f"{printable(name)}: is corrupt or nested too deep ({type(problem).__name__})") from None
    except (TypeError, AttributeError):
        if is_text(model):
            raise
        raise ModelError(f"{printable(name)}: is corrupt: it holds names that are not UTF-8 text") from None


def _network(model: onnx.ModelProto, name: str, digest: str, given: Given) -> Network:
    graph = model.graph
    if not graph.node and not graph.output:
        raise ModelError(f"{name}: the graph is empty: no nodes, no outputs")
    if not graph.output:
        raise ModelError(f"{name}: the graph has no outputs, so nothing would be computed")
    functions = functions_of(model)
    check_expansion(graph, functions)
    given = _check_options(model, given)
    stored = {tensor.name for tensor in graph.initializer} | {tensor.values.name for tensor in graph.sparse_initializer}
    inputs = [info for info in graph.input if info.name not in stored]
    fixed = [info.name for info in inputs if _leads_with_one(info)]
    if given.batch is None or given.batch == 1 or not fixed:
        return _read(model, name, digest, given, bind(inputs, given, False), functions, ())
    try:
        bound = bind(inputs, given, True)
        return _read(model, name, digest, given, bound, functions, ())
    except ModelError as problem:
        if given.batch > 2 and _reads(model, name, replace(given, batch=2), inputs, functions):
            raise ModelError(*(f"batch {given.batch}: {finding}" for finding in problem.findings)) from None
        said = f"the batch could not be set to {given.batch}: the graph fixes it at 1 ({problem.findings[0]})"
        return _read(model, name, digest, given, bind(inputs, given, False), functions, (said,))


def _reads(
    model: onnx.ModelProto, name: str, given: Given, inputs: list[onnx.ValueInfoProto],
    functions: dict[tuple[str, str, str], onnx.FunctionProto],
) -> bool:  # fmt: skip
    """Whether the graph takes that batch: then it is not the graph that fixes the batch."""
    try:
        _read(model, name, "", given, bind(inputs, given, True), functions, ())
    except ModelError:
        return False
    return True


def functions_of(model: onnx.ModelProto) -> dict[tuple[str, str, str], onnx.FunctionProto]:
    """The model's functions by domain, name and overload; ModelError where one is defined twice."""
    found: dict[tuple[str, str, str], onnx.FunctionProto] = {}
    for function in model.functions:
        key = ("" if function.domain == "ai.onnx" else function.domain, function.name, function.overload)
        if key in found:
            raise ModelError(f"function {printable(function.name)!r} is defined twice")
        found[key] = function
    return found


def _leads_with_one(info: onnx.ValueInfoProto) -> bool:
    dims = info.type.tensor_type.shape.dim
    return len(dims) > 1 and dims[0].dim_value == 1


def _opsets(model: onnx.ModelProto, reading: Reading) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in model.opset_import:
        domain = "" if item.domain == "ai.onnx" else item.domain
        if found.setdefault(domain, item.version) != item.version:
            raise ModelError(
                f"opset_import names domain {printable(domain)!r} twice, with versions {found[domain]} and {item.version}"
            )
    if "" not in found:
        found[""] = NEWEST
        if any(node.domain in ("", "ai.onnx") for node in model.graph.node):
            reading.note(f"the file names no opset; the newest known ({NEWEST}) was assumed")
    if found[""] > NEWEST:
        reading.note(
            f"opset {found['']} is newer than any that is known here ({NEWEST}); its operators are read as in {NEWEST}"
        )
        found[""] = NEWEST
    if found[""] < 1:
        raise ModelError(f"opset_import: version {found['']} of the default domain does not exist")
    return found


def _read(
    model: onnx.ModelProto, name: str, digest: str, given: Given, bound: Bound, functions: dict[tuple[str, str, str], onnx.FunctionProto],
    said: tuple[str, ...],
) -> Network:  # fmt: skip
    graph = model.graph
    reading = Reading(given, bound, functions, run)
    scope = open_scope(reading, graph, None, _opsets(model, reading))
    inputs = _inputs(reading, graph, scope)
    run(reading, graph.node, scope)
    outputs = []
    for info in graph.output:
        value = scope.find(info.name)
        if value is None:
            raise ModelError(f"output {printable(info.name)!r} of the graph is written by no node")
        reading.values.setdefault(value.name, value)
        outputs.append(value.name)
    _duplicates(reading, graph)
    _oddities(reading, model)
    if reading.external:
        location = next(iter(reading.external))
        count = sum(map(len, reading.external.values()))
        reading.note(
            f"the data of {count} weight(s) lies in other files ({printable(location)}), which were not read: only shapes are needed"
        )
    reading.layers = without_unused_dequantizers(reading.layers, set(outputs))
    tensors = tensors_of(reading)
    metadata = {
        "producer": printable(model.producer_name),
        "ir_version": str(model.ir_version),
        "opset": str(scope.opsets[""]),
    }
    return Network(
        name,
        tuple(reading.layers),
        tensors,
        tuple(inputs),
        tuple(dict.fromkeys(outputs)),
        said + reading.sentences(),
        digest,
        metadata,
    )


def _inputs(reading: Reading, graph: onnx.GraphProto, scope: Scope) -> list[str]:
    names: list[str] = []
    seen: set[str] = set()
    for info in graph.input:
        where = f"input {printable(info.name)!r}"
        if info.name in seen:
            raise ModelError(f"{where} is declared twice")
        seen.add(info.name)
        stored = scope.values.get(info.name)
        if stored is not None:
            _check_shadow(info, stored, where)
            continue
        value = Value(
            reading.tensor_names.unique(info.name), reading.bound.shapes[info.name], element_type(info, where)
        )
        scope.values[info.name] = value
        reading.values[value.name] = value
        names.append(value.name)
    return names


def _check_shadow(info: onnx.ValueInfoProto, stored: Value, where: str) -> None:
    """An initializer may be listed among the inputs (as IR version 3 demands); the two must agree."""
    dims = info.type.tensor_type.shape.dim if info.type.tensor_type.HasField("shape") else None
    if dims is None:
        return
    declared = tuple(dim.dim_value for dim in dims)
    if len(declared) != len(stored.shape) or any(d > 0 and d != s for d, s in zip(declared, stored.shape, strict=True)):
        raise ModelError(
            f"{where} is declared {shown(declared)}, and the initializer of that name is {shown(stored.shape)}"
        )


def _check_options(model: onnx.ModelProto, given: Given) -> Given:
    """The same with patterns in the names of dims written out; raises ModelError for names that mean nothing here."""
    if not (given.dims or given.shapes or given.trips):
        return given
    from hwsim.onnx_io.limits import all_names

    symbols, tensors, nodes = all_names(model)
    given = replace(given, dims=written_out(given.dims, symbols | tensors))
    check_names(given, symbols, tensors, nodes)
    return given


def _duplicates(reading: Reading, graph: onnx.GraphProto) -> None:
    seen: set[str] = set()
    for node in graph.node:
        if node.name and node.name in seen:
            reading.tally(
                "{count} node(s) have the name of another and were renamed, the first: {first}",
                repr(printable(node.name)),
            )
        seen.add(node.name)
        for name in (node.name, *node.output):
            if is_odd(name):
                reading.tally(
                    "{count} name(s) hold invisible characters or markup, or are very long: they are shown escaped, the first: {first}",
                    repr(printable(name)[:80]),
                )


def _oddities(reading: Reading, model: onnx.ModelProto) -> None:
    """Say what is odd about a file as a whole, and does not change what it costs."""
    if not 1 <= model.ir_version <= onnx.IR_VERSION:
        reading.note(f"IR version {model.ir_version} is none that is known here (1 to {onnx.IR_VERSION})")
    if model.training_info:
        reading.note("the file describes training too, which is not costed: only its inference graph is")
    names = [info.name for info in model.graph.output]
    if len(set(names)) < len(names):
        reading.note("the graph names an output more than once")


__all__ = ["Tensor", "imported"]
