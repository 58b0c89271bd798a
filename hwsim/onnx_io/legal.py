"""Values of attributes that the ONNX specification allows, where a wrong one makes the node meaningless."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hwsim.errors import ModelError
from hwsim.onnx_io.names import printable

_RESIZE_MODES = ("nearest", "linear", "cubic", "bilinear")
_DIRECTIONS = ("forward", "reverse", "bidirectional")
_RECURRENT: dict[str, tuple[str, ...]] = {"direction": _DIRECTIONS}
_REDUCTION: dict[str, tuple[str, ...]] = {"reduction": ("none", "add", "mul", "min", "max")}
_STATE = {"layout": (0, 1), "hidden_size": (1, 1 << 31)}

#: Texts that are possible, by operator and attribute.
_TEXTS: dict[str, dict[str, tuple[str, ...]]] = {
    "Resize": {
        "mode": _RESIZE_MODES,
        "keep_aspect_ratio_policy": ("stretch", "not_larger", "not_smaller"),
        "coordinate_transformation_mode": (
            "half_pixel",
            "half_pixel_symmetric",
            "pytorch_half_pixel",
            "align_corners",
            "asymmetric",
            "tf_half_pixel_for_nn",
            "tf_crop_and_resize",
        ),
    },
    "Upsample": {"mode": _RESIZE_MODES},
    "Pad": {"mode": ("constant", "reflect", "edge", "wrap")},
    "GridSample": {
        "mode": ("linear", "nearest", "cubic", "bilinear", "bicubic"),
        "padding_mode": ("zeros", "border", "reflection"),
    },
    "RoiAlign": {"mode": ("avg", "max")},
    "DepthToSpace": {"mode": ("DCR", "CRD")},
    "LSTM": _RECURRENT,
    "GRU": _RECURRENT,
    "RNN": _RECURRENT,
    "ScatterElements": _REDUCTION,
    "ScatterND": _REDUCTION,
    "LinearAttention": {"update_rule": ("linear", "gated", "delta", "gated_delta")},
}

#: Least and largest whole numbers that are possible, by operator and attribute.
_NUMBERS: dict[str, dict[str, tuple[int, int]]] = {
    "LRN": {"size": (1, 1 << 20)},
    "LpPool": {"p": (1, 1 << 20)},
    "LpNormalization": {"p": (1, 1 << 20)},
    "MaxPool": {"storage_order": (0, 1), "ceil_mode": (0, 1)},
    "AveragePool": {"ceil_mode": (0, 1)},
    "RoiAlign": {"output_height": (1, 1 << 20), "output_width": (1, 1 << 20), "sampling_ratio": (0, 1 << 16)},
    "GroupNormalization": {"num_groups": (1, 1 << 31)},
    "GroupNorm": {"groups": (1, 1 << 31)},
    "Multinomial": {"sample_size": (1, 1 << 31)},
    "DequantizeLinear": {"block_size": (0, 1 << 31)},
    "QuantizeLinear": {"block_size": (0, 1 << 31)},
    "MatMulNBits": {"block_size": (1, 1 << 31)},
    "LSTM": _STATE,
    "GRU": _STATE,
    "RNN": _STATE,
}

#: Operators that this module says anything about.
CHECKED = frozenset(_TEXTS) | frozenset(_NUMBERS)


def check_values(op: str, attributes: Mapping[str, Any]) -> None:
    """Refuse an attribute's value that the specification does not know, with a ModelError that lists what it does."""
    for name, choices in _TEXTS.get(op, {}).items():
        value = attributes.get(name)
        if isinstance(value, str) and value and value.lower() not in {choice.lower() for choice in choices}:
            raise ModelError(f"attribute {name!r} is {printable(value)[:40]!r}; {', '.join(choices)} are possible")
    for name, (least, most) in _NUMBERS.get(op, {}).items():
        value = attributes.get(name)
        if isinstance(value, int) and not least <= value <= most:
            raise ModelError(f"attribute {name!r} is {value}; {least} to {most} are possible")
