"""ONNX files read, annotated, generated: the only room that imports onnx."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hwsim.onnx_io.source import resolve, wheel_models

if TYPE_CHECKING:
    import onnx

    from hwsim.graph import Network

__all__ = ["read", "resolve", "wheel_models"]


def read(
    source: str | os.PathLike[str] | onnx.ModelProto,
    *,
    batch: int | None = None,
    dims: Mapping[str, int] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    trips: Mapping[str, int] | None = None,
    read_weights: bool = False,
) -> Network:
    """The network in an ONNX file, every shape known, nothing folded but constants.

    source : a path, a short name (see `resolve`), or a model in memory. batch : leading dim of the inputs [1].
    dims : extents of symbolic dims, and of sizes that are only known at run time, by name of the dim or tensor [1].
    shapes : of inputs, and of tensors that nothing else gives a shape [1]. trips : of loops, by node name [1].
    read_weights : count the zeros of the weights inside the file (`Tensor.density`). External data is never opened.
    Raises ModelError in one line each, all findings at once where there are several.
    """
    from hwsim.onnx_io.binding import Given
    from hwsim.onnx_io.importer import imported

    return imported(source, Given(batch, dict(dims or {}), dict(shapes or {}), dict(trips or {}), read_weights))
