"""The cpu rung: a layer takes what its kernels take on a core, and what its tensors take from the caches they lie in.

Everything adds: a core waits for what its prefetchers have not brought in time, and what they have is in the rates (a leading-loads view:
Keramidas et al., "Interval-based models for run-time DVFS orchestration in superscalar processors," CF 2010, doi:10.1145/1787275.1787338).
Only stores of sums and windows, which leave through a buffer while the next ones are summed up, cost nothing.
Each summand goes with one constant of the profile or its inverse, so a calibration can take a layer apart without running the rung again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hwsim.cost.cpu import core_of, cycles, form_of, pool_cycles
from hwsim.device import Device, Memory, precision_for
from hwsim.device.records import Operand, Precision
from hwsim.errors import UsageError
from hwsim.estimation import caches, energy, roofline, zeros
from hwsim.estimation.assembly import Assumptions, off_chip_bytes, operand_bits
from hwsim.estimation.caches import Run
from hwsim.estimation.extents import pool_nest, runs_of
from hwsim.estimation.library import Kernel
from hwsim.estimation.records import LayerEstimate, Traffic
from hwsim.estimation.residency import Residency
from hwsim.estimation.terms import ranked
from hwsim.graph import Layer, Network
from hwsim.workload import LoopNest, OperandType, Work
from hwsim.workload.classes import work_class

#: What a summand goes with: an efficiency of a precision (its input and weight types, a class of work), the rate of a function, the
#: share of a level's bandwidth that an operand attains, or a time of the profile.
Key = tuple[Literal["efficiency", "function", "bandwidth", "start", "time"], str, str, str]
_KERNEL: Key = ("time", "kernel", "", "")
_TILE: Key = ("time", "tile", "", "")
_RESULT: Key = ("time", "result", "", "")
_CALL: Key = ("time", "call", "", "")
_RUN: Key = ("time", "run", "", "")
#: Functions that stand for copying: elements a cycle of columns gathered from windows, of matrices laid out, of tensors moved in runs
#: or element by element.
GATHER, PACK, MOVE, TRANSPOSE = "gather", "pack", "move", "transpose"
#: Going over the results of a gathered convolution once more, to add its bias and to cut them off (onnxruntime/core/mlas/lib/activate.cpp).
BIAS = "bias"
#: Kernels whose sums are so short that storing them takes time of its own.
_SHALLOW = frozenset({"first", "depthwise", "gathered"})

#: A pool in blocks goes through tiles: its rate is to all lanes and pipes as its time by their structure is to its time. One over a whole
#: image is a chain of sums; one over channels in no whole blocks goes row by row.
POOL, GLOBAL_POOL, ROW_POOL = "pool", "global_pool", "row_pool"


@dataclass(frozen=True, slots=True)
class Summand:
    """Part of a layer's time. seconds : with the constant at 1 in the unit of its key [s]."""

    key: Key
    seconds: float


def check(device: Device) -> None:
    """Raises UsageError where the profile does not say how a CPU's kernels are built."""
    if device.kernels is None:
        raise UsageError(
            f"--model cpu: {device.name} says nothing of its kernels (section kernels of a profile); use --model roofline"
        )


