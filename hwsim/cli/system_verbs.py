"""The verbs about systems: system, systems, train, decode."""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from hwsim.cli.arguments import (
    above_zero,
    add_answer_arguments,
    add_device_arguments,
    add_model_arguments,
    binding,
    device,
    emit,
    prepared_models,
)
from hwsim.errors import Infeasible, UsageError, nearest

if TYPE_CHECKING:
    from hwsim.estimation import Prepared
    from hwsim.system.decoder import Decoder
    from hwsim.system.language import LanguageModel
    from hwsim.system.record import SystemEstimate

Verbs = argparse._SubParsersAction


def add(verb: Verbs[argparse.ArgumentParser]) -> None:
    """All of them."""
    _system(verb)
    listing = verb.add_parser("systems", help="list the system profiles")
    listing.set_defaults(run=systems)
    _train(verb)
    _decode(verb)


def one_device(parser: argparse.ArgumentParser) -> None:
    """Options that name one device, and the model of it."""
    group = parser.add_argument_group("the device")
    group.add_argument("--device", metavar="NAME", required=True, help="shipped profile or YAML file")
    add_device_arguments(group)
    parser.add_argument(
        "--model", metavar="RUNG", help="roofline, cpu, systolic, gpu or mapping (default: the most detailed there is)"
    )


def answer(parser: argparse.ArgumentParser) -> None:
    """Options that say where the answer goes, and as what."""
    add_answer_arguments(parser)


