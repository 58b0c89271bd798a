"""One network on one kind of device in MLPerf's scenarios, as a plain record (``hwsim/scenario/1``)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from hwsim.device import Device
from hwsim.errors import Infeasible, ModelError, UsageError, nearest
from hwsim.estimation import Estimate, Prepared
from hwsim.system import batching
from hwsim.system.queue import Server, largest_rate
from hwsim.system.run import capacity

SCHEMA = "hwsim/scenario/1"
SCENARIOS = ("single-stream", "multi-stream", "offline", "server")


def scenario(
    estimate: Estimate,
    kind: str,
    *,
    replicas: int = 1,
    streams: int = 8,
    rate: float | None = None,
    limit_s: float | None = None,
    share: float = 0.99,
) -> dict[str, Any]:
    """What a scenario measures, from the estimate of one batch.

    single-stream : one query after the other; the 90th percentile is the latency itself, for times here do not vary. multi-stream :
    ``streams`` queries at once, the 99th percentile. offline : all there is, as fast as the devices go. server : Poisson arrivals of
    queries of a batch each, ``rate`` of them a second (without it, the most of which a ``share`` is answered within ``limit_s``).
    throughput_per_s : inputs answered a second, a batch a query; of a rate that is too high, what the devices can answer.
    Raises UsageError for an unknown kind, or a server without rate and limit.
    """
    if kind not in SCENARIOS:
        raise UsageError(
            f"scenario {kind}: there is no such one{nearest(kind, SCENARIOS)}; there are {', '.join(SCENARIOS)}"
        )
    if replicas < 1 or streams < 1 or not 0 < share < 1:
        raise UsageError("scenario: needs at least one device and one stream, and a share between 0 and 1")
    latency, batch = estimate.totals.latency_s, int(estimate.settings["batch"])
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "scenario": kind,
        "model": str(estimate.model["name"]),
        "device": str(estimate.device["name"]),
        "replicas": replicas,
        "batch": batch,
    }
    if kind == "single-stream":
        return record | {"latency_90_s": latency, "throughput_per_s": batch / latency if latency else 0.0}
    if kind == "multi-stream":
        rounds = math.ceil(streams / (batch * replicas))
        return record | {"streams": streams, "latency_99_s": rounds * latency}
    if kind == "offline":
        return record | {"throughput_per_s": replicas * batch / latency if latency else 0.0}
    if rate is None:
        if limit_s is None:
            raise UsageError("server: give a rate of queries, or a limit on their latency to find the largest rate")
        rate = largest_rate(latency, limit_s, share, replicas)
    server = Server(rate, latency, replicas)
    ends: dict[str, Any] = {"latency_mean_s": None, "latency_50_s": None, "latency_90_s": None, "latency_99_s": None}
    if server.load < 1:
        ends = {"latency_mean_s": server.mean_s, **{f"latency_{n}_s": server.percentile(n / 100) for n in (50, 90, 99)}}
    within = None if limit_s is None else server.within(limit_s)
    served = rate / max(1.0, server.load)
    record |= {"queries_per_s": rate, "throughput_per_s": served * batch, "load": server.load}
    return record | {**ends, "limit_s": limit_s, "within_limit": within}


def batched_scenario(
    estimates: Mapping[int, Estimate],
    wait_s: float,
    *,
    replicas: int = 1,
    rate: float | None = None,
    limit_s: float | None = None,
    share: float = 0.99,
) -> dict[str, Any]:
    """A server of single queries that are collected into batches.

    estimates : by batch, the largest of them the largest batch; a smaller batch than an estimated one runs as the next larger of them.
    wait_s : how long the first of a batch waits for others at most [s]. The rest is as in ``scenario``, a query being one input.
    Raises UsageError without rate and limit.
    """
    if rate is None and limit_s is None:
        raise UsageError("server: give a rate of queries, or a limit on their latency to find the largest rate")
    if replicas < 1 or not 0 < share < 1 or not estimates:
        raise UsageError("scenario: needs at least one device and one batch, and a share between 0 and 1")
    most, sizes = max(estimates), sorted(estimates)
    service = [
        estimates[next(size for size in sizes if size >= count)].totals.latency_s for count in range(1, most + 1)
    ]
    if rate is None and limit_s is not None:
        rate = replicas * batching.largest_rate(service, wait_s, limit_s, share)
    assert rate is not None
    one = estimates[most]
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "scenario": "server",
        "model": str(one.model["name"]),
        "device": str(one.device["name"]),
        "replicas": replicas,
        "batch": 1,
        "max_batch": most,
        "max_wait_s": wait_s,
        "queries_per_s": rate,
        "throughput_per_s": min(rate, replicas * most / service[-1]),
    }
    ends: dict[str, Any] = dict.fromkeys(("latency_mean_s", "latency_50_s", "latency_90_s", "latency_99_s"))
    load, mean_batch, within = rate / replicas * service[-1] / most, None, None if limit_s is None else 0.0
    if rate and batching.stable(rate / replicas, service):
        found = batching.batched(rate / replicas, service, wait_s)
        load, mean_batch = found.load, found.mean_batch
        ends = {"latency_mean_s": found.mean_s, **{f"latency_{n}_s": found.percentile(n / 100) for n in (50, 90, 99)}}
        within = None if limit_s is None else found.within(limit_s)
    return record | {"load": load, "mean_batch": mean_batch, **ends, "limit_s": limit_s, "within_limit": within}


def best_scenario(
    prepared_at: Callable[[int], Prepared],
    price: Callable[[Prepared], Estimate],
    device: Device,
    kind: str,
    largest: int,
    *,
    replicas: int = 1,
    limit_s: float | None = None,
    share: float = 0.99,
) -> dict[str, Any] | Infeasible:
    """The record of the batch with the most inputs a second, of the powers of two up to ``largest`` and ``largest`` itself.

    kind : ``offline`` or ``server`` (within ``limit_s``). prepared_at : the network at a batch; one that cannot be bound ends the search
    there, as does one whose weights and activations exceed the device's memory. Ties go to the smaller batch. Infeasible where a single
    input does not fit.
    """
    if kind not in ("offline", "server"):
        raise UsageError(f"{kind}: the batch is chosen for offline and server; give it with --batch")
    if largest < 1:
        raise UsageError(f"largest batch {largest}: needs at least 1")
    room = capacity(device)
    found: list[dict[str, Any]] = []
    for batch in [*(1 << power for power in range((largest - 1).bit_length())), largest]:
        try:
            prepared = prepared_at(batch)
        except ModelError:
            if not found:
                raise
            break
        if found and int(str(prepared.settings["batch"])) != batch:
            break
        made = price(prepared)
        memory = made.totals.weight_bytes + made.totals.peak_activation_bytes
        if room is not None and memory > room:
            if found:
                break
            return Infeasible(device.name, memory, room, "B of weights and activations", ("narrower types",))
        found.append(scenario(made, kind, replicas=replicas, limit_s=limit_s, share=share))
    return max(found, key=lambda record: record["throughput_per_s"])
