"""Complexity: what a network asks for on any device, layer by layer and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hwsim.graph import Network
from hwsim.version import __version__
from hwsim.workload import hcm
from hwsim.workload.liveness import peak_activation_bytes
from hwsim.workload.lower import lower
from hwsim.workload.nest import LoopNest
from hwsim.workload.work import Work

SCHEMA = "hwsim/complexity/1"


@dataclass(frozen=True, slots=True)
class LayerComplexity:
    """One layer. macs, vector_operations : [1]. parameters : learned numbers of the tensors it reads [1].

    weight_bytes : storage of its parameters [B], whole tables included. input_bytes : bytes touched of everything else that it
    reads, activations and constants [B]. output_bytes : [B]. traffic_bytes : all bytes touched, each tensor once, of a table the rows [B].
    bops, bops_product : bit operations in HCM's convention and in the plain one [1]. hcm_operations : kernels of k² products count k² + 1.
    hcm_traffic_bits : bits of its nests' operands, each moved once [bit].
    """

    name: str
    op: str
    macs: int
    parameters: int
    weight_bytes: int
    input_bytes: int
    output_bytes: int
    traffic_bytes: int
    vector_operations: int
    bops: float
    bops_product: int
    hcm_operations: int
    hcm_traffic_bits: int
    known: bool
    fused: tuple[str, ...] = ()

    @property
    def intensity(self) -> float:
        """Arithmetic intensity [op/B], 1 MAC = 2 operations; 0 where nothing moves."""
        return 2 * self.macs / self.traffic_bytes if self.traffic_bytes else 0.0

    @property
    def hcm_intensity(self) -> float:
        """Intensity in HCM's convention [op/bit]."""
        return self.hcm_operations / self.hcm_traffic_bits if self.hcm_traffic_bits else 0.0

    def to_dict(self) -> dict[str, object]:
        """The layer with units in its keys."""
        return {
            "name": self.name,
            "op": self.op,
            "macs": self.macs,
            "parameters": self.parameters,
            "weight_bytes": self.weight_bytes,
            "input_bytes": self.input_bytes,
            "output_bytes": self.output_bytes,
            "traffic_bytes": self.traffic_bytes,
            "vector_operations": self.vector_operations,
            "bops": self.bops,
            "bops_product": self.bops_product,
            "intensity_ops_per_byte": self.intensity,
            "hcm_operations": self.hcm_operations,
            "hcm_traffic_bits": self.hcm_traffic_bits,
            "hcm_intensity_ops_per_bit": self.hcm_intensity,
            "known": self.known,
            "fused": list(self.fused),
        }


