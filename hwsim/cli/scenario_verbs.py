"""The verb ``scenario``: a network under MLPerf's loads."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from hwsim.cli.arguments import add_model_arguments, device, emit, positive
from hwsim.cli.system_verbs import Verbs, answer, described, one_device, refused, single_model, with_batch
from hwsim.errors import Infeasible, UsageError

if TYPE_CHECKING:
    from hwsim.estimation import Prepared


def add(verb: Verbs[argparse.ArgumentParser]) -> None:
    """``scenario``."""
    parser = described(
        verb,
        "scenario",
        "MLPerf's scenarios: single-stream, multi-stream, offline, server",
        "Latency percentiles and rates of a network under load.",
        "hwsim scenario light_resnet50 --bits w8a8 --device nnp_i_1100 --scenario server --limit-ms 15",
    )
    add_model_arguments(parser)
    one_device(parser)
    parser.add_argument(
        "--scenario", metavar="NAME", default="single-stream", help="single-stream, multi-stream, offline or server"
    )
    parser.add_argument(
        "--replicas", metavar="N", type=int, default=1, help="devices that share the queries (default 1)"
    )
    parser.add_argument(
        "--streams", metavar="N", type=int, default=8, help="queries at once in multi-stream (default 8)"
    )
    parser.add_argument("--rate", metavar="QPS", type=float, help="queries a second that arrive at the server")
    parser.add_argument("--limit-ms", metavar="MS", type=float, help="limit on the server's latency")
    parser.add_argument(
        "--largest-batch",
        metavar="N",
        type=positive,
        help="offline, server: choose the batch up to N that answers most (powers of two, and N); a server's query is a batch",
    )
    parser.add_argument(
        "--max-batch", metavar="N", type=positive, help="server: collect single queries into batches of at most N"
    )
    parser.add_argument(
        "--max-wait-ms",
        metavar="MS",
        type=float,
        default=0.0,
        help="how long the first query of a batch waits for others at most (default 0: those that are there when the device is free)",
    )
    parser.add_argument(
        "--share", metavar="S", type=float, default=0.99, help="share of queries within the limit (default 0.99)"
    )
    answer(parser)
    parser.set_defaults(run=scenario)


def scenario(arguments: argparse.Namespace) -> int:
    """``hwsim scenario``."""
    from hwsim.estimation import Estimate, estimate
    from hwsim.report import files, system_tables
    from hwsim.system.scenario import batched_scenario, best_scenario
    from hwsim.system.scenario import scenario as under

    chosen = device(arguments.device, arguments)
    limit = None if arguments.limit_ms is None else arguments.limit_ms / 1e3
    replicas, share = arguments.replicas, arguments.share

    def price(prepared: Prepared) -> Estimate:
        return estimate(prepared, chosen, rung=arguments.model)

    if arguments.max_batch is not None:
        if arguments.scenario != "server" or arguments.batch is not None or arguments.largest_batch is not None:
            raise UsageError(
                "--max-batch collects single queries of --scenario server: leave --batch and --largest-batch out"
            )
        most = arguments.max_batch
        sizes = [*(1 << power for power in range((most - 1).bit_length())), most]
        record = batched_scenario(
            {size: price(single_model(with_batch(arguments, size))) for size in sizes},
            arguments.max_wait_ms / 1e3,
            replicas=replicas,
            rate=arguments.rate,
            limit_s=limit,
            share=share,
        )
    elif arguments.largest_batch is None:
        made, streams, rate = price(single_model(arguments)), arguments.streams, arguments.rate
        record = under(
            made, arguments.scenario, replicas=replicas, streams=streams, rate=rate, limit_s=limit, share=share
        )
    else:
        if arguments.batch is not None or arguments.rate is not None:
            raise UsageError("--largest-batch searches the batch and its rate: leave --batch and --rate out")
        found = best_scenario(
            lambda batch: single_model(with_batch(arguments, batch)),
            price,
            chosen,
            arguments.scenario,
            arguments.largest_batch,
            replicas=replicas,
            limit_s=limit,
            share=share,
        )
        if isinstance(found, Infeasible):
            return refused(found)
        record = found
    emit(arguments, files.json_text([record]) if arguments.format == "json" else system_tables.scenario_text(record))
    missed = record.get("within_limit") is not None and record["within_limit"] < share - 1e-6
    overloaded = record.get("load", 0) >= 1
    if overloaded:
        print("hwsim: the server cannot keep up with that rate: more queries arrive than it answers", file=sys.stderr)
    elif missed:
        print("hwsim: the server cannot keep up with that rate within the limit", file=sys.stderr)
    return 1 if overloaded or missed else 0
