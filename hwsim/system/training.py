"""What a step of training costs on one device or on several with a copy each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hwsim.device import Device
from hwsim.errors import UsageError
from hwsim.estimation import Estimate, Prepared, estimate
from hwsim.estimation.conversion import converted
from hwsim.system.gradients import AGAIN, GRADIENT, STATE, training_step
from hwsim.system.links import Link, all_reduce_s

SCHEMA = "hwsim/training/1"


@dataclass(frozen=True, slots=True)
class Training:
    """One step. step : the estimate of everything on one device; the *_s parts sum to its latency [s].

    all_reduce_s : summing gradients over the replicas; hidden_s : how much of that runs beside the backward pass [s].
    Memory of one device [B]: parameters in their working type, gradients, optimizer (states and master copy), activations at their peak.
    """

    step: Estimate
    forward_s: float
    recompute_s: float
    backward_s: float
    optimizer_s: float
    all_reduce_s: float
    hidden_s: float
    replicas: int
    parameter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int

    @property
    def latency_s(self) -> float:
        """Time of a step [s]."""
        return self.step.totals.latency_s + self.all_reduce_s - self.hidden_s

    @property
    def memory_bytes(self) -> int:
        """Memory of one device [B]."""
        return self.parameter_bytes + self.gradient_bytes + self.optimizer_bytes + self.activation_bytes

    @property
    def throughput_per_s(self) -> float:
        """Examples of all replicas a second [1/s]."""
        return self.replicas * int(self.step.settings["batch"]) / self.latency_s

    @property
    def energy_j(self) -> float | None:
        """Energy of a step, all replicas, links left out [J]."""
        energy = self.step.totals.energy_j
        return None if energy is None else energy * self.replicas

    @property
    def average_power_w(self) -> float | None:
        """Energy over the time of a step [W]."""
        return None if self.energy_j is None else self.energy_j / self.latency_s

    @property
    def unavailable(self) -> dict[str, str]:
        """Why the energy is None."""
        return {} if self.energy_j is not None else {"energy_j": self.step.unavailable.get("energy_j", "not known")}

    def to_dict(self) -> dict[str, Any]:
        """``hwsim/training/1``."""
        plain: dict[str, Any] = {"schema": SCHEMA}
        for name in ("model", "device"):
            plain[name] = dict(getattr(self.step, name))
        plain |= {"settings": dict(self.step.settings), "replicas": self.replicas, "latency_s": self.latency_s}
        for name in self.__slots__:
            if name.endswith(("_s", "_bytes")):
                plain[name] = getattr(self, name)
        return plain | {
            "memory_bytes": self.memory_bytes,
            "throughput_per_s": self.throughput_per_s,
            "macs": self.step.totals.macs,
            "energy_j": self.energy_j,
            "average_power_w": self.average_power_w,
            "warnings": list(self.step.warnings),
            "unavailable": self.unavailable,
        }


def train(
    prepared: Prepared,
    device: Device,
    *,
    optimizer: str = "adam",
    segments: int = 0,
    master_bits: int = 32,
    replicas: int = 1,
    link: Link | None = None,
    overlap: bool = True,
    rung: str | None = None,
) -> Training:
    """Price one training step of a network.

    segments, master_bits : see ``training_step``. replicas : devices with a copy each, which sum their gradients in a ring over ``link``;
    overlap : the sum runs beside the backward pass as far as that lasts. Raises UsageError for replicas without a link.
    """
    if replicas < 1 or (replicas > 1 and link is None):
        raise UsageError(f"{replicas} replicas: needs at least 1, and a link between several")
    forward, _ = converted(prepared, device)
    step = training_step(forward, optimizer, segments, master_bits)
    made = estimate(step, device, rung=rung)
    parts = {"forward": 0.0, "recompute": 0.0, "backward": 0.0, "optimizer": 0.0}
    for layer in made.layers:
        parts[_phase(layer.name)] += layer.latency_s
    tensors = step.network.tensors.values()
    gradients = sum(t.bytes for t in tensors if t.name.startswith(GRADIENT) and t.role == "constant")
    summing = 0.0 if link is None else all_reduce_s(gradients, replicas, link)
    return Training(
        step=made,
        forward_s=parts["forward"],
        recompute_s=parts["recompute"],
        backward_s=parts["backward"],
        optimizer_s=parts["optimizer"],
        all_reduce_s=summing,
        hidden_s=min(summing, parts["backward"]) if overlap else 0.0,
        replicas=replicas,
        parameter_bytes=sum(t.bytes for t in tensors if t.role == "parameter"),
        gradient_bytes=gradients,
        optimizer_bytes=sum(t.bytes for t in tensors if t.name.startswith(STATE)),
        activation_bytes=made.totals.peak_activation_bytes,
    )


def _phase(name: str) -> str:
    if name == "optimizer":
        return "optimizer"
    return "backward" if name.startswith(GRADIENT) else "recompute" if name.startswith(AGAIN) else "forward"