@dataclass(frozen=True)
class Complexity:
    """A network without a device. Totals are sums over the layers, but parameters and weight_bytes count every tensor once.

    peak_activation_bytes : the most that activations take at once when the layers run in their order, each tensor freed after its last
    reader, the network's inputs too, its outputs kept [B]; peak_layer : where that is.
    operators : nodes by operator, those folded into others included. unknown : operators that hwsim does not know, with their number.
    """

    name: str
    layers: tuple[LayerComplexity, ...]
    macs: int
    parameters: int
    weight_bytes: int
    input_bytes: int
    output_bytes: int
    traffic_bytes: int
    vector_operations: int
    bops: float
    bops_product: int
    hcm_operations: int
    hcm_traffic_bits: int
    peak_activation_bytes: int
    peak_layer: str
    operators: Mapping[str, int]
    unknown: Mapping[str, int]
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    sha256: str = ""
    notes: tuple[str, ...] = ()

    @property
    def intensity(self) -> float:
        """Arithmetic intensity of the whole [op/B], 1 MAC = 2 operations; 0 where nothing moves."""
        return 2 * self.macs / self.traffic_bytes if self.traffic_bytes else 0.0

    @property
    def hcm_intensity(self) -> float:
        """Intensity in HCM's convention [op/bit]."""
        return self.hcm_operations / self.hcm_traffic_bits if self.hcm_traffic_bits else 0.0

    def to_dict(self) -> dict[str, object]:
        """The JSON object of ``hwsim complexity --format json``, schema hwsim/complexity/1."""
        return {
            "schema": SCHEMA,
            "hwsim_version": __version__,
            "model": {
                "name": self.name,
                "sha256": self.sha256,
                "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            },
            "totals": {
                "macs": self.macs,
                "parameters": self.parameters,
                "weight_bytes": self.weight_bytes,
                "input_bytes": self.input_bytes,
                "output_bytes": self.output_bytes,
                "traffic_bytes": self.traffic_bytes,
                "vector_operations": self.vector_operations,
                "bops": self.bops,
                "bops_product": self.bops_product,
                "intensity_ops_per_byte": self.intensity,
                "hcm_operations": self.hcm_operations,
                "hcm_traffic_bits": self.hcm_traffic_bits,
                "hcm_intensity_ops_per_bit": self.hcm_intensity,
                "peak_activation_bytes": self.peak_activation_bytes,
                "peak_layer": self.peak_layer,
            },
            "operators": dict(self.operators),
            "unknown_operators": dict(self.unknown),
            "layers": [layer.to_dict() for layer in self.layers],
            "notes": list(self.notes),
        }


def complexity(network: Network, works: Sequence[Work] | None = None) -> Complexity:
    """Count a network. works : what ``lower`` answered for each of its layers, where that is at hand.

    Raises ModelError as ``lower`` does.
    """
    if works is None:
        works = [lower(layer, network) for layer in network.layers]
    layers = tuple(_layer(network, index, work) for index, work in enumerate(works))
    operators: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    for layer in network.layers:
        for member in layer.members or (layer,):
            operators[_operator(member.domain, member.op)] += 1
    for layer, work in zip(network.layers, works, strict=True):
        if not work.known:
            unknown[_operator(layer.domain, layer.op)] += 1
    peak, where = peak_activation_bytes(network, works)
    parameters = [tensor for tensor in network.tensors.values() if tensor.role == "parameter"]
    return Complexity(
        name=network.name,
        layers=layers,
        macs=sum(layer.macs for layer in layers),
        parameters=sum(tensor.parameters for tensor in parameters),
        weight_bytes=sum(tensor.bytes for tensor in parameters),
        input_bytes=sum(layer.input_bytes for layer in layers),
        output_bytes=sum(layer.output_bytes for layer in layers),
        traffic_bytes=sum(layer.traffic_bytes for layer in layers),
        vector_operations=sum(layer.vector_operations for layer in layers),
        bops=sum(layer.bops for layer in layers),
        bops_product=sum(layer.bops_product for layer in layers),
        hcm_operations=sum(layer.hcm_operations for layer in layers),
        hcm_traffic_bits=sum(layer.hcm_traffic_bits for layer in layers),
        peak_activation_bytes=peak,
        peak_layer=where,
        operators=dict(operators.most_common()),
        unknown=dict(unknown.most_common()),
        inputs={name: network.tensors[name].shape for name in network.inputs if name in network.tensors},
        sha256=network.sha256,
        notes=network.notes,
    )


def _operator(domain: str, op: str) -> str:
    return f"{domain}::{op}" if domain not in ("", "ai.onnx") else op


def _layer(network: Network, index: int, work: Work) -> LayerComplexity:
    layer, tensors = network.layers[index], network.tensors
    parameters = weight_bytes = input_bytes = traffic = 0
    for name, size in work.reads:
        tensor = tensors[name]
        traffic += size
        if tensor.role == "parameter":
            parameters += tensor.parameters
            weight_bytes += tensor.bytes
        else:
            input_bytes += size
    output_bytes = sum([size for _, size in work.writes])
    return LayerComplexity(
        layer.name,
        layer.op,
        work.macs,
        parameters,
        weight_bytes,
        input_bytes,
        output_bytes,
        traffic + output_bytes,
        sum([op.operations for op in work.vectors]),
        *(_bit_counts(work.nests) if work.nests else (0.0, 0, 0, 0)),
        work.known,
        layer.fused,
    )


def _bit_counts(nests: tuple[LoopNest, ...]) -> tuple[float, int, int, int]:
    """BOPs in HCM's convention and the plain one, HCM operations and traffic of some nests."""
    return (
        sum(hcm.bops(nest) for nest in nests),
        sum(hcm.bops_product(nest) for nest in nests),
        sum(hcm.operations(nest) for nest in nests),
        sum(hcm.traffic_bits(nest) for nest in nests),
    )
