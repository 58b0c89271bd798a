"""What the verbs of measured data share: networks by the names that rows give them, the device in a row's mode, progress."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from hwsim.cli.arguments import device, prepared_models
from hwsim.errors import UsageError

if TYPE_CHECKING:
    from hwsim.device import Device
    from hwsim.estimation import Prepared


def names(arguments: argparse.Namespace) -> list[str]:
    """The names under which the networks of the command line are known."""
    found = [*arguments.models, *arguments.gemm, *arguments.conv]
    if not found:
        raise UsageError("no model given: name the network first, then the measured data")
    return found


class Reader:
    """Prepares the networks of the command line, once for every batch and precision."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._found: dict[tuple[str, int | None, str | None], Prepared] = {}

    def __call__(self, model: str, batch: int | None, bits: str | None) -> Prepared:
        """The network of that name at a batch and with operand bits; None: as the command line says."""
        key = (model, batch, bits)
        if key not in self._found:
            given = vars(self._arguments)
            one = {name: [model] if model in given[name] else [] for name in ("models", "gemm", "conv")}
            changed = {**given, **one, "bits": bits or given["bits"]}
            if one["models"]:
                changed["batch"] = given["batch"] if given["batch"] is not None else batch
            self._found[key] = prepared_models(argparse.Namespace(**changed))[0]
        return self._found[key]


def in_mode(arguments: argparse.Namespace, chosen: Device, mode: str) -> Device:
    """The device at an operating point."""
    if not mode:
        return chosen
    given = {**vars(arguments), "set": [f"operating_point={mode}", *arguments.set]}
    return device(arguments.device, argparse.Namespace(**given))


def progress(text: str) -> None:
    """Say on a terminal what is being done."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text} ...", end="" if text != "intervals" else "\r\033[K", file=sys.stderr, flush=True)
