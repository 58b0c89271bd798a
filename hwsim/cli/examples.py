"""Examples and exit codes of every command, for its ``--help``."""

from __future__ import annotations

import argparse

from hwsim.cli.usage import Help

#: Command: what it does in a sentence, where its parser does not say; then examples.
_EXAMPLES: dict[str, tuple[str, ...]] = {
    "estimate": (
        "",
        "hwsim estimate light_resnet50 --device eyeriss_v1",
        "hwsim estimate model.onnx --device edge_tpu --device t4 --bits w8a8 --batch 8",
        "hwsim estimate model.onnx --device mine.yaml --set clock_mhz=400 --model simulate",
        "hwsim estimate light_squeezenet --device tpu_v1 --technology 28nm --max-power-w 30",
        "hwsim estimate --conv 1,64,56,56,64,3,3,1 --device tpu_v1 --format json --output layer.json",
    ),
    "complexity": ("", "hwsim complexity light_squeezenet", "hwsim complexity model.onnx --dim seq=128 --format csv"),
    "devices": (
        "The shipped profiles, and those of plugins: kind, peak, memory, what they support.",
        "hwsim devices",
        "hwsim devices --format json",
    ),
    "device": (
        "Profiles of devices: one YAML file each, a source for every number.",
        "hwsim device show eyeriss_v1",
        "hwsim device check mine.yaml",
    ),
    "device show": (
        "Everything that a profile says after inheritance and overrides, each number with its source.",
        "hwsim device show eyeriss_v1",
        "hwsim device show tpu_v1 --technology 28nm --set operating_point=low",
    ),
    "device check": (
        "Reads profiles and says all that is wrong, as file:line: key: message. Exit code 2 where something is.",
        "hwsim device check mine.yaml theirs.yaml",
    ),
    "device schema": (
        "JSON Schema of profiles on stdout: editors complete and check with it.",
        "hwsim device schema > device.schema.json",
    ),
    "map": (
        "",
        "hwsim map light_resnet50 --layer n7 --device eyeriss_v1",
        "hwsim map light_resnet50 --layer n7 --device eyeriss_v1 --save n7.yaml",
        "hwsim map light_resnet50 --layer n7 --device eyeriss_v1 --mapping n7.yaml",
    ),
    "timeloop": (
        "",
        "hwsim timeloop problem.yaml arch.yaml mapping.yaml",
        "hwsim timeloop problem.yaml arch.yaml constraints.yaml --objective edp",
    ),
    "area": ("", "hwsim area eyeriss_v1", "hwsim area ws_16x16 --technology 28nm --set compute.pe_array.x=32"),
    "validate": (
        "",
        "hwsim validate model.onnx measured.csv --device mine.yaml --page validation.html",
        "hwsim validate model.onnx profile.json --device t4 --bits fp16 --max-mape 15",
    ),
    "calibrate": (
        "",
        "hwsim calibrate a.onnx b.onnx --measured a.csv --measured b.csv --device mine.yaml --output fitted.yaml",
        "hwsim calibrate --from-measure --device generic_x86_server_core --output my_cpu.yaml",
    ),
    "measure": ("", "hwsim measure light_squeezenet --runs 30 --output measured.csv"),
    "doctor": (
        "Versions, optional extras, the cache. Exit code 1 where something that hwsim needs is missing.",
        "hwsim doctor",
    ),
    "completion": (
        "",
        "hwsim completion bash > ~/.local/share/bash-completion/completions/hwsim",
        "hwsim completion zsh > ~/.zfunc/_hwsim",
    ),
    "study": (
        "Many designs from a few lines of YAML: run them, look at fronts, draw them.",
        "hwsim study run buffers.yaml",
        "hwsim study report buffers.sqlite",
    ),
    "study front": (
        "The Pareto front of results that are there, of any totals.",
        "hwsim study front buffers.sqlite --objective latency_s --objective=-throughput_per_s --top 5",
    ),
    "explain": ("", "hwsim explain light_resnet50 --device tpu_v1"),
    "systems": ("The shipped systems: several devices and the links between them.", "hwsim systems"),
    "models": (
        "Real graphs without weights that come with the onnx wheel; their names stand wherever a MODEL does.",
        "hwsim models",
    ),
}
_CODES = {
    "": "exit codes: 0 done, 1 a negative answer (nothing feasible, a limit missed), 2 a mistake in what was given, 130 interrupted",
    "validate": "exit codes: 0 done, 1 a bar is missed, 2 a mistake in what was given, 130 interrupted",
    "calibrate": "exit codes: 0 done, 1 rows held out got worse, 2 a mistake in what was given, 130 interrupted",
    "study run": "exit codes: 0 done, 1 nothing is feasible, 2 a mistake in what was given, 130 interrupted (the same command goes on)",
}


def explain(parser: argparse.ArgumentParser, command: str = "") -> None:
    """Give a parser and all below it examples, exit codes, and a description."""
    told, *examples = _EXAMPLES.get(command, ("",))
    if told:
        parser.description = told
    epilog = parser.epilog or ""
    if examples:
        head = "example:" if len(examples) == 1 else "examples:"
        epilog = "\n".join([head, *(f"  {line}" for line in examples)])
    if "exit codes" not in epilog:
        epilog = f"{epilog.rstrip()}\n\n{_CODES.get(command, _CODES[''])}".lstrip()
    parser.epilog = epilog
    parser.formatter_class = Help
    parser.description = _wrapped(parser.description)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                explain(inner, f"{command} {name}".strip())


def _wrapped(text: str | None) -> str | None:
    """Lines of at most 100 characters: the formatter that keeps examples as they are wraps nothing."""
    if not text:
        return text
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > 100:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "\n".join([*lines, line])
