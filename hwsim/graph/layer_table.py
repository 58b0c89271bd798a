"""Layer tables: a network as a CSV with one layer a row."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from hwsim.errors import ModelError, UsageError, nearest
from hwsim.graph.network import Network
from hwsim.graph.operators import ELEMENTWISE
from hwsim.graph.records import Attribute, Layer, Role, Tensor, dtype_bits

#: Columns of whole numbers, with what an empty cell means.
_NUMBERS: dict[str, int] = {
    **dict.fromkeys(("n", "g", "k", "c", "q", "p", "s", "r", "m", "stride", "dilation", "repeat"), 1),
    **dict.fromkeys(("pad", "stride_h", "stride_w", "bits", "input_bits", "weight_bits", "output_bits"), 0),
}
_COLUMNS = ("name", "op", "dtype", *_NUMBERS)
_LIMIT = 2**40
_MAX_ROWS = 100_000
#: Digits from which on a number is too large, whatever they are.
_DIGITS = 16
_PRODUCTS = ("Gemm", "MatMul")
_VECTOR = ELEMENTWISE | {"Softmax", "LayerNormalization"}
_OPERATORS = {name.lower(): name for name in ("Conv", *_PRODUCTS, *sorted(_VECTOR))}


class _Row(NamedTuple):
    """One layer as it stands in the table. types : of input, weight and output."""

    name: str
    op: str
    numbers: dict[str, int]
    types: tuple[str, str, str]


def from_csv(path: str | os.PathLike[str], batch: int = 1) -> Network:
    """A network from a table with one layer a row.

    Columns, in any order; an empty cell or a missing column takes the value in brackets:

    - ``op`` : Conv, Gemm, MatMul, an elementwise operator, Softmax, LayerNormalization. ``name`` [op and row]. ``repeat`` [1].
    - Conv: ``n`` batch, ``g`` groups, ``k`` outputs and ``c`` inputs per group, ``q`` × ``p`` output height × width, ``s`` × ``r`` kernel
      height × width, ``stride`` or ``stride_h`` and ``stride_w``, ``dilation``, all [1], ``pad`` [0] on every side.
    - Gemm (weights) and MatMul (two activations): ``m`` rows, ``n`` columns, ``g`` of them, all [1], and ``k`` reduction, which a row must
      give.
    - Elementwise and other vector operators: ``n``, ``k``, ``q``, ``p``: the shape.
    - ``dtype`` [float32], or ``bits`` for integers, and ``input_bits``, ``weight_bits``, ``output_bits`` where they differ.

    Lines that start with # are left out. A layer reads the result of the row before it where shape and type fit, else an input of its
    own. batch : multiplies n of Conv and vector rows, m of Gemm rows and g of MatMul rows.
    Raises ModelError with ``file:line: column: message`` for every mistake of the file at once.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from None
    if batch < 1:
        raise UsageError(f"batch {batch}: must be at least 1")
    lines = _lines(path, text)
    if not lines:
        raise ModelError(f"{path}: is empty; the first line names the columns, {','.join(_COLUMNS[:9])},...")
    columns = _header(path, lines[0][1], lines[0][0])
    parts: list[tuple[Layer, list[Tensor]]] = []
    findings: list[str] = []
    names: set[str] = set()
    for line, cells in lines[1:]:
        if len(cells) > len(columns):
            findings.append(f"{path}:{line}: {len(cells)} cells, the first line names {len(columns)} columns")
            continue
        row, wrong = _row({column: cell.strip() for column, cell in zip(columns, cells, strict=False)}, line, names)
        try:
            parts += [_layer(row, batch)] if row else []
        except ValueError as error:
            wrong = [str(error)]
        findings += [f"{path}:{line}: {finding}" for finding in wrong]
    if not parts and not findings:
        findings = [f"{path}: has no rows below its first line"]
    if findings:
        raise ModelError(*findings)
    return _connected(path.stem, parts)


