"""Measured tables of embedded and edge hardware as families of calibrations: what is known of a device, and what is fitted to the rows.

Every family is fitted with whole networks left out (a network that stands in several rows is left out with all of them) and only
the error on those is reported. What is known beforehand is said here: the profile, the clock, how many cores a row used, and what the
software does (ncnn: Winograd's convolutions, and a power function of the C library in local response normalization).
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import hwsim
from hwsim.device import Device
from hwsim.estimation import Prepared, prepare
from hwsim.system.algorithms import with_algorithm
from hwsim.validation.calibration import calibrate
from hwsim.validation.cases import Case, Cases
from hwsim.validation.measured import Measurement
from hwsim.validation.statistics import noise_floor, proportional
from tests.published import edge_networks
from tests.shared import SHARED


@dataclass(frozen=True, slots=True)
class Row:
    """One measured latency [s]. network : what is left out together; macs : as the network has them, before any algorithm."""

    network: str
    prepared: Prepared
    latency: float
    macs: int
    spread: float | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """One table. groups : devices, each with its rows, fitted by themselves. missing : the term that the model lacks most."""

    name: str
    groups: Callable[[], Iterator[tuple[Device, list[Row]]]]
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Mean absolute errors of one family [1], over all of its rows; noise is None where the table gives no repeats."""

    rows: int
    networks: int
    held_out: float
    in_sample: float
    uncalibrated: float
    baseline: float
    noise: float | None = field(default=None)


def table(name: str) -> list[dict[str, str]]:
    """Rows of a measured table as they stand."""
    with (SHARED / "measured" / f"{name}.csv").open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@lru_cache(maxsize=256)
def network(bits: str | None, name: str, *arguments: Any) -> Prepared:
    """A network of ``edge_networks`` with operand bits. arguments : as its function takes them."""
    return prepare(getattr(edge_networks, name)(*arguments), bits=bits)


def row(name: str, prepared: Prepared, latency_ms: str | float, spread: float | None = None) -> Row:
    return Row(name, prepared, float(latency_ms) * 1e-3, prepared.complexity.macs, spread)


@lru_cache
def accuracy(family: Family) -> Accuracy:
    """Calibrate every group with whole networks left out."""
    found = []
    rows: list[Row] = []
    guesses: list[float] = []
    for device, group in family.groups():
        cases = [
            Case(item.network, item.prepared, (Measurement(item.network, scope="model", latency_s=item.latency),))
            for item in group
        ]
        result = calibrate(Cases(tuple(cases)), device, rung="roofline", hold_out="model", samples=1)
        found.append((result, len(group)))
        rows += group
        guesses += naive(group)

    def mean(name: str) -> float:
        return sum(getattr(result, name).mape.value * count for result, count in found) / len(rows)

    return Accuracy(
        rows=len(rows),
        networks=len({item.network for item in rows}),
        held_out=mean("held_out"),
        in_sample=mean("in_sample"),
        uncalibrated=mean("uncalibrated"),
        baseline=sum(guesses) / len(rows),
        noise=noise_floor([item.spread for item in rows]).value,
    )


def naive(rows: Sequence[Row]) -> list[float]:
    """Errors of the guess proportional to MACs, its factor fitted to the networks that are not left out [1]."""
    errors = []
    for item in rows:
        rest = [other for other in rows if other.network != item.network]
        factor = proportional([other.macs for other in rest], [other.latency for other in rest])
        assert factor is not None
        errors.append(abs(factor * item.macs / item.latency - 1))
    return errors


_CORAL = {
    "Inception v1": ("inception_v1",), "MobileNet v1": ("mobilenet_v1",), "MobileNet v2": ("mobilenet_v2",),
    "ResNet-50 V1": ("resnet", 50, 299), "VGG16": ("vgg",), "EfficientNet-EdgeTpu-S": ("efficientnet_edgetpu", "s"),
}  # fmt: skip


def coral() -> Iterator[tuple[Device, list[Row]]]:
    """Coral's benchmark table: one Edge TPU behind USB, and one on the development board."""
    for column in ("desktop_plus_usb_edgetpu_ms", "devboard_edgetpu_ms"):
        rows = [
            row(item["model"], network("w8a8", *_CORAL[item["model"]]), item[column])
            for item in table("coral_edgetpu_table")
        ]
        yield hwsim.load_device("edge_tpu"), rows


