"""Normalizations: the shape of the input, after checking that the learned vectors fit it."""

from __future__ import annotations

from hwsim.errors import ModelError
from hwsim.onnx_io.shapes.op import Handler, Op, Shaped, broadcast, normal_axis
from hwsim.onnx_io.values import Shape, shown


def _same(op: Op) -> tuple[Shaped, ...]:
    first = op.value(0)
    return (Shaped(first.shape, first.dtype),)


def batch_normalization(op: Op) -> tuple[Shaped, ...]:
    """BatchNormalization: one statistic a channel; further outputs in training."""
    x = op.shape(0)
    channels = x[1] if len(x) > 1 else 1
    for index in range(1, 5):
        if op.has(index) and op.shape(index) != (channels,) and len(x) > 1:
            raise ModelError(f"input {index} has shape {shown(op.shape(index))}; {channels} is needed")
    stats = Shaped(op.shape(3), op.dtype(3))
    return (Shaped(x, op.dtype(0)), *(stats for _ in range(op.outputs - 1)))


def instance_normalization(op: Op) -> tuple[Shaped, ...]:
    """InstanceNormalization: a scale and a shift a channel."""
    x = op.shape(0)
    for index in (1, 2):
        if len(x) < 2 or op.shape(index) != (x[1],):
            raise ModelError(
                f"input {index} has shape {shown(op.shape(index))}, which is not one number a channel of {shown(x)}"
            )
    return _same(op)


def group_normalization(op: Op) -> tuple[Shaped, ...]:
    """GroupNormalization: a scale and a shift a channel (a group before opset 21)."""
    x, groups = op.shape(0), op.number("num_groups", 0)
    if len(x) < 2 or groups < 1 or x[1] % groups:
        raise ModelError(f"num_groups {groups} does not divide the channels of {shown(x)}")
    for index in (1, 2):
        if op.shape(index) not in ((x[1],), (groups,)):
            raise ModelError(f"input {index} has shape {shown(op.shape(index))}; {x[1]} is needed")
    return _same(op)


def _check_vector(op: Op, index: int, tail: Shape) -> None:
    """Refuse a scale or shift that does not broadcast to the normalized dims."""
    if op.has(index) and broadcast(tail, op.shape(index)) != tail and len(op.shape(index)) <= len(tail):
        raise ModelError(f"input {index} has shape {shown(op.shape(index))}; {shown(tail)} is needed")


def layer_normalization(op: Op) -> tuple[Shaped, ...]:
    """LayerNormalization: mean and inverse deviation as further outputs."""
    x = op.shape(0)
    axis = normal_axis(op.number("axis", -1), len(x))
    _check_vector(op, 1, x[axis:])
    _check_vector(op, 2, x[axis:])
    stats = Shaped((*x[:axis], *(1 for _ in x[axis:])), "float32")
    return (Shaped(x, op.dtype(0)), stats, stats)


def rms_normalization(op: Op) -> tuple[Shaped, ...]:
    """RMSNormalization: a scale over the normalized dims."""
    x = op.shape(0)
    axis = normal_axis(op.number("axis", -1), len(x))
    _check_vector(op, 1, x[axis:])
    return _same(op)


HANDLERS: dict[str, Handler] = {
    "BatchNormalization": batch_normalization,
    "InstanceNormalization": instance_normalization,
    "GroupNormalization": group_normalization,
    "LayerNormalization": layer_normalization,
    "RMSNormalization": rms_normalization,
}
