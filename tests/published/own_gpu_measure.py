"""Times products, convolutions, functions and networks on this machine's GPU: ``python own_gpu_measure.py FOLDER [PART ...]``.

Needs PyTorch. Eager rows are the mean of the five fastest of 25 calls, each between two CUDA events (as NeuSight's tables have them);
queued rows the mean
of 20 calls in a row between two events, the fastest of five times. Shapes are drawn with a fixed seed. float32 is without TF32.
Networks have random weights; eager ones are called from Python, the others replay a CUDA graph; fastest of 30. It writes CSV tables that
``python -m tests.published.gpus`` reads (part ``products``), the time of each node's kernels in the networks of the onnx package (part
``layers``), and whole networks (``networks``; also needs timm and transformers).
"""

from __future__ import annotations

import csv
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

TYPES = {"fp32": torch.float32, "fp16": torch.float16}
DEVICE = "cuda"


def _timed(call: Callable[[], object], times: int) -> float:
    """Time of a call repeated [ms]."""
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    begin.record()
    for _ in range(times):
        call()
    end.record()
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end))


def _eager(call: Callable[[], object]) -> float:
    for _ in range(5):
        call()
    return sum(sorted(_timed(call, 1) for _ in range(25))[:5]) / 5


def _queued(call: Callable[[], object]) -> float:
    return min(_timed(call, 20) for _ in range(5)) / 20


def _drawn(draw: random.Random, least: int, most: int) -> int:
    """A size, evenly over its logarithm; three of four are multiples of eight."""
    size = round(math.exp(draw.uniform(math.log(least), math.log(most))))
    return max(8, size // 8 * 8) if draw.random() < 0.75 else size


def _tensor(dtype: torch.dtype, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, device=DEVICE, dtype=dtype)


def _linear(draw: random.Random, precision: str) -> Iterator[tuple[list[object], Callable[[], object]]]:
    while True:
        m, n, k = (_drawn(draw, 16, 12288) for _ in range(3))
        if m * n * k < 2e11:
            a, w = _tensor(TYPES[precision], m, k), _tensor(TYPES[precision], n, k)
            yield [1, m, n, k, precision], lambda a=a, w=w: functional.linear(a, w)  # type: ignore[misc]


def _batched(draw: random.Random, precision: str) -> Iterator[tuple[list[object], Callable[[], object]]]:
    while True:
        batch, m, n, k = _drawn(draw, 4, 512), *(_drawn(draw, 16, 2048) for _ in range(3))
        if batch * m * n * k < 1e11 and batch * (m * k + k * n + m * n) < 1e9:
            a, b = _tensor(TYPES[precision], batch, m, k), _tensor(TYPES[precision], batch, k, n)
            yield [batch, m, n, k, precision], lambda a=a, b=b: torch.bmm(a, b)  # type: ignore[misc]


def _convolution(draw: random.Random, precision: str) -> Iterator[tuple[list[object], Callable[[], object]]]:
    while True:
        batch, c, k = _drawn(draw, 1, 128), _drawn(draw, 16, 1024), _drawn(draw, 16, 1024)
        window, size, stride = draw.choice((1, 3, 3, 5, 7)), _drawn(draw, 7, 224), draw.choice((1, 1, 2))
        if (
            batch * c * k * (window * size / stride) ** 2 < 1e11
            and batch * max(c, k) * size**2 < 5e8
            and size >= window
        ):
            x, w = _tensor(TYPES[precision], batch, c, size, size), _tensor(TYPES[precision], k, c, window, window)
            call = lambda x=x, w=w, s=stride, p=window // 2: functional.conv2d(x, w, stride=s, padding=p)  # noqa: E731
            yield [batch, c, k, window, size, stride, window // 2, precision], call


FUNCTIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], object]] = {
    "softmax": lambda x, y: torch.softmax(x, -1),
    "layernorm": lambda x, y: functional.layer_norm(x, x.shape[-1:]),
    "gelu": lambda x, y: functional.gelu(x),
    "relu": lambda x, y: torch.relu(x),
    "add": lambda x, y: x + y,
}


def _function(draw: random.Random, precision: str) -> Iterator[tuple[list[object], Callable[[], object]]]:
    while True:
        for name, function in FUNCTIONS.items():
            rows, columns = _drawn(draw, 64, 65536), _drawn(draw, 64, 8192)
            if rows * columns < 5e8:
                x, y = _tensor(TYPES[precision], rows, columns), _tensor(TYPES[precision], rows, columns)
                yield [rows, columns, name, precision], lambda x=x, y=y, f=function: f(x, y)  # type: ignore[misc]


