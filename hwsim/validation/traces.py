"""Traces in Chrome's format: onnxruntime's profile, PyTorch's profiler, and any other, from events to a row a node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import NoneType
from typing import Any

import numpy as np

from hwsim.errors import UsageError
from hwsim.validation.measured import Measured, Measurement
from hwsim.validation.naming import is_overhead

Event = Mapping[str, Any]
_MARK = "_kernel_time"

#: ONNX operators that PyTorch's operators become on export.
ATEN = {
    "conv1d": "Conv", "conv2d": "Conv", "conv3d": "Conv", "convolution": "Conv", "conv_transpose2d": "ConvTranspose",
    "linear": "Gemm", "addmm": "Gemm", "matmul": "MatMul", "mm": "MatMul", "bmm": "MatMul", "einsum": "Einsum",
    "relu": "Relu", "relu_": "Relu", "hardtanh": "Clip", "hardtanh_": "Clip", "relu6": "Clip", "clamp": "Clip", "clamp_": "Clip",
    "sigmoid": "Sigmoid", "silu": "Swish", "silu_": "Swish", "gelu": "Gelu", "tanh": "Tanh", "elu": "Elu", "leaky_relu": "LeakyRelu",
    "leaky_relu_": "LeakyRelu", "hardswish": "HardSwish", "hardswish_": "HardSwish", "hardsigmoid": "HardSigmoid",
    "hardsigmoid_": "HardSigmoid", "softmax": "Softmax", "log_softmax": "LogSoftmax", "layer_norm": "LayerNormalization",
    "batch_norm": "BatchNormalization", "group_norm": "GroupNormalization", "instance_norm": "InstanceNormalization",
    "max_pool2d": "MaxPool", "avg_pool2d": "AveragePool", "adaptive_avg_pool2d": "GlobalAveragePool", "mean": "ReduceMean",
    "sum": "ReduceSum", "add": "Add", "add_": "Add", "sub": "Sub", "mul": "Mul", "mul_": "Mul", "div": "Div", "div_": "Div", "pow": "Pow",
    "sqrt": "Sqrt", "exp": "Exp", "cat": "Concat", "stack": "Concat", "pad": "Pad", "embedding": "Gather",
    "upsample_nearest2d": "Resize", "upsample_bilinear2d": "Resize", "scaled_dot_product_attention": "Attention",
}  # fmt: skip


#: No time in µs is as long as that, and none that is no number.
_LONGEST = 1e18


def summary(durations: Sequence[float]) -> tuple[float, float, float | None]:
    """The 10th percentile, the least, and the robust relative spread (quartile distance / 1.349 / median) of repeated durations."""
    values = np.asarray(durations, dtype=np.float64)
    low, first, middle, third = (float(value) for value in np.quantile(values, [0.10, 0.25, 0.5, 0.75]))
    spread = (third - first) / 1.349 / middle if values.size > 2 and middle > 0 else None
    return low, float(values.min()), spread


def onnxruntime(events: Sequence[Event], warm_up: int = 1) -> Measured:
    """onnxruntime's profile: a row a node at the 10th percentile of its runs, the whole run, and what runs beside the nodes.

    warm_up : first runs to leave out, where more than two others are left.
    """
    runs = sorted(
        (float(event["ts"]), float(event["ts"]) + float(event["dur"]))
        for event in events
        if event.get("name") == "model_run"
    )
    skipped = warm_up if len(runs) > warm_up + 2 else 0
    starts = np.asarray([start for start, _ in runs])
    nodes: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    ops: dict[str, str] = {}
    for event in events:
        name = str(event.get("name", ""))
        if event.get("cat") != "Node" or not name.endswith(_MARK):
            continue
        name = name.removesuffix(_MARK)
        run = int(np.searchsorted(starts, float(event["ts"]), side="right")) - 1 if runs else len(nodes[name])
        nodes[name][run] += float(event["dur"])
        ops.setdefault(name, str(event.get("args", {}).get("op_name", "")))
    kept = {name: [time for run, time in times.items() if run >= skipped] for name, times in nodes.items()}
    rows = [_row(name, ops[name], times) for name, times in kept.items() if times]
    whole = [end - start for start, end in runs[skipped:]]
    if whole:
        rows.append(_row("", "", whole, "model"))
        beside = [
            span - sum(times.get(run, 0.0) for times in nodes.values()) for run, span in enumerate(whole, start=skipped)
        ]
        rows.append(_row("dispatch", "", [max(0.0, time) for time in beside], "overhead"))
    notes = (f"{skipped} of {len(runs)} runs left out as warm-up",) if skipped else ()
    return Measured(tuple(rows), form="onnxruntime profile", complete=True, notes=notes)


def _row(name: str, op: str, durations: Sequence[float], scope: str = "") -> Measurement:
    low, least, spread = summary(durations)
    scope = scope or ("overhead" if is_overhead(name, op) else "layer")
    return Measurement(
        name=name,
        scope=scope,  # type: ignore[arg-type]
        op=op,
        latency_s=low * 1e-6,
        minimum_s=least * 1e-6,
        repeats=len(durations),
        spread=spread,
    )


def pytorch(events: Sequence[Event]) -> Measured:
    """PyTorch's profiler: a row a call, in order, of scope ``call``.

    A call inside of another one belongs to it. Where the trace has kernels of a GPU, theirs is the time, by ``External id``, and calls
    without any (views) are no rows. Where the profile marks steps and all of them make the same calls, a row is the 10th percentile of its
    call in each step; otherwise all calls are rows of their own.
    """
    calls = _outermost([event for event in events if event.get("cat") == "cpu_op"])
    kernels: dict[Any, float] = defaultdict(float)
    for event in events:
        if event.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset"):
            kernels[_identity(event)] += float(event["dur"])
    marks = sorted(float(event["ts"]) for event in events if str(event.get("name", "")).startswith("ProfilerStep#"))
    steps: dict[int, list[tuple[str, float]]] = defaultdict(list)
    for call, inner in calls:
        ids = {_identity(one) for one in (call, *inner)} - {""}
        time = sum(kernels[key] for key in ids) if kernels else float(call["dur"])
        if time > 0:
            step = int(np.searchsorted(marks, float(call["ts"]), side="right"))
            steps[step].append((str(call.get("name", "")).removeprefix("aten::"), time))
    ran = [steps[step] for step in sorted(steps)]
    alike = all([name for name, _ in step] == [name for name, _ in ran[0]] for step in ran)
    if not alike:
        ran = [[call for step in ran for call in step]]
    count: dict[str, int] = defaultdict(int)
    rows: list[Measurement] = []
    for place, (name, _) in enumerate(ran[0] if ran else ()):
        low, least, spread = summary([step[place][1] for step in ran])
        count[name] += 1
        rows.append(
            Measurement(
                name=f"{name} {count[name]}",
                op=ATEN.get(name, name),
                scope="call",
                latency_s=low * 1e-6,
                minimum_s=least * 1e-6,
                repeats=len(ran),
                spread=spread,
            )
        )
    said = f"{len(ran)} steps of the same calls" if len(ran) > 1 else "a row a call, in order"
    return Measured(tuple(rows), form="PyTorch profile", notes=(said,))


def _identity(event: Event) -> str:
    """What ties kernels to the call that launched them, "" where an event has none."""
    return str(event.get("args", {}).get("External id", ""))


def _outermost(calls: Iterable[Event]) -> list[tuple[Event, list[Event]]]:
    """Calls that no other call on their thread contains, each with those inside of it."""
    found: list[tuple[Event, list[Event]]] = []
    last: dict[Any, tuple[float, list[Event]]] = {}
    for call in sorted(calls, key=lambda event: (float(event["ts"]), -float(event["dur"]))):
        start, end = float(call["ts"]), float(call["ts"]) + float(call["dur"])
        thread = (call.get("pid"), call.get("tid"))
        if thread in last and start < last[thread][0]:
            last[thread][1].append(call)
            continue
        inner: list[Event] = []
        last[thread] = (end, inner)
        found.append((call, inner))
    return found


def chrome(events: Sequence[Event]) -> Measured:
    """Any other trace: a row a name of complete events, at the median of its durations."""
    spans: dict[str, list[float]] = defaultdict(list)
    for event in events:
        if event.get("ph") == "X" and "dur" in event:
            spans[str(event.get("name", ""))].append(float(event["dur"]))
    rows = [
        Measurement(
            name=name,
            scope="overhead" if is_overhead(name) else "layer",
            latency_s=float(np.median(times)) * 1e-6,
            minimum_s=min(times) * 1e-6,
            repeats=len(times),
            spread=summary(times)[2],
        )
        for name, times in spans.items()
        if name and min(times) > 0
    ]
    return Measured(tuple(rows), form="Chrome trace", notes=("a row a name, at the median of its events",))


_PLAIN = (str, int, float, NoneType)
#: What the fields that are looked at may be, where an event has them.
_KINDS: dict[str, tuple[type, ...]] = {"args": (dict,), **dict.fromkeys(("name", "cat", "pid", "tid"), _PLAIN)}


def read_events(events: Sequence[Any], where: str) -> Measured:
    """Whichever of the three a list of events is; raises UsageError where an event is malformed."""
    checked = _checked(events, where)
    categories = {event.get("cat") for event in checked}
    if "Node" in categories or any(event.get("name") == "model_run" for event in checked):
        return onnxruntime(checked)
    return pytorch(checked) if "cpu_op" in categories else chrome(checked)


def _checked(events: Sequence[Any], where: str) -> list[Event]:
    found: list[str] = []
    for place, event in enumerate(events):
        if not isinstance(event, dict):
            found.append(f"{where}: event {place}: must be a mapping")
            continue
        if event.get("ph") != "X":
            continue
        for key, kinds in _KINDS.items():
            if key in event and not isinstance(event[key], kinds):
                what = "a mapping" if key == "args" else "a name or a number"
                found.append(f"{where}: event {place}: {key}: must be {what}")
        for key in ("ts", "dur"):
            value = event.get(key)
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float)
                or not abs(value) < _LONGEST
                or (key == "dur" and value < 0)
            ):
                found.append(f"{where}: event {place} ({str(event.get('name', ''))[:40]}): {key}: not a time in µs")
    if found:
        raise UsageError(*found[:20])
    return [event for event in events if event.get("ph") == "X"]