def _lines(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """Rows that say something, with their lines."""
    lines = []
    reader = csv.reader(io.StringIO(text))
    try:
        for line, cells in enumerate(reader, 1):
            if any(cells) and not cells[0].startswith("#"):
                lines.append((line, cells))
            if len(lines) > _MAX_ROWS:
                raise ModelError(f"{path}: more than {_MAX_ROWS:,} rows")
    except csv.Error as error:
        raise ModelError(f"{path}:{reader.line_num}: {error}") from None
    return lines


def _header(path: Path, cells: list[str], line: int) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    findings = [
        f"{path}:{line}: {column}: unknown column{nearest(column, _COLUMNS)}"
        for column in columns
        if column not in _COLUMNS
    ]
    findings += [f"{path}:{line}: {column}: given twice" for column in set(columns) if columns.count(column) > 1]
    if "op" not in columns:
        findings.append(f"{path}:{line}: op: this column is needed")
    if findings:
        raise ModelError(*findings)
    return columns


def _row(cells: dict[str, str], line: int, names: set[str]) -> tuple[_Row | None, list[str]]:
    """A row, or what is wrong with it."""
    findings = []
    numbers = {}
    for column, default in _NUMBERS.items():
        text = cells.get(column, "")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else -1
        if text and not default <= number <= _LIMIT:
            findings.append(f"{column}: {text[:40]!r} must be a whole number from {default} to 2^40")
        numbers[column] = number if text and number >= 0 else default
    word = cells.get("op", "")
    op = _OPERATORS.get(word.lower())
    if op is None:
        hint = nearest(word, list(_OPERATORS.values()))
        findings.append(f"op: {word!r} is not one of Conv, Gemm, MatMul and the vector operators{hint}")
    if op in _PRODUCTS and not cells.get("k"):
        findings.append(f"k: {op} needs the length of its sums")
    name = cells.get("name") or f"{word.lower()}_{line}"
    if name in names:
        findings.append(f"name: {name!r} is given twice")
    names.add(name)
    types = _types(cells, numbers, findings)
    return (_Row(name, op, numbers, types), []) if op is not None and not findings else (None, findings)


def _types(cells: dict[str, str], numbers: dict[str, int], findings: list[str]) -> tuple[str, str, str]:
    """Types of input, weight and output; mistakes go to ``findings``."""
    dtype = cells.get("dtype") or (f"int{numbers['bits']}" if numbers["bits"] else "float32")
    first, second, third = (
        f"int{numbers[column]}" if numbers[column] else dtype for column in ("input_bits", "weight_bits", "output_bits")
    )
    for column, name in (("dtype", dtype), ("input_bits", first), ("weight_bits", second), ("output_bits", third)):
        try:
            dtype_bits(name)
        except ValueError as error:
            findings.append(f"{column}: {error}")
            break
    return first, second, third


def _layer(row: _Row, batch: int) -> tuple[Layer, list[Tensor]]:
    """The layer of a row and its tensors: input, further operands, output; raises ValueError where the shape is impossible."""
    if row.op == "Conv":
        return _conv(row, batch)
    if row.op in _PRODUCTS:
        return _product(row, batch)
    n = row.numbers
    shape = (n["n"] * batch, n["k"], n["q"], n["p"])
    tensors = [_tensor(row, "input", shape, 0), _tensor(row, "", shape, 2)]
    return Layer(row.name, row.op, (tensors[0].name,), (row.name,), {}, repeat=n["repeat"]), tensors


def _conv(row: _Row, batch: int) -> tuple[Layer, list[Tensor]]:
    n = row.numbers
    strides = (n["stride_h"] or n["stride"], n["stride_w"] or n["stride"])
    pad, dilation = n["pad"], n["dilation"]
    height, width = (
        (out - 1) * stride + (taps - 1) * dilation + 1 - 2 * pad
        for out, taps, stride in zip((n["q"], n["p"]), (n["s"], n["r"]), strides, strict=True)
    )
    if height < 1 or width < 1:
        raise ValueError(f"pad: {pad} on every side leaves no input for {n['q']} x {n['p']} results")
    attributes: dict[str, Attribute] = {
        "kernel_shape": (n["s"], n["r"]),
        "strides": strides,
        "dilations": (dilation, dilation),
        "pads": (pad,) * 4,
        "group": n["g"],
    }
    images = n["n"] * batch
    tensors = [
        _tensor(row, "input", (images, n["g"] * n["c"], height, width), 0),
        _tensor(row, "weight", (n["g"] * n["k"], n["c"], n["s"], n["r"]), 1, "parameter"),
        _tensor(row, "", (images, n["g"] * n["k"], n["q"], n["p"]), 2),
    ]
    return Layer(
        row.name, "Conv", (tensors[0].name, tensors[1].name), (row.name,), attributes, repeat=n["repeat"]
    ), tensors


def _product(row: _Row, batch: int) -> tuple[Layer, list[Tensor]]:
    n = row.numbers
    groups, rows = (n["g"] * batch, n["m"]) if row.op == "MatMul" else (n["g"], n["m"] * batch)
    lead = (groups,) if groups > 1 or row.op == "MatMul" else ()
    role: Role = "parameter" if row.op == "Gemm" else "activation"
    tensors = [
        _tensor(row, "input", (*lead, rows, n["k"]), 0),
        _tensor(row, "weight" if role == "parameter" else "other", (*lead, n["k"], n["n"]), 1, role),
        _tensor(row, "", (*lead, rows, n["n"]), 2),
    ]
    op = "MatMul" if lead else "Gemm"
    return Layer(row.name, op, (tensors[0].name, tensors[1].name), (row.name,), {}, repeat=n["repeat"]), tensors


def _tensor(row: _Row, part: str, shape: tuple[int, ...], operand: int, role: Role = "activation") -> Tensor:
    return Tensor(f"{row.name}.{part}" if part else row.name, shape, row.types[operand], role)


def _connected(name: str, parts: list[tuple[Layer, list[Tensor]]]) -> Network:
    """Rows as one network: a layer reads what the one before wrote where that fits."""
    layers: list[Layer] = []
    tensors: dict[str, Tensor] = {}
    inputs: list[str] = []
    previous: Tensor | None = None
    for layer, operands in parts:
        own, rest = operands[0], operands[1:]
        fits = previous is not None and (previous.shape, previous.dtype) == (own.shape, own.dtype)
        first = previous if fits and previous is not None else own
        inputs += [
            tensor.name for tensor in (first, *rest[:-1]) if tensor.role == "activation" and tensor is not previous
        ]
        tensors.update((tensor.name, tensor) for tensor in (first, *rest))
        layers.append(replace(layer, inputs=(first.name, *layer.inputs[1:])))
        previous = rest[-1]
    read = {operand for layer in layers for operand in layer.inputs}
    outputs = tuple(layer.name for layer in layers if layer.name not in read)
    return Network(name, tuple(layers), tensors, tuple(inputs), outputs)