PRODUCT = ["B", "M", "N", "K", "precision"]
KINDS: dict[str, tuple[Any, list[str], int]] = {
    "linear": (_linear, PRODUCT, 200),
    "bmm": (_batched, PRODUCT, 150),
    "conv": (_convolution, ["batch", "c_in", "c_out", "kernel", "input_hw", "stride", "padding", "precision"], 120),
    "vector": (_function, ["B", "H", "function", "precision"], 100),
}


def _networks() -> Iterator[tuple[str, int, str, float, float]]:
    """Name, batch, type, time called eagerly and as a graph [ms]."""
    import timm
    from transformers import BertConfig, BertModel, GPT2Config, GPT2Model

    made: list[tuple[str, Callable[[], torch.nn.Module], Callable[[int], torch.Tensor], Sequence[int]]] = []
    for name in ("resnet50", "mobilenetv2_100", "swin_tiny_patch4_window7_224", "densenet121", "vgg16"):
        made.append(
            (
                name,
                lambda name=name: timm.create_model(name),
                lambda b: _tensor(torch.float32, b, 3, 224, 224),
                (1, 8, 64),
            )
        )  # type: ignore[misc]
    words: Callable[[int], torch.Tensor] = lambda b: torch.randint(0, 1000, (b, 128), device=DEVICE)  # noqa: E731
    made.append(("bert_base", lambda: BertModel(BertConfig(attn_implementation="eager")), words, (1, 8, 32)))
    made.append(
        ("gpt2", lambda: GPT2Model(GPT2Config(attn_implementation="eager", use_cache=False)), words, (1, 8, 32))
    )
    for name, build, given, batches in made:
        net = build().to(DEVICE).eval()
        for precision, dtype in TYPES.items():
            net = net.to(dtype)
            for batch in batches:
                x = given(batch)
                x = x.to(dtype) if x.is_floating_point() else x
                with torch.inference_mode():
                    for _ in range(3):
                        net(x)
                    eager = min(_timed(lambda net=net, x=x: net(x), 1) for _ in range(30))  # type: ignore[misc]
                    try:
                        graph = torch.cuda.CUDAGraph()
                        with torch.cuda.graph(graph):
                            net(x)
                        replayed = min(_timed(graph.replay, 1) for _ in range(30))
                    except RuntimeError as error:
                        print(name, batch, precision, "graph:", str(error)[:200])
                        torch.cuda.synchronize()
                        replayed = math.nan
                yield name, batch, precision, eager, replayed


#: Networks of the onnx package, by their names there without ``light_``.
LIGHT = (
    "bvlc_alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
)


def _pads(given: Sequence[int]) -> tuple[int, ...]:
    """ONNX's (top, left, bottom, right) as ``functional.pad`` takes them."""
    return given[1], given[3], given[0], given[2]


def _pooled(x: torch.Tensor, said: dict[str, Any], largest: bool) -> torch.Tensor:
    kernel, stride, pads = list(said["kernel_shape"]), list(said.get("strides", (1, 1))), said.get("pads", (0,) * 4)
    even = tuple(pads[:2]) == tuple(pads[2:])
    if not even:
        x = functional.pad(x, _pads(pads), value=-60000.0 if largest else 0.0)
    padding = list(pads[:2]) if even else [0, 0]
    if largest:
        return functional.max_pool2d(x, kernel, stride, padding)
    return functional.avg_pool2d(x, kernel, stride, padding, count_include_pad=bool(said.get("count_include_pad", 0)))


def _node(op: str, given: Sequence[Any], said: dict[str, Any]) -> Any:
    """What a node of one of these networks computes."""
    x = given[0]
    pads = said.get("pads", (0,) * 4)

    def convolution() -> torch.Tensor:
        bias = given[2] if len(given) > 2 else None
        return functional.conv2d(
            x, given[1], bias, said.get("strides", (1, 1)), tuple(pads[:2]), 1, said.get("group", 1)
        )

    def reshaped() -> torch.Tensor:
        shape = [x.shape[place] if size == 0 else int(size) for place, size in enumerate(given[1])]
        return x.reshape(shape) if math.prod(shape) in (x.numel(), -1) else x.reshape(len(x), *shape[1:])

    known: dict[str, Callable[[], Any]] = {
        "Conv": convolution,
        "Reshape": reshaped,
        "BatchNormalization": lambda: functional.batch_norm(x, given[3], given[4], given[1], given[2]),
        "Gemm": lambda: functional.linear(x, given[1] if said.get("transB") else given[1].t(), given[2]),
        "Softmax": lambda: torch.softmax(x.flatten(said.get("axis", 1)), -1),
        "Unsqueeze": lambda: x.reshape(-1, 1, 1),
        "Relu": lambda: torch.relu(x),
        "MaxPool": lambda: _pooled(x, said, True),
        "AveragePool": lambda: _pooled(x, said, False),
        "GlobalAveragePool": lambda: functional.adaptive_avg_pool2d(x, 1),
        "LRN": lambda: functional.local_response_norm(
            x, said["size"], said["alpha"], said["beta"], said.get("bias", 1.0)
        ),
        "Concat": lambda: torch.cat(list(given), said["axis"]),
        "Transpose": lambda: x.permute(said["perm"]).contiguous(),
        "Dropout": lambda: x,
        "Add": lambda: x + given[1],
        "Mul": lambda: x * given[1],
        "Sum": lambda: x + given[1],
    }
    return known[op]()


