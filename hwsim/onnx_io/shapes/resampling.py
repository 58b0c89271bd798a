"""Operators that change the resolution: resize, and blocks exchanged with channels."""

from __future__ import annotations

import math

from hwsim.errors import ModelError
from hwsim.onnx_io.shapes.op import Handler, Op, Shaped, normal_axes
from hwsim.onnx_io.values import MAX_ELEMENTS, Shape, shown


def _scaled(shape: Shape, scales: tuple[float, ...], axes: tuple[int, ...]) -> Shape:
    if len(scales) != len(axes):
        raise ModelError(f"scales {list(scales)[:8]} do not fit the input {shown(shape)}")
    result = list(shape)
    for axis, scale in zip(axes, scales, strict=True):
        if not 0 < scale < MAX_ELEMENTS:
            raise ModelError(f"scales {list(scales)[:8]}: each must be positive and finite")
        result[axis] = math.floor(result[axis] * scale)
    return tuple(result)


def _fitted(shape: Shape, sizes: tuple[int, ...], axes: tuple[int, ...], policy: str) -> Shape:
    if len(sizes) != len(axes) or any(size < 1 for size in sizes):
        raise ModelError(f"sizes {list(sizes)[:8]} do not fit the input {shown(shape)}")
    result = list(shape)
    ratios = [size / max(1, shape[axis]) for axis, size in zip(axes, sizes, strict=True)]
    for axis, size in zip(axes, sizes, strict=True):
        result[axis] = size
        if policy != "stretch":
            ratio = min(ratios) if policy == "not_larger" else max(ratios)
            result[axis] = math.floor(shape[axis] * ratio + 0.5)
    return tuple(result)


def resize(op: Op) -> tuple[Shaped, ...]:
    """Resize (opset 10: scales at input 1; later: roi, scales, sizes) and Upsample."""
    shape = op.shape(0)
    axes = op.numbers("axes")
    axes = tuple(range(len(shape))) if axes is None else normal_axes(axes, len(shape))
    at = 1 if op.op == "Upsample" or op.version < 11 else 2
    sizes = op.ints(3) if op.has(3) else None
    if sizes and op.has(2) and op.value(2).elements:
        op.notes.append("gives both scales and sizes, where ONNX wants one: the sizes were taken")
    if sizes:
        op.resolved["sizes"] = sizes
        return (Shaped(_fitted(shape, sizes, axes, op.text("keep_aspect_ratio_policy", "stretch")), op.dtype(0)),)
    scales = op.attributes.get("scales")
    if op.has(at):
        data = op.data(at)
        scales = () if data is None else tuple(float(scale) for scale in data.reshape(-1))
    elif scales is None and "height_scale" in op.attributes:
        scales = (1.0, 1.0, op.attributes["height_scale"], op.attributes["width_scale"])
    if not scales:
        raise ModelError("neither scales nor sizes are given")
    op.resolved["scales"] = scales
    return (Shaped(_scaled(shape, scales, axes), op.dtype(0)),)


def _block(op: Op) -> tuple[Shape, int]:
    shape, block = op.shape(0), op.number("blocksize", 0)
    if len(shape) != 4 or block < 1:
        raise ModelError(f"blocksize {block} on {shown(shape)}: 4 dims and a blocksize of at least 1 are needed")
    return shape, block


def depth_to_space(op: Op) -> tuple[Shaped, ...]:
    """DepthToSpace: channels become blocks."""
    (n, c, h, w), block = _block(op)
    if c % (block * block):
        raise ModelError(f"{c} channels cannot be divided into blocks of {block}x{block}")
    return (Shaped((n, c // (block * block), h * block, w * block), op.dtype(0)),)


def space_to_depth(op: Op) -> tuple[Shaped, ...]:
    """SpaceToDepth: blocks become channels."""
    (n, c, h, w), block = _block(op)
    if h % block or w % block:
        raise ModelError(f"{h}x{w} cannot be divided into blocks of {block}x{block}")
    return (Shaped((n, c * block * block, h // block, w // block), op.dtype(0)),)


HANDLERS: dict[str, Handler] = {
    "Resize": resize,
    "Upsample": resize,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
}
