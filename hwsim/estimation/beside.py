"""Work beside the MAC array: elementwise operations and data moves, over the outer levels of the hierarchy."""

from __future__ import annotations

from collections.abc import Mapping

from hwsim.device import Device, Memory
from hwsim.estimation import energy, roofline
from hwsim.estimation.assembly import Assumptions, assemble
from hwsim.estimation.records import LayerEstimate, Traffic
from hwsim.estimation.residency import Residency
from hwsim.graph import Layer, Network
from hwsim.workload import Work


def price(
    layer: Layer, work: Work, network: Network, device: Device, residency: Residency, said: Assumptions
) -> LayerEstimate:
    """A layer without MACs: its bytes over the outermost buffer on the chip and over its edge, its operations on the vector unit."""
    once = roofline.traffic(work, device, network, residency)
    outer = outer_levels(device)
    moved = {
        memory.name: once[memory.name] if memory in outer else _at_home(memory, work, residency)
        for memory in device.memories
    }
    record = assemble(layer, work, network, device, roofline.compute(work, device, said), moved)
    return energy.attach(
        record, device, {"vector": energy.of_vector(work, device, said)} | level_energies(moved, device)
    )


def _at_home(memory: Memory, work: Work, residency: Residency) -> Traffic:
    """Bytes of the tensors that stay in a level further in [B]."""
    read = sum(size for name, size in work.reads if residency.home.get(name) == memory.name)
    return Traffic(read, sum(size for name, size in work.writes if residency.home.get(name) == memory.name))


def outer_levels(device: Device) -> list[Memory]:
    """The outermost buffer on the chip that holds activations, and what lies off the chip."""
    on_chip = [
        memory
        for memory in device.memories
        if not memory.off_chip and memory.keeps["input"] != "never" and memory.keeps["output"] != "never"
    ]
    return [*on_chip[-1:], *(memory for memory in device.memories if memory.off_chip)]


def level_energies(moved: Mapping[str, Traffic], device: Device) -> dict[str, float | None]:
    """Energy of bytes read as inputs and written as outputs, by level [J]."""
    return {
        memory.name: energy.of_flows(
            memory, {"input": Traffic(moved[memory.name].read), "output": Traffic(0, moved[memory.name].write)}
        )
        for memory in device.memories
    }
