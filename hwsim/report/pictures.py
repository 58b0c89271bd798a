"""Charts as files: PNG, SVG, PDF, or the Vega-Lite specification itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hwsim.errors import UsageError, with_extra
from hwsim.report import charts
from hwsim.report.sheet import Sheet
from hwsim.writing import whole

FORMATS = ("png", "svg", "pdf", "json")


def save_picture(chart: Any, path: str) -> None:
    """Write a chart; the ending says how (.png, .svg, .pdf, .json). The same chart gives the same bytes.

    Raises UsageError for another ending or a path that cannot be written.
    """
    kind = checked(path)
    spec = charts.to_dict(chart)
    data = json.dumps(spec, indent=1).encode() if kind == "json" else _rendered(spec, kind)
    try:
        with whole(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from None


def checked(path: str) -> str:
    """The format that a path's ending names; raises UsageError for another."""
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise UsageError(f"{path}: a picture's name ends in .{', .'.join(FORMATS[:-1])} or .{FORMATS[-1]}")
    return kind


def save_named(path: str, sheets: Sequence[Sheet]) -> None:
    """Write the picture that a file's name asks for; one of a single estimate is drawn of the first."""
    name = charts.named(path)
    checked(path)
    save_picture(charts.devices(sheets) if name == "devices" else charts.CHARTS[name](sheets[0]), path)


def _rendered(spec: dict[str, Any], kind: str) -> bytes:
    try:
        import vl_convert
    except ImportError:
        raise UsageError(f"pictures need vl-convert: {with_extra('report')}") from None
    for parameter in spec.get("params", []):
        parameter.pop("bind", None)
    if kind == "png":
        return bytes(vl_convert.vegalite_to_png(spec, scale=2))
    convert: Callable[..., Any] = vl_convert.vegalite_to_svg if kind == "svg" else vl_convert.vegalite_to_pdf
    made = convert(spec)
    return made.encode() if isinstance(made, str) else bytes(made)
