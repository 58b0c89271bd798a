"""A calibrated profile as YAML: it extends the one it comes from and gives the fitted numbers, each with its interval and its data."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hwsim.device import Device
from hwsim.device.library import available
from hwsim.validation.calibration import Calibration
from hwsim.version import __version__


def profile_text(
    calibration: Calibration,
    device: Device,
    output: str,
    energies: Calibration | None = None,
    machine: Sequence[str] = (),
) -> str:
    """The YAML of the calibrated profile.

    device : what was calibrated; output : where the text will lie; energies : fitted too; machine : overrides that the machine itself
    decides (``memory.l2.capacity_kib=2048``).
    """
    names = ", ".join(f"{Path(path).name} (sha256 {digest})" for path, digest in calibration.data) or "measured data"
    fit = f"fitted by hwsim {__version__} ({calibration.rung} model) to {calibration.rows} rows of {names}"
    story = f"{fit}; {verdict(calibration)}"
    note = "data " + ", ".join(f"sha256:{digest[:16]}" for _, digest in calibration.data)
    lines = [
        f"# Constants of {device.name} calibrated; intervals of 99 %; held out by {calibration.hold_out}, {calibration.folds} folds",
        f"name: {_profile_name(output, device.name)}",
        f"extends: {json.dumps(_base(device, output))}",
        "sources:",
        f"  calibration: {{text: {json.dumps(story)}, quality: fitted}}",
    ]
    if machine:
        lines.append(
            '  machine: {text: "read from the machine that was measured, or shown by its products", quality: measured}'
        )
    if calibration.worse:
        lines += ["notes:", f"  - {json.dumps(verdict(calibration))}"]
    if energies is not None:
        lines.insert(1, f"# Energies: {verdict(energies)}")
    tree: dict[str, Any] = {}
    for text in machine:
        key, _, value = text.partition("=")
        _place(tree, key.split("."), f"{{value: {value}, source: machine}}")
    for item in (*calibration.constants, *(energies.constants if energies is not None else ())):
        cell = (
            f"{{value: {_number(item.value)}, source: fitted, quality: fitted, "
            f"interval: [{_number(item.low)}, {_number(item.high)}], note: {json.dumps(note)}}}"
        )
        _place(tree, item.path.split("."), f"{item.value:.0f}" if ".padded." in item.path else cell)
    lines += _block(tree)
    return "\n".join(lines)


def verdict(calibration: Calibration) -> str:
    """What the fit is worth, in a sentence."""

    def share(value: float | None) -> str:
        return "unknown" if value is None else f"{100 * value:.1f} %"

    after, before = calibration.held_out.mape.value, calibration.uncalibrated.mape.value
    text = (
        f"mean absolute error of rows held out (by {calibration.hold_out}) {share(after)}, "
        f"in-sample {share(calibration.in_sample.mape.value)}, uncalibrated {share(before)}, "
        f"proportional to MACs {share(calibration.baseline.mape.value)}"
    )
    if calibration.worse:
        return f"calibration makes rows that it has not seen worse: {text}"
    return text


def _base(device: Device, output: str) -> str:
    """What ``extends`` names: a shipped profile by its name, another by its path from the new file."""
    path = Path(device.path).resolve()
    if path.stem in available() and path.parent.name == "device_profiles":
        return path.stem
    return os.path.relpath(path, Path(output).resolve().parent)


def _profile_name(output: str, base: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9_]", "_", Path(output).stem)
    return stem[:64] if re.match(r"[A-Za-z]", stem) else f"{base[:50]}_calibrated"


def _number(value: float) -> str:
    return f"{value:.6g}"


def _place(tree: dict[str, Any], steps: list[str], cell: str) -> None:
    for step in steps[:-1]:
        tree = tree.setdefault(step, {})
    tree[steps[-1]] = cell


def _block(tree: Mapping[str, Any], depth: int = 0, path: tuple[str, ...] = ()) -> list[str]:
    """Nested keys as lines; the entries of named lists as such."""
    indent = "  " * depth
    lines: list[str] = []
    for key, value in tree.items():
        if isinstance(value, str):
            lines.append(f"{indent}{key}: {value}")
        elif (*path, key) in {("memory",), ("compute", "precisions")}:
            lines.append(f"{indent}{key}:")
            for name, inner in value.items():
                fields = "".join(f", {field}: {_inline(cell)}" for field, cell in inner.items())
                lines.append(f"{indent}  - {{name: {name}{fields}}}")
        else:
            lines += [f"{indent}{key}:", *_block(value, depth + 1, (*path, key))]
    return lines


def _inline(cell: Any) -> str:
    """A number, or numbers by name, on one line."""
    if isinstance(cell, str):
        return cell
    return "{" + ", ".join(f"{name}: {inner}" for name, inner in cell.items()) + "}"