def price(
    layer: Layer, work: Work, network: Network, device: Device, residency: Residency, said: Assumptions
) -> LayerEstimate:
    """One layer on one core of a CPU."""
    check(device)
    times: dict[str, float] = {}
    parts = summands(layer, work, network, device, residency)
    for part in parts:
        place = _place(part.key)
        times[place] = times.get(place, 0.0) + seconds(part, device)
    for nest in work.nests:
        said.warn(precision_for(device, nest.input.dtype, nest.weight.dtype)[1])
    latency = sum(times.values())
    ideal = roofline.compute(work, device, Assumptions()).ideal_s
    flows = _flows(layer, work, device, residency)
    moved = {name: roofline.total(parts.values()) for name, parts in flows.items()}
    bound = ranked(times)
    record = LayerEstimate(
        name=layer.name,
        op=layer.op,
        macs=work.macs,
        latency_s=latency,
        compute_s=times.get("compute", 0.0) + times.get("vector", 0.0),
        memory_s=sum(times.get(memory.name, 0.0) for memory in device.memories),
        bound_by=bound[0],
        second_bound_by=bound[1],
        slack=bound[2],
        utilization=ideal / latency if latency else 0.0,
        spatial_utilization=1.0 if work.macs else 0.0,
        energy_j=None,
        energy_by_j=None,
        traffic_bytes=moved,
        dram_bytes=off_chip_bytes(device, moved),
        bits=operand_bits(layer, work, network),
        fused=layer.fused,
    )
    spent: dict[str, float | None] = {
        "mac": energy.of_macs(work, device),
        "vector": energy.of_vector(work, device, said),
    }
    for memory in device.memories:
        spent[memory.name] = energy.of_flows(memory, flows[memory.name])
    return energy.attach(record, device, spent)


def _place(key: Key) -> str:
    """The resource that a summand keeps busy, as records name it."""
    kind, name, _, _ = key
    if kind == "bandwidth":
        return name
    if kind == "function":
        return "vector"
    return "overhead" if key in (_KERNEL, _CALL) or kind == "start" else "compute"


def seconds(part: Summand, device: Device) -> float:
    """What a summand takes on a device [s]."""
    value, rate = value_of(part.key, device)
    return part.seconds / value if rate else part.seconds * value


def value_of(key: Key, device: Device) -> tuple[float, bool]:
    """The constant of a key in its unit, and whether time goes with its inverse."""
    kind, name, second, third = key
    if kind == "efficiency":
        precision = next(item for item in device.precisions if (item.input, item.weight) == (name, second))
        return dict(precision.by_class).get(third, precision.efficiency), True
    if kind == "function":
        return _function_rate(name, device) / device.clock_hz, True
    if kind == "bandwidth":
        memory = next(memory for memory in device.memories if memory.name == name)
        return next((share for operand, share in memory.by_operand if operand == second), memory.efficiency), True
    if kind == "start":
        memory = next(memory for memory in device.memories if memory.name == name)
        return (memory.product_start_s if second == "product" else memory.kernel_start_s) * 1e6, False
    kernels = device.kernels
    assert kernels is not None
    times = {
        "kernel": device.overheads.kernel_s * 1e6,
        "tile": kernels.tile_cycles,
        "result": kernels.result_cycles,
        "call": kernels.call_s * 1e6,
        "run": kernels.run_cycles,
    }
    return times[name], False


def _function_rate(name: str, device: Device) -> float:
    if device.vector is None:
        return device.array.pes * device.clock_hz
    return device.vector.by_function.get(name, device.vector.ops_per_s)


def summands(layer: Layer, work: Work, network: Network, device: Device, residency: Residency) -> tuple[Summand, ...]:
    """What the time of a layer is made of."""
    runs = residency.reach.runs.get(layer.name, ())
    return tuple(
        part
        for part in (
            *_computing(work, device, runs),
            *_elementwise(layer, work, network, device, runs),
            *_transfers(layer, work, device, residency),
            *_starting(layer, work, device, residency),
        )
        if part.seconds > 0
    )


def _computing(work: Work, device: Device, runs: Sequence[Run]) -> Iterator[Summand]:
    core = core_of(device)
    cycle = 1 / device.clock_hz
    outer = [memory for memory in device.memories if memory.type == "cache"][1:2]
    for nest in (*work.nests, *(nest for run in runs for nest in _scale(run.kernel))):
        precision, _ = precision_for(device, nest.input.dtype, nest.weight.dtype)
        found = cycles(nest, core)
        faster = precision.macs_per_pe_per_cycle * device.array.cores / zeros.cycle_share(nest, device)
        yield Summand(_efficiency(nest, precision), found.steps * cycle / faster)
        for memory in outer:
            yield Summand(("bandwidth", memory.name, "weight", ""), found.beyond * cycle)
        yield Summand(_TILE, found.tiles * cycle)
        if form_of(nest, core) in _SHALLOW:
            yield Summand(_RESULT, found.results * cycle)
        yield Summand(_CALL, found.calls * 1e-6)
        yield Summand(("function", GATHER, "", ""), found.gathered * cycle)
        yield Summand(("function", PACK, "", ""), found.packed * cycle)


