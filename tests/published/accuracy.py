"""README's table of accuracy, from the measured tables: ``python -m tests.published.accuracy`` writes it, a test holds both together."""

from __future__ import annotations

from pathlib import Path

from tests.published.edge_families import FAMILIES, Accuracy, Family, accuracy

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- accuracy -->", "<!-- /accuracy -->"


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
    )
    rows = [head, ("---",) * len(head)]
    for family, result in found:
        noise = "no repeats given" if result.noise is None else _share(result.noise)
        errors = (result.held_out, result.in_sample, result.uncalibrated, result.baseline)
        rows.append((family.name, str(result.rows), str(result.networks), *map(_share, errors), noise))
    return [f"| {' | '.join(row)} |" for row in rows]


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def shown() -> list[str]:
    """The table as README has it."""
    text = README.read_text(encoding="utf-8")
    return text.partition(BEGIN)[2].partition(END)[0].strip().splitlines()


def main() -> None:
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join(lines([(family, accuracy(family)) for family in FAMILIES]))
    README.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