def stm32() -> Iterator[tuple[Device, list[Row]]]:
    """STM32 model zoo: MobileNet V1 on one Cortex-M7, and on the Cortex-A7 of an STM32MP1 (as a Cortex-A53 at its clock)."""
    devices = {
        "STM32H747I-DISCO": hwsim.load_device("cortex_m7"),
        "STM32MP157F-DK2": hwsim.load_device("cortex_a53", ["clock_mhz=800"]),
    }
    for board, device in devices.items():
        rows = []
        for item in table("stm32_modelzoo_latency"):
            if item["board"] == board:
                width, classes = float(item["model"].split()[1]), 1000 if item["dataset_head"] == "ImageNet" else 5
                prepared = network("w8a8", "mobilenet_v1", width, int(item["input_px"]), classes)
                rows.append(row(f"{item['model']} {item['input_px']} {classes}", prepared, item["ms"]))
        yield device, rows


#: Rows of the model zoo whose network is one of a paper, unpruned; the operations that the zoo gives must agree within 5 %.
_VITIS: dict[str, tuple[Any, ...]] = {
    "Inception_v1_tf": ("inception_v1", 224, 3), "Inception_v3_tf": ("inception_v3",), "Inception_v3_tf2": ("inception_v3",),
    "Inception_v3_pt": ("inception_v3",), "mlperf_resnet50_tf": ("resnet", 50, 224, 3), "mobilenet_1_0_224_tf2": ("mobilenet_v1",),
    "mobilenet_v1_0_25_128_tf": ("mobilenet_v1", 0.25, 128), "mobilenet_v1_0_5_160_tf": ("mobilenet_v1", 0.5, 160),
    "mobilenet_v1_1_0_224_tf": ("mobilenet_v1",), "mobilenet_v2_1_0_224_tf": ("mobilenet_v2",),
    "mobilenet_v2_1_4_224_tf": ("mobilenet_v2", 1.4), "personreid-res50_pt": ("resnet", 50, 256, 3, 751, 128),
    "resnet_v1_101_tf": ("resnet", 101), "resnet_v1_152_tf": ("resnet", 152), "resnet50_tf2": ("resnet", 50),
    "resnet50_pt": ("resnet", 50, 224, 3), "SqueezeNet_pt": ("squeezenet",), "chen_color_resnet18_pt": ("resnet", 18, 224, 1, 10),
    "vehicle_make_resnet18_pt": ("resnet", 18, 224, 1, 10), "vehicle_type_resnet18_pt": ("resnet", 18, 224, 1, 10),
    "personreid-res18_pt": ("resnet", 18, 176, 1, 751, 80), "vgg_16_tf": ("vgg",), "vgg_19_tf": ("vgg", 19),
    "efficientNet-edgetpu-S_tf": ("efficientnet_edgetpu", "s"), "efficientNet-edgetpu-M_tf": ("efficientnet_edgetpu", "m"),
    "efficientNet-edgetpu-L_tf": ("efficientnet_edgetpu", "l"), "efficientnet-b0_tf2": ("efficientnet_b0",),
}  # fmt: skip


def vitis() -> Iterator[tuple[Device, list[Row]]]:
    """Vitis AI model zoo, ZCU104, one thread: it uses one of the two cores."""
    rows = []
    for item in table("vitis_ai_dpu_fps"):
        if item["model"] in _VITIS and item["fps_single_thread"]:
            prepared = network("w8a8", *_VITIS[item["model"]])
            if abs(2e-9 * prepared.complexity.macs / float(item["gop"]) - 1) < 0.05:
                name = " ".join(map(str, _VITIS[item["model"]]))
                rows.append(row(name, prepared, 1e3 / float(item["fps_single_thread"])))
    yield hwsim.load_device("zcu104_dpu", ["compute.cores=1"]), rows


_NCNN: dict[str, tuple[Any, ...]] = {
    "squeezenet": ("squeezenet",), "mobilenet": ("mobilenet_v1",), "mobilenet_v2": ("mobilenet_v2",), "resnet50": ("resnet", 50),
    "mobilenet_v3": ("mobilenet_v3_large",), "mnasnet": ("mnasnet",), "efficientnet_b0": ("efficientnet_b0",), "vgg16": ("vgg",),
    "googlenet": ("inception_v1", 224, 5, True), "resnet18": ("resnet", 18), "alexnet": ("alexnet",),
}  # fmt: skip
#: By board, threads and cores: profile, overrides, operand bits.
_NCNN_DEVICES = {
    ("Raspberry", "1", "0"): ("cortex_a72", [], None),
    ("Raspberry", "4", "0"): ("raspberry_pi_4", [], None),
    ("Rockchip", "1", "2"): ("cortex_a76", [], "fp16"),
    ("Rockchip", "4", "2"): ("cortex_a76", ["compute.cores=4"], "fp16"),
    ("Rockchip", "1", "1"): ("cortex_a53", ["clock_mhz=1800"], "fp16"),
    ("Rockchip", "4", "1"): ("cortex_a53", ["clock_mhz=1800", "compute.cores=4"], "fp16"),
}
#: Range of n normal values over their standard deviation (Tippett, 1925), for the numbers of runs in the table.
_RANGE = {"8": 2.847, "10": 3.078}


