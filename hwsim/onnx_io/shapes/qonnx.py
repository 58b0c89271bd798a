"""Quantization of QONNX, Brevitas and FINN: bit widths are inputs, weights stay float."""

from __future__ import annotations

import re
from collections.abc import Callable

from hwsim.errors import ModelError
from hwsim.onnx_io.shapes import arithmetic, windows
from hwsim.onnx_io.shapes.op import Handler, Op, RunTimeError, Shaped, normal_axis
from hwsim.onnx_io.values import shown

#: Domains that define these operators, newest first.
DOMAINS = {
    "qonnx.custom_op.general",
    "onnx.brevitas",
    "finn.custom_op.general",
    "qonnx.custom_op.channels_last",
    "finn.custom_op.fpgadataflow",
}

_OUT_TYPE = re.compile(r"(?:SCALED)?U?INT<?(\d+)")


def _width(op: Op, index: int, what: str) -> int:
    """A bit width that is given as an input: its largest element."""
    try:
        data = op.data(index)
    except RunTimeError:
        op.notes.append(f"its {what} is computed at run time: 8 bits are assumed")
        return 8
    if data is None or not data.size:
        raise ModelError(f"input {index} ({what}) is missing")
    width = float(data.max())
    if not 0 <= width <= 64 or width != int(width):
        raise ModelError(f"its {what} is {width:g}; whole numbers from 0 to 64 are possible")
    return int(width)


def _quantizer(bits: Callable[[Op], int]) -> Handler:
    """Same shape and type as the first input; the layer learns its bit width."""

    def handler(op: Op) -> tuple[Shaped, ...]:
        op.resolved["bits"] = bits(op)
        first = op.value(0)
        return (Shaped(first.shape, first.dtype),)

    return handler


def _quant(op: Op) -> int:
    op.resolved["signed"] = op.number("signed", 1)
    op.resolved["narrow"] = op.number("narrow", 0)
    return max(1, _width(op, 3, "bit width"))


def _trunc(op: Op) -> int:
    op.resolved["signed"] = op.number("signed", 1)
    op.resolved["narrow"] = op.number("narrow", 0)
    return max(1, _width(op, len(op.inputs) - 1, "output bit width"))


def _float_quant(op: Op) -> int:
    exponent, mantissa = _width(op, 2, "exponent width"), _width(op, 3, "mantissa width")
    op.resolved |= {"exponent_bits": exponent, "mantissa_bits": mantissa, "signed": op.number("signed", 1)}
    return 1 + exponent + mantissa


def _bipolar(op: Op) -> int:
    op.resolved |= {"signed": 1, "narrow": 0}
    return 1


def _thresholds(op: Op) -> int:
    """MultiThreshold: the attribute out_dtype names the type, else the number of thresholds does."""
    name = op.text("out_dtype", "")
    op.resolved["signed"] = int(not name.startswith(("U", "BINARY")))
    match = _OUT_TYPE.match(name)
    if match:
        return int(match.group(1))
    if name in ("BIPOLAR", "BINARY"):
        return 1
    return max(1, op.shape(1)[-1].bit_length())


def _average(op: Op) -> tuple[Shaped, ...]:
    """QuantAvgPool2d: square windows without padding."""
    kernel, stride = op.number("kernel", 1), op.number("stride", 1)
    last = op.text("data_layout", "NCHW") == "NHWC"
    inner = Op(op.op, "", 17, {"kernel_shape": (kernel, kernel), "strides": (stride, stride)}, op.inputs[:1], 1)
    found = (windows.channels_last(windows.pool) if last else windows.pool)(inner)
    op.resolved |= inner.resolved
    return found[:1]


def _im2col(op: Op) -> tuple[Shaped, ...]:
    """Im2Col: patches of an NHWC input laid out along the last dim."""
    x, kernel = op.shape(0), op.numbers("kernel_size") or (1, 1)
    if len(x) != 4 or len(kernel) != 2:
        raise ModelError(f"kernel_size {list(kernel)} does not fit the input {shown(x)}")
    pads = op.numbers("pad_amount") or (0, 0, 0, 0)
    pads = pads if len(pads) == 4 else (0, 0, 0, 0)
    inner = Op(
        op.op,
        "",
        17,
        {"kernel_shape": kernel, "strides": op.numbers("stride") or (1, 1), "pads": pads},
        op.inputs[:1],
        1,
    )
    inner.attributes["dilations"] = op.numbers("dilations") or (1, 1)
    out = windows.channels_last(windows.pool)(inner)[0].shape
    return (Shaped((*out[:3], x[3] * kernel[0] * kernel[1]), op.dtype(0)),)


def _batch_norm_last(op: Op) -> tuple[Shaped, ...]:
    normal_axis(-1, len(op.shape(0)))
    return (Shaped(op.shape(0), op.dtype(0)),)


GENERAL: dict[str, Handler] = {
    "Quant": _quantizer(_quant),
    "IntQuant": _quantizer(_quant),
    "BipolarQuant": _quantizer(_bipolar),
    "Trunc": _quantizer(_trunc),
    "FloatQuant": _quantizer(_float_quant),
    "MultiThreshold": _quantizer(_thresholds),
    "XnorPopcountMatMul": arithmetic.matmul(),
    "QuantAvgPool2d": _average,
    "Im2Col": _im2col,
    "MaxPoolNHWC": windows.channels_last(windows.pool),
}
CHANNELS_LAST: dict[str, Handler] = {
    "Conv": windows.channels_last(windows.convolution()),
    "MaxPool": windows.channels_last(windows.pool),
    "AveragePool": windows.channels_last(windows.pool),
    "BatchNormalization": _batch_norm_last,
}
