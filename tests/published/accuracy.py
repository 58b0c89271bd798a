"""README's table of accuracy, from the measured tables: ``python -m tests.published.accuracy`` writes it, a test holds both together."""

from __future__ import annotations

from pathlib import Path

from tests.published import own_cpu, own_gpu, products_and_chips
from tests.published.edge_families import FAMILIES, Accuracy, Family, accuracy

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- accuracy -->", "<!-- /accuracy -->"
PARTS_BEGIN, PARTS_END = "<!-- accuracy of parts -->", "<!-- /accuracy of parts -->"


def lines(found: list[tuple[Family, Accuracy]]) -> list[str]:
    """The table in Markdown."""
    head = (
        "measured",
        "rows",
        "networks",
        "held out",
        "in-sample",
        "data sheet alone",
        "∝ MACs, held out",
        "noise floor",
        "what is missing most",
    )
    rows = [head, ("---",) * len(head)]
    for family, result in found:
        noise = "no repeats given" if result.noise is None else _share(result.noise)
        errors = (result.held_out, result.in_sample, result.uncalibrated, result.baseline)
        rows.append((family.name, str(result.rows), str(result.networks), *map(_share, errors), noise, family.missing))
    return [f"| {' | '.join(row)} |" for row in rows]


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def shown(begin: str = BEGIN, end: str = END) -> list[str]:
    """A table as README has it."""
    text = README.read_text(encoding="utf-8")
    return text.partition(begin)[2].partition(end)[0].strip().splitlines()


def main() -> None:
    parts = products_and_chips.lines(products_and_chips.rows(products_and_chips.held_out()))
    tables = {
        (BEGIN, END): lines([(family, accuracy(family)) for family in FAMILIES]),
        (own_cpu.BEGIN, own_cpu.END): own_cpu.lines(),
        (own_gpu.BEGIN, own_gpu.END): own_gpu.lines(),
        (PARTS_BEGIN, PARTS_END): parts,
    }
    text = README.read_text(encoding="utf-8")
    for (begin, end), table in tables.items():
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = "\n".join([before + begin, *table, end]) + after
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