def ncnn() -> Iterator[tuple[Device, list[Row]]]:
    """ncnn's benchmark, floating-point networks on CPUs: a Raspberry Pi 4, and both kinds of cores of an RK3588."""
    software = ["compute.algorithms=[winograd_f4]", "compute.vector.by_function.local_response=0.2"]
    for (board, threads, cores), (name, overrides, bits) in _NCNN_DEVICES.items():
        device = hwsim.load_device(name, [*overrides, *software])
        rows = []
        for item in table("ncnn_benchmark_core_models"):
            place = (item["device"].split()[0], item["num_threads"], item["powersave"], item["gpu_device"])
            if item["model"] in _NCNN and place == (board, threads, cores, "-1"):
                prepared = network(bits, *_NCNN[item["model"]])
                spread = (float(item["max_ms"]) - float(item["min_ms"])) / float(item["avg_ms"]) / _RANGE[item["loops"]]
                found = row(item["model"], prepared, item["min_ms"], spread)
                # its convolutions in groups are not Winograd's
                grouped = item["model"] == "alexnet"
                rows.append(
                    found if grouped else replace(found, prepared=with_algorithm(prepared, device, "winograd_f4"))
                )
        yield device, rows


def qutibench() -> Iterator[tuple[Device, list[Row]]]:
    """QuTiBench, Jetson TX2 in its fastest mode: time on the GPU at batches of 1 to 128, pruned and whole networks."""
    for dtype, bits in (("FP16", "fp16"), ("FP32", None)):
        rows = []
        for item in table("qutibench_embedded"):
            if (item["hardware"], item["datatype"]) == ("TX2-maxn", dtype) and item["latency_comp_ms"]:
                batch, kept = int(item["batch_thread_stream"]), float(item["pruning_keep_pct"]) / 100
                made: dict[str, tuple[Any, ...]] = {
                    "MLP": ("mlp", int(2048 * kept), batch),
                    "CNV": ("cnv", kept, batch),
                    "GoogLeNetv1": ("inception_v1", 224, 5, False, batch),
                    "ResNet-50": ("resnet", 50, 224, 1, 1000, 0, batch),
                }
                name = f"{item['network']} {kept}"
                rows.append(row(name, network(bits, *made[item["network"]]), item["latency_comp_ms"]))
        yield hwsim.load_device("jetson_tx2"), rows


_TINY = {"ad": ("dense_autoencoder",), "ic": ("resnet_8",), "kws": ("ds_cnn",), "vww": ("mobilenet_v1", 0.25, 96, 2)}
#: Clocks of the boards by part of their name, from the chips' data sheets [MHz].
_TINY_CLOCKS = {"H7A3": 280, "F746": 216, "U575": 160, "G0B1": 64, "L4R5": 120, "NRF5340": 128, "M467": 200, "062": 150}


def mlperf_tiny() -> Iterator[tuple[Device, list[Row]]]:
    """MLPerf Tiny v1.1, closed division: every system with all four networks, each fitted to three of them."""
    systems: dict[str, dict[str, str]] = defaultdict(dict)
    for item in table("mlperf_tiny"):
        if (item["round"], item["division"]) == ("v1.1", "closed") and item["latency_ms"]:
            systems[f"{item['organisation']} {item['system']}"][item["benchmark"]] = item["latency_ms"]
    for system, times in sorted(systems.items()):
        clock = next((mhz for part, mhz in _TINY_CLOCKS.items() if part in system), None)
        if len(times) == len(_TINY) and clock is not None:
            core = "cortex_m7" if "H7" in system or "F7" in system else "cortex_m4"
            rows = [row(name, network("w8a8", *_TINY[name]), times[name]) for name in sorted(times)]
            yield hwsim.load_device(core, [f"clock_mhz={clock}"]), rows


FAMILIES = (
    Family("Coral Edge TPU", coral),
    Family("QuTiBench, Jetson TX2", qutibench),
    Family("Vitis AI, ZCU104 DPU", vitis),
    Family("ncnn, Cortex-A72, A76 and A55", ncnn),
    Family(
        "STM32 model zoo", stm32,
        "what the Cortex-M7 and A7 spend per pixel and channel block (im2col): only MobileNet V1 is measured, so its three kinds of layers "
        "cannot be told apart",
    ),
    Family(
        "MLPerf Tiny v1.1", mlperf_tiny,
        "the cost of reading weights from flash in the dense network (ad), of which no other network of a system tells anything",
    ),
)  # fmt: skip


def family(name: str) -> Family:
    """The family of that name."""
    return next(family for family in FAMILIES if family.name == name)