def described(
    verb: Verbs[argparse.ArgumentParser], name: str, help_text: str, description: str, example: str
) -> argparse.ArgumentParser:
    """The parser of a verb with its description and an example."""
    return verb.add_parser(
        name,
        help=help_text,
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _system(verb: Verbs[argparse.ArgumentParser]) -> None:
    parser = described(
        verb,
        "system",
        "a network on several devices",
        "Divide a network over the devices of a system: a pipeline of layers, each layer by channels or rows, or a copy on each.",
        "hwsim system light_resnet50 --system glacier_point_v2 --bits w8a8 --batch 8 --way data",
    )
    add_model_arguments(parser)
    group = parser.add_argument_group("the devices")
    group.add_argument("--system", metavar="NAME", help="shipped system or YAML file ('hwsim systems' lists them)")
    group.add_argument("--device", metavar="NAME", help="instead of a system: one device alone")
    add_device_arguments(group)
    parser.add_argument(
        "--limit-ms", metavar="MS", type=above_zero, help="search the batch that gives most within this latency"
    )
    parser.add_argument(
        "--rate", metavar="QPS", type=float, help="batches a second that arrive at random, for the percentiles"
    )
    parser.add_argument(
        "--way", metavar="WAY", default="pipeline", help="pipeline, channels, rows, data or experts (default pipeline)"
    )
    parser.add_argument(
        "--on",
        metavar="INSTANCE",
        action="append",
        default=[],
        help="use this device (repeatable; default: all but the host)",
    )
    parser.add_argument(
        "--cut", metavar="LAYER", action="append", default=[], help="first layer of a further stage (default: balanced)"
    )
    parser.add_argument("--dispatch", choices=("gather", "one-hot"), default="gather", help="how tokens reach experts")
    parser.add_argument("--capacity-factor", metavar="F", type=float, help="room of an expert over its fair share")
    parser.add_argument(
        "--microbatches", metavar="N", type=int, default=8, help="batches that follow each other (default 8)"
    )
    parser.add_argument(
        "--model", metavar="RUNG", help="roofline, cpu, systolic, gpu or mapping (default: the most detailed there is)"
    )
    answer(parser)
    parser.set_defaults(run=system)


def _train(verb: Verbs[argparse.ArgumentParser]) -> None:
    parser = described(
        verb,
        "train",
        "a training step: forward, backward, optimizer, gradients summed",
        "Time and memory of one training step on one device, or on replicas that sum their gradients over a link.",
        "hwsim train light_resnet50 --batch 64 --bits fp16 --device a100_sxm_80g --replicas 8 --link-gb-per-s 300",
    )
    add_model_arguments(parser)
    one_device(parser)
    parser.add_argument("--optimizer", metavar="NAME", default="adam", help="sgd, momentum or adam (default adam)")
    parser.add_argument(
        "--recompute", metavar="SEGMENTS", type=int, default=0, help="save activations between so many segments only"
    )
    parser.add_argument(
        "--master-bits",
        metavar="N",
        type=int,
        default=32,
        choices=(16, 32, 64),
        help="bits the optimizer works on (default 32)",
    )
    parser.add_argument("--replicas", metavar="N", type=int, default=1, help="devices with a copy each (default 1)")
    parser.add_argument("--link-gb-per-s", metavar="B", type=float, help="bandwidth between replicas, each way")
    parser.add_argument(
        "--link-latency-us", metavar="T", type=float, default=0.0, help="latency between replicas (default 0)"
    )
    parser.add_argument(
        "--no-overlap", action="store_true", help="sum gradients after the backward pass, not beside it"
    )
    answer(parser)
    parser.set_defaults(run=train)


def _decode(verb: Verbs[argparse.ArgumentParser]) -> None:
    parser = described(
        verb,
        "decode",
        "a language model served: first token, further tokens, concurrency",
        "Prefill and decode of a transformer with a cache of keys and values that grows.",
        "hwsim decode gpt2 --device a100_sxm_80g --prompt 128 --tokens 256 --sequences 8\n"
        "  hwsim decode layers=32,width=4096,heads=32,key_heads=8,hidden=14336,vocabulary=128256,gated=1,weights=int4 --device h100_sxm",
    )
    parser.add_argument(
        "decoder",
        metavar="DECODER",
        help="an ONNX file, gpt2, or its shape: layers=12,width=768,heads=12,hidden=3072,vocabulary=50257[,...]",
    )
    parser.add_argument("--bits", metavar="SPEC", help="operand bits of a file: fp16, w4a16")
    parser.add_argument(
        "--dim", metavar="NAME=VALUE", action="append", default=[], help="bind a symbolic dim of a file"
    )
    parser.add_argument(
        "--shape", metavar="INPUT=1x128", action="append", default=[], help="set the shape of an input of a file"
    )
    parser.add_argument(
        "--cache-type", metavar="TYPE", help="type of keys and values: int8, float8e4m3fn (default: the model's)"
    )
    parser.add_argument(
        "--cache-memory", metavar="LEVEL", default="", help="level that keeps keys and values (default: the outermost)"
    )
    one_device(parser)
    parser.add_argument("--prompt", metavar="N", type=int, default=128, help="tokens of the prompt (default 128)")
    parser.add_argument("--tokens", metavar="N", type=int, default=128, help="tokens of the answer (default 128)")
    parser.add_argument("--sequences", metavar="N", type=int, default=1, help="sequences served together (default 1)")
    answer(parser)
    parser.set_defaults(run=decode)


def single_model(arguments: argparse.Namespace) -> Prepared:
    """The one model that is given."""
    models = prepared_models(arguments)
    if len(models) > 1:
        raise UsageError("this command takes one model")
    return models[0]


def with_batch(arguments: argparse.Namespace, batch: int) -> argparse.Namespace:
    """The same arguments at another batch."""
    return argparse.Namespace(**{**vars(arguments), "batch": batch})


def refused(reason: Infeasible) -> int:
    """Say what does not fit; the exit code."""
    print(f"hwsim: it does not fit: {reason}", file=sys.stderr)
    return 1


def system(arguments: argparse.Namespace) -> int:
    """``hwsim system``."""
    from hwsim.report import files, system_tables
    from hwsim.system.limit import within_limit
    from hwsim.system.profile import load_system, single
    from hwsim.system.run import run

    if (arguments.system is None) == (arguments.device is None):
        raise UsageError("system: give --system, or --device for one device alone")
    whole = load_system(arguments.system) if arguments.system else single(device(arguments.device, arguments))

    def price(prepared: Prepared) -> SystemEstimate | Infeasible:
        return run(
            prepared,
            whole,
            arguments.way,
            workers=arguments.on,
            cuts=arguments.cut,
            microbatches=arguments.microbatches,
            rung=arguments.model,
            dispatch=arguments.dispatch,
            capacity_factor=arguments.capacity_factor,
            queries_per_s=arguments.rate,
        )

    if arguments.limit_ms is None:
        found = price(single_model(arguments))
    else:
        if arguments.batch is not None:
            raise UsageError("--limit-ms searches the batch: leave --batch out")
        found = within_limit(lambda batch: single_model(with_batch(arguments, batch)), price, arguments.limit_ms / 1e3)
    if isinstance(found, Infeasible):
        return refused(found)
    emit(
        arguments,
        files.json_text([found.to_dict()]) if arguments.format == "json" else system_tables.system_text(found),
    )
    if math.isinf(found.latency_mean_s):
        print("hwsim: the system cannot keep up with that rate: more batches arrive than it answers", file=sys.stderr)
        return 1
    return 0


def systems(arguments: argparse.Namespace) -> int:
    """``hwsim systems``."""
    from hwsim.report import system_tables
    from hwsim.system.profile import available_systems, load_system

    print(system_tables.listing([load_system(name) for name in available_systems()]))
    return 0


def train(arguments: argparse.Namespace) -> int:
    """``hwsim train``."""
    from hwsim.report import files, system_tables
    from hwsim.system.links import Link
    from hwsim.system.training import train as price

    link = None
    if arguments.link_gb_per_s is not None:
        if not arguments.link_gb_per_s > 0 or not arguments.link_latency_us >= 0:
            raise UsageError("--link-gb-per-s is above 0 and --link-latency-us at least 0")
        link = Link(arguments.link_gb_per_s * 1e9, arguments.link_latency_us * 1e-6)
    found = price(
        single_model(arguments),
        device(arguments.device, arguments),
        optimizer=arguments.optimizer,
        segments=arguments.recompute,
        master_bits=arguments.master_bits,
        replicas=arguments.replicas,
        link=link,
        overlap=not arguments.no_overlap,
        rung=arguments.model,
    )
    emit(
        arguments,
        files.json_text([found.to_dict()]) if arguments.format == "json" else system_tables.training_text(found),
    )
    return 0


def decode(arguments: argparse.Namespace) -> int:
    """``hwsim decode``."""
    from hwsim.report import files, system_tables
    from hwsim.system.serving import concurrency, serve, turning_batch

    decoder, chosen = _language_model(arguments), device(arguments.device, arguments)
    found = serve(
        decoder,
        chosen,
        arguments.prompt,
        arguments.tokens,
        arguments.sequences,
        rung=arguments.model,
        cache_memory=arguments.cache_memory,
    )
    if isinstance(found, Infeasible):
        return refused(found)
    context = arguments.prompt + arguments.tokens - 1
    place = arguments.cache_memory
    rows = concurrency(decoder, chosen, context, [1 << power for power in range(0, 9, 2)], arguments.model, place)
    turning = turning_batch(decoder, chosen, context, arguments.model, cache_memory=place)
    if arguments.format == "json":
        emit(arguments, files.json_text([{**found.to_dict(), "concurrency": rows, "turning_sequences": turning}]))
    else:
        emit(arguments, system_tables.serving_text(found, rows, turning, context))
    return 0


def _language_model(arguments: argparse.Namespace) -> LanguageModel:
    from hwsim.graph import dtype_bits
    from hwsim.onnx_io import wheel_models

    text, cache = arguments.decoder, arguments.cache_type
    try:
        dtype_bits(cache or "int8")
    except ValueError as error:
        raise UsageError(f"--cache-type {error}") from None
    if text.endswith(".onnx") or text in wheel_models():
        from hwsim.estimation import prepare
        from hwsim.system.language import traced

        given = binding(argparse.Namespace(**{**vars(arguments), "batch": None, "trips": []}))
        return traced(prepare(text, bits=arguments.bits, **given), cache or "")
    for option, value in (("--bits", arguments.bits), ("--dim", arguments.dim), ("--shape", arguments.shape)):
        if value:
            raise UsageError(
                f"{option} is for a file; a decoder's types are in its shape: weights=int4,activations=float16"
            )
    decoder = _decoder(text)
    return replace(decoder, cache=cache) if cache else decoder


def _decoder(text: str) -> Decoder:
    from hwsim.system.decoder import GPT2, Decoder

    if text == "gpt2":
        return GPT2
    kinds = {item.name: item.type for item in fields(Decoder)}
    given: dict[str, int | str] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or name not in kinds:
            raise UsageError(
                f"{part}: a decoder is an ONNX file, gpt2, or name=value of {', '.join(kinds)}{nearest(name, list(kinds))}"
            )
        if kinds[name] == "str":
            given[name] = value
        elif value.isdecimal() and len(value) < 10:
            given[name] = int(value)
        else:
            raise UsageError(f"{part}: expected a whole number")
    needed = [name for name in ("layers", "width", "heads", "hidden", "vocabulary") if name not in given]
    if needed:
        raise UsageError(f"{text}: a decoder needs {', '.join(needed)} too")
    return Decoder(**given)  # type: ignore[arg-type]
