"""One network on one kind of device in MLPerf's scenarios, as a plain record (``hwsim/scenario/1``)."""

from __future__ import annotations

import math
from typing import Any

from hwsim.errors import UsageError, nearest
from hwsim.estimation import Estimate
from hwsim.system.queue import Server, largest_rate

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
    single batches at ``rate`` queries a second (without it, the most of which a ``share`` is answered within ``limit_s``). Raises
    UsageError for an unknown kind, or a server without rate and limit.
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
    return record | {"queries_per_s": rate, "load": server.load, **ends, "limit_s": limit_s, "within_limit": within}
