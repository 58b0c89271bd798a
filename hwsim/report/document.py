"""Self-contained HTML pages: readable offline, in the dark, on paper and without JavaScript.

Every picture is drawn from an Altair specification by the Vega library that stands inside the page; behind every picture is a table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from hwsim.errors import UsageError, with_extra
from hwsim.report import charts
from hwsim.report.text import safe

#: Specifications by the id of the place where they are drawn.
Specifications = dict[str, Any]


def document(title: str, body: Iterable[str], specifications: Specifications) -> str:
    """The whole page around a body of HTML; raises UsageError where the ``report`` extra is not installed."""
    data = json.dumps(specifications, separators=(",", ":"), allow_nan=False)
    template = files("hwsim.report").joinpath("page.html").read_text(encoding="utf-8")
    parts = {
        "title": escape(title),
        "body": "\n".join(body),
        "specifications": data.replace("<", "\\u003c"),
        "library": _library(),
    }
    before, *rest = template.split("{{")
    pieces = [before]
    for piece in rest:
        name, _, after = piece.partition("}}")
        pieces += [parts[name], after]
    return "".join(pieces)


@cache
def _library() -> str:
    try:
        import vl_convert
    except ImportError:
        raise UsageError(f"pages need vl-convert: {with_extra('report')}") from None
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")).replace("</script", "<\\/script")


def figure(
    name: str, title: str, draw: Callable[[], Any], caption: str, specifications: Specifications, rows: str = ""
) -> str:
    """The place of a picture, or the reason why there is none.

    rows : beginning of the ids of the table rows that its marks stand for; a click on a mark whose datum has an ``index`` goes there.
    """
    try:
        specification = charts.to_dict(draw())
    except UsageError as reason:
        return f'<p class="remark">{escape(title)}: {escape(safe(str(reason)))}</p>'
    if "vconcat" not in specification:
        specification["width"] = "container"
    specification.pop("title", None)
    specifications[name] = _short(specification)
    return (
        f'<figure><h3>{escape(title)}</h3><div class="picture" id="{name}" data-rows="{rows}" role="img" '
        f'aria-label="{escape(title)}; its numbers are in the table"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _short(value: Any) -> Any:
    """The same with seven digits a number: a picture needs no more, and a page of a long network half the bytes."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {name: _short(item) for name, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, list) else value


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int, ids: Sequence[str] = ()) -> str:
    """A table of text, its first ``left`` columns to the left; ids : of its rows."""
    heads = "".join(
        f'<th scope="col" class="{"text" if place < left else "number"}">{escape(safe(title))}</th>'
        for place, title in enumerate(head)
    )
    lines = []
    for number, row in enumerate(rows):
        cells = "".join(
            f'<td class="{"text" if place < left else "number"}">{escape(safe(str(cell)))}</td>'
            for place, cell in enumerate(row)
        )
        lines.append(f'<tr id="{ids[number]}">{cells}</tr>' if ids else f"<tr>{cells}</tr>")
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