def _layers(name: str, batch: int, precision: str, runs: int = 8) -> Iterator[list[object]]:
    """Output tensor, operator, time of the kernels of each node, at the median of the runs, and their spread [us]."""
    import statistics

    import onnx
    from onnx import helper, numpy_helper
    from torch.profiler import ProfilerActivity, profile, record_function

    path = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"light_{name}.onnx"
    graph = onnx.load(path).graph
    values: dict[str, Any] = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    for item, array in values.items():
        if array.dtype.kind == "f":
            values[item] = torch.tensor(array).to(DEVICE, TYPES[precision])
    shapes = {item.name: [dim.dim_value for dim in item.type.tensor_type.shape.dim] for item in graph.input}
    (fed,) = (item for item in shapes if item not in values)
    values[fed] = _tensor(TYPES[precision], batch, *shapes[fed][1:])
    nodes = []
    for node in graph.node:
        said = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type == "ConstantOfShape":
            shape = [int(size) for size in values[node.input[0]]]
            scale = 1.0 / math.sqrt(max(1, math.prod(shape[1:]))) if len(shape) > 1 else 0.1
            values[node.output[0]] = (torch.rand(shape, device=DEVICE) + (len(shape) == 1)).to(TYPES[precision]) * scale
        else:
            nodes.append((node.op_type, list(node.input), node.output[0], said))

    def run(marked: bool) -> None:
        now = dict(values)
        for op, inputs, output, said in nodes:
            given = [now[item] for item in inputs]
            if marked:
                with record_function(f"node {output}"):
                    now[output] = _node(op, given, said)
            else:
                now[output] = _node(op, given, said)
        torch.cuda.synchronize()

    for _ in range(3):
        run(False)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        for _ in range(runs):
            run(True)
    times: dict[str, list[float]] = {}
    for event in profiler.events():
        if event.name.startswith("node ") and event.device_type == torch.autograd.DeviceType.CPU:
            times.setdefault(event.name[5:], []).append(event.device_time_total)
    for op, _, output, _ in nodes:
        found = times.get(output, [])
        if found and min(found) > 0:
            middle = statistics.median(found)
            yield [
                f"light_{name}",
                batch,
                precision,
                output,
                op,
                f"{middle:.2f}",
                f"{statistics.stdev(found) / middle:.3f}",
            ]


def _products(folder: Path, card: str) -> None:
    for kind, (rows, columns, count) in KINDS.items():
        with (folder / f"own_gpu_{kind}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["device", *columns, "latency_ms", "queued_ms"])
            for precision in TYPES:
                draw = random.Random(f"{kind} {precision}")
                source = rows(draw, precision)
                for _ in range(count):
                    shape, call = next(source)
                    writer.writerow([card, *shape, f"{_eager(call):.6f}", f"{_queued(call):.6f}"])


def _all_layers(folder: Path, card: str) -> None:
    with (folder / "own_gpu_layers.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["model", "batch", "precision", "output", "op", "latency_us", "spread"])
        for name in LIGHT:
            for precision in TYPES:
                for batch in (1, 16, 64):
                    writer.writerows(_layers(name, batch, precision))
            print(name, flush=True)


def _all_networks(folder: Path, card: str) -> None:
    with (folder / "own_gpu_networks.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["device", "network", "batch", "precision", "eager_ms", "graph_ms"])
        for name, batch, precision, eager, replayed in _networks():
            writer.writerow([card, name, batch, precision, f"{eager:.4f}", f"{replayed:.4f}"])


PARTS: dict[str, Callable[[Path, str], None]] = {
    "products": _products,
    "layers": _all_layers,
    "networks": _all_networks,
}


def main() -> None:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    card = torch.cuda.get_device_name(0)
    print(card, torch.__version__, torch.version.cuda, torch.backends.cudnn.version())
    with torch.inference_mode():
        for part in sys.argv[2:] or PARTS:
            PARTS[part](Path(sys.argv[1]), card)


if __name__ == "__main__":
    main()
