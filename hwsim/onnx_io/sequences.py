"""Sequences and optionals: lists of tensors that cost nothing until they are concatenated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from hwsim.errors import ModelError
from hwsim.onnx_io.attributes import plain
from hwsim.onnx_io.scope import Reading, Scope, emit, new_value, title
from hwsim.onnx_io.shapes import Op
from hwsim.onnx_io.shapes.layout import concat, split
from hwsim.onnx_io.shapes.op import normal_axis
from hwsim.onnx_io.values import DTYPES, Value

Sequence = Callable[[Reading, onnx.NodeProto, int, Scope, "list[Value | None]"], None]

#: Longer sequences are refused: each item is a tensor of its own.
MAX_ITEMS = 65536


def _need(inputs: list[Value | None], position: int) -> Value:
    value = inputs[position] if position < len(inputs) else None
    if value is None:
        raise ModelError(f"input {position} is missing")
    return value


def _items(inputs: list[Value | None], position: int = 0) -> tuple[Value, ...]:
    items = _need(inputs, position).items
    if items is None:
        raise ModelError(f"input {position} is a tensor; a sequence is needed")
    return items


def _make(
    reading: Reading, node: onnx.NodeProto, scope: Scope, items: tuple[Value, ...], dtype: str = "float32"
) -> None:
    if len(items) > MAX_ITEMS:
        raise ModelError(f"the sequence would have {len(items)} items; at most {MAX_ITEMS} are supported")
    made = new_value(reading, scope, node.output[0], (), items[0].dtype if items else dtype)
    made.items = items


def empty(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """SequenceEmpty."""
    _make(reading, node, scope, (), DTYPES.get(plain(node, scope.given).get("dtype", 1), "float32"))


def construct(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """SequenceConstruct."""
    _make(reading, node, scope, tuple(value for value in inputs if value is not None))


def _position(inputs: list[Value | None], place: int, count: int) -> int:
    """The position that an input gives; the last one where it is left out or known at run time only."""
    value = inputs[place] if place < len(inputs) else None
    if value is None or value.data is None:
        return count - 1
    return normal_axis(int(value.data.reshape(-1)[0]), count, "position")


def insert(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """SequenceInsert."""
    items, item = list(_items(inputs)), _need(inputs, 1)
    items.insert(_position(inputs, 2, len(items) + 1), item)
    _make(reading, node, scope, tuple(items))


def erase(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """SequenceErase."""
    items = list(_items(inputs))
    if not items:
        raise ModelError("the sequence is empty")
    del items[_position(inputs, 1, len(items))]
    _make(reading, node, scope, tuple(items))


def at(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """SequenceAt: the item itself."""
    items = _items(inputs)
    if not items:
        raise ModelError("the sequence is empty")
    scope.values[node.output[0]] = items[_position(inputs, 1, len(items))]


def length(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """SequenceLength: a constant."""
    made = new_value(reading, scope, node.output[0], (), "int64")
    made.data, made.static = np.asarray(len(_items(inputs))), True


def join(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """ConcatFromSequence: a Concat of all items, which are stacked along a new dim where ``new_axis`` says so."""
    items, attributes = _items(inputs), plain(node, scope.given)
    if not items:
        raise ModelError("the sequence is empty")
    axis, stacked = attributes.get("axis", 0), attributes.get("new_axis", 0)
    if stacked:
        shape = items[0].shape
        at_ = normal_axis(axis, len(shape) + 1)
        found = (*shape[:at_], len(items), *shape[at_:])
    else:
        found = concat(Op("Concat", "", 13, {"axis": axis}, items, 1))[0].shape
    op = Op("Concat", "", 13, {"axis": axis, "new_axis": stacked}, items, 1)
    made = new_value(reading, scope, node.output[0], found, items[0].dtype)
    emit(reading, node, index, scope, op, [made])


def _parts(size: int, given: Value | None) -> tuple[int, ...]:
    """Sizes of the parts: one each, chunks of a number, as listed, or as many equal ones as numbers that come at run time."""
    data = None if given is None else given.data
    if given is not None and data is not None and given.shape:
        return tuple(int(part) for part in data.reshape(-1))
    if given is not None and data is not None:
        chunk = int(data.reshape(-1)[0])
        if chunk < 1:
            raise ModelError(f"split is {chunk}; it must be at least 1")
        count = -(-size // chunk)
    else:
        count = max(1, given.elements) if given is not None and given.shape else size
        chunk = -(-size // max(1, count))
    if count > MAX_ITEMS:
        raise ModelError(f"{size} would be split into {count} items; at most {MAX_ITEMS} are supported")
    return tuple(max(0, min(chunk, size - chunk * place)) for place in range(count))


def divide(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """SplitToSequence: a Split whose outputs are the items."""
    value, attributes = _need(inputs, 0), plain(node, scope.given)
    axis = normal_axis(attributes.get("axis", 0), len(value.shape))
    given = inputs[1] if len(inputs) > 1 else None
    sizes = _parts(value.shape[axis], given)
    if given is not None and given.data is None:
        reading.note(
            f"{title(node, index)}: how it is split is known at run time only: {len(sizes)} equal parts are assumed"
        )
    op = Op("Split", "", 13, {"axis": axis, "split": sizes}, (value,), len(sizes))
    dropped = given is None and not attributes.get("keepdims", 1)
    name = reading.tensor_names.unique(f"{scope.prefix}{node.output[0]}/items")
    items = []
    for position, found in enumerate(split(op)):
        shape = (*found.shape[:axis], *found.shape[axis + 1 :]) if dropped else found.shape
        items.append(Value(f"{name}/{position}", shape, found.dtype))
    emit(reading, node, index, scope, op, items)
    _make(reading, node, scope, tuple(items), value.dtype)


def same(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """Optional and OptionalGetElement: what is inside."""
    scope.values[node.output[0]] = _need(inputs, 0)


def present(reading: Reading, node: onnx.NodeProto, index: int, scope: Scope, inputs: list[Value | None]) -> None:
    """OptionalHasElement: whether anything was given."""
    made = new_value(reading, scope, node.output[0], (), "bool")
    made.data, made.static = np.asarray(bool(inputs) and inputs[0] is not None), True


SEQUENCES: dict[str, Sequence] = {
    "SequenceEmpty": empty,
    "SequenceConstruct": construct,
    "SequenceInsert": insert,
    "SequenceErase": erase,
    "SequenceAt": at,
    "SequenceLength": length,
    "ConcatFromSequence": join,
    "SplitToSequence": divide,
    "Optional": same,
    "OptionalGetElement": same,
    "OptionalHasElement": present,
}