def _scale(kernel: Kernel) -> Iterator[LoopNest]:
    """The depthwise convolution that runs in place of a batch norm or of a product with a vector."""
    if kernel.kind == "scale":
        images, channels, height, width = kernel.writes[0].shape
        kind = OperandType("float32")
        yield LoopNest(
            n=images, g=channels, q=height, p=width, height=height, width=width, input=kind, weight=kind, output=kind
        )


def _efficiency(nest: LoopNest, precision: Precision) -> Key:
    return ("efficiency", precision.input, precision.weight, work_class(nest))


def _elementwise(layer: Layer, work: Work, network: Network, device: Device, runs: Sequence[Run]) -> Iterator[Summand]:
    """Functions at their rates; what a kernel does to its results before it stores them costs nothing."""
    cycle = 1 / device.clock_hz
    apart = any(run.kernel.kind == "function" for run in runs)
    scales = [run.kernel.op for run in runs if run.kernel.kind == "scale"]
    adds = not apart and _in_place(work, device)
    over = _gone_over(layer, work, device, apart)
    own = not apart and (bool(over) or _activates(work, device) or len(work.vectors) > 1)
    products = scales.count("Mul")
    yield Summand(("function", BIAS, "", ""), over * cycle)
    for op in work.vectors:
        relu = op.function == "compare" and op.operations == op.elements
        scaled = bool(scales) and (op.function == "norm" or (op.function == "mul" and products > 0))
        if (relu and own) or (op.function == "add" and adds) or scaled:
            products -= op.function == "mul"
            continue
        name = _pool(layer, network, device) if op.function == "pool" else op.function
        windows = pool_nest(layer, network) if name == POOL else None
        if windows is None:
            yield Summand(("function", name, "", ""), op.operations * cycle)
        else:
            found = pool_cycles(windows, core_of(device))
            yield Summand(("function", POOL, "", ""), found.steps * device.array.pes * cycle)
            yield Summand(_TILE, found.tiles * cycle)
            yield Summand(_RESULT, found.results * cycle)
    if not work.nests:
        count, length = runs_of(layer, network)
        moved = 0.0 if work.vectors else sum(size for _, size in work.writes) / 4
        yield Summand(_RUN, count * cycle if length > 1 else 0.0)
        yield Summand(("function", MOVE if length > 1 else TRANSPOSE, "", ""), moved * cycle)


def _pool(layer: Layer, network: Network, device: Device) -> str:
    """The kernel of a pool: over a whole image, in blocks of channels, or where those are no whole blocks row by row."""
    shape = network.tensors[layer.inputs[0]].shape
    if layer.op.startswith("Global") or (len(shape) == 4 and layer.attributes.get("kernel_shape") == shape[2:]):
        return GLOBAL_POOL
    return POOL if len(shape) < 2 or shape[1] % device.array.x == 0 else ROW_POOL


def _hidden(work: Work) -> bool:
    """Whether a layer's results come so slowly, each of a window or a sum, that storing them hides behind the next."""
    return bool(work.nests) or any(op.function == "pool" for op in work.vectors)


def _in_place(work: Work, device: Device) -> bool:
    """Whether results are added to a tensor that is there: a residual sum in the kernel of a blocked convolution."""
    core = core_of(device)
    adds = any(op.function == "add" for op in work.vectors)
    return adds and any(form_of(nest, core) in ("direct", "pointwise") for nest in work.nests)


def _activates(work: Work, device: Device) -> bool:
    """Whether the kernel of a layer's product cuts off its results before it stores them; others go over them once more."""
    core = core_of(device)
    return any(form_of(nest, core) not in ("gathered", "product") for nest in work.nests)


def _gone_over(layer: Layer, work: Work, device: Device, apart: bool) -> int:
    """Results of a gathered convolution that it goes over once more: where it has a bias, or a function that does not run apart [1]."""
    core = core_of(device)
    gathered = any(form_of(nest, core) == "gathered" for nest in work.nests)
    bias = len(layer.inputs) > 2 and bool(layer.inputs[2])
    if not gathered or not (bias or (work.vectors and not apart)):
        return 0
    return sum(size for _, size in work.writes) // 4


def _again(layer: Layer, work: Work, runs: Sequence[Run]) -> int:
    """Kernels that a layer of several functions runs beside those of its members: one a function, comparisons done with the one before."""
    if work.nests or layer.members or len(runs) > 1:
        return 0
    return max(0, sum(op.function != "compare" for op in work.vectors) - 1)


def _sources(layer: Layer, work: Work, residency: Residency) -> Iterator[tuple[Operand, float, float, bool]]:
    """Operand, bytes and distance [B] of everything that a layer moves, and whether its kernels wait for it.

    Writing takes a line in and puts it out again: twice the bytes.
    """
    runs = residency.reach.runs.get(layer.name, ())
    hidden = _hidden(work)
    for run in runs:
        for flow in run.flows:
            if flow.operand == "output":
                yield flow.operand, 2 * flow.bytes, flow.distance, not (hidden and run.kernel.kind == "own")
            else:
                yield flow.operand, flow.bytes, flow.distance, True
    results = sum(size for _, size in work.writes)
    for _ in range(_again(layer, work, runs)):
        yield "output", 2 * results, 2.0 * results, True
        yield "input", results, 2.0 * results, True


def _flows(layer: Layer, work: Work, device: Device, residency: Residency) -> dict[str, dict[Operand, Traffic]]:
    """Bytes that each level serves, by operand."""
    found: dict[str, dict[Operand, float]] = {memory.name: {} for memory in device.memories}
    for operand, size, distance, _ in _sources(layer, work, residency):
        for level, share in caches.shares(distance, device).items():
            found[level][operand] = found[level].get(operand, 0.0) + share * size
    return {
        level: {
            operand: Traffic(0, size / 2) if operand == "output" else Traffic(size) for operand, size in flows.items()
        }
        for level, flows in found.items()
    }


def _transfers(layer: Layer, work: Work, device: Device, residency: Residency) -> Iterator[Summand]:
    """What comes from the innermost cache is in the steps of the kernels."""
    inner = next((memory.name for memory in device.memories if memory.type == "cache"), "")
    levels = {memory.name: rate for memory in device.memories if (rate := _rate(memory)) and memory.name != inner}
    for operand, size, distance, waited in _sources(layer, work, residency):
        for level, share in caches.shares(distance, device).items():
            if waited and level in levels:
                yield Summand(("bandwidth", level, operand, ""), share * size / levels[level])


def _rate(memory: Memory) -> float | None:
    """Bytes a second of a level [B/s], None where the profile gives none."""
    rate = memory.shared_bandwidth or memory.read_bandwidth
    return None if rate is None else rate * memory.instances


def _starting(layer: Layer, work: Work, device: Device, residency: Residency) -> Iterator[Summand]:
    """To begin the kernels of a layer: the call, and what of their code and bookkeeping other layers have pushed out."""
    if layer.name in residency.reach.beside:
        return
    runs = residency.reach.runs.get(layer.name, ())
    kernels = (max(1, len(runs)) + _again(layer, work, runs)) * layer.repeat
    yield Summand(_KERNEL, 1e-6 * kernels)
    for run in runs:
        product = run.kernel.kind == "scale" or (run.kernel.kind == "own" and bool(work.nests))
        distance = residency.reach.once if product else run.since
        for level, share in caches.shares(distance, device).items():
            yield Summand(("start", level, "product" if product else "kernel", ""), 1e-6 * layer.repeat * share)


def by_key(parts: tuple[Summand, ...]) -> Mapping[Key, float]:
    """Seconds of each constant [s]."""
    found: dict[Key, float] = {}
    for part in parts:
        found[part.key] = found.get(part.key, 0.0) + part.seconds
    return found
