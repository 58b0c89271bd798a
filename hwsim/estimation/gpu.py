"""The gpu rung: MAC work as tiled matrix products on the SMs of a GPU, everything else over the outer levels as on the roofline.

A convolution is an implicit product: N·Q·P rows of the output, K columns, a reduction of C·S·R, each input and weight fetched once as
long as
L2 holds what the blocks of a wave share. Depthwise convolutions have no reduction to share and run lane by lane, on the vector unit.
"""

from __future__ import annotations

from dataclasses import replace

from hwsim.cost.gpu import QUEUED, SHARED, Products, gpu, products
from hwsim.device import Device, precision_for
from hwsim.estimation import beside, energy, roofline, zeros
from hwsim.estimation.assembly import Assumptions, Compute, assemble
from hwsim.estimation.records import LayerEstimate, Traffic
from hwsim.estimation.residency import Residency
from hwsim.graph import Layer, Network
from hwsim.workload import LoopNest, Work
from hwsim.workload.classes import work_class


def price(
    layer: Layer, work: Work, network: Network, device: Device, residency: Residency, said: Assumptions
) -> LayerEstimate:
    """One layer on a GPU; raises ProfileError where the profile is not one of a GPU with a bandwidth."""
    tiled = [nest for nest in work.nests if work_class(nest) != "depthwise"]
    if not work.nests:
        return beside.price(layer, work, network, device, residency, said)
    if not tiled:
        return roofline.price(layer, work, network, device, residency, said)
    plain = roofline.compute(work, device, said)
    if any(unaligned(nest, device) for nest in tiled):
        said.add(
            f"{device.name}: products whose rows are no multiple of {_WORD_BYTES} bytes are priced as if they were padded; "
            "where no library pads them, matrix instructions reach a tenth to a fifth of their peak (measured on an H100 with PyTorch)"
        )
    priced = [(nest, of_nest(nest, device)) for nest in tiled]
    rest = roofline.compute(Work(nests=tuple(nest for nest in work.nests if nest not in tiled)), device, said).mac_s
    mac = sum(float(found.compute_s) * nest.repeat / _gathered(nest) for nest, found in priced)
    starts = sum(float(found.kernel_s - _largest(found)) * nest.repeat for nest, found in priced)
    filled = sum(_filled(nest, found) * nest.macs for nest, found in priced) / sum(nest.macs for nest in tiled)
    flows = roofline.flows_of(work, device, network, residency)
    moved = {name: roofline.total(parts.values()) for name, parts in flows.items()}
    fetched = sum(float(found.l2_bytes) * nest.repeat for nest, found in priced)
    again = sum(_again(nest, found) for nest, found in priced)
    outer = [memory.name for memory in beside.outer_levels(device)]
    for memory in device.memories:
        if memory.off_chip:
            moved[memory.name] = Traffic(moved[memory.name].read + again, moved[memory.name].write)
        elif memory.name in outer:
            moved[memory.name] = Traffic(max(fetched, moved[memory.name].read), moved[memory.name].write)
    done = Compute(mac + rest, plain.vector_s, plain.ideal_s, filled)
    record = assemble(layer, work, network, device, done, moved, starts_s=starts)
    parts: dict[str, float | None] = {
        "mac": energy.of_macs(work, device),
        "vector": energy.of_vector(work, device, said),
    }
    for memory in device.memories:
        read, write = moved[memory.name].read, moved[memory.name].write
        parts[memory.name] = energy.of_flows(memory, {"input": Traffic(read), "output": Traffic(0, write)})
    return energy.attach(record, device, parts)


def of_nest(nest: LoopNest, device: Device) -> Products:
    """Times of one repeat of a nest as a tiled product, without the cost of a launch."""
    precision, _ = precision_for(device, nest.input.dtype, nest.weight.dtype)
    chip = replace(gpu(device, nest.input.dtype, nest.weight.dtype), most=roofline.efficiency_of(nest, precision))
    inputs, weights, _ = nest.elements
    window = nest.s * nest.r > 1
    reduction = max(1.0, nest.c * nest.s * nest.r * zeros.cycle_share(nest, device))
    return products(
        chip,
        nest.n * nest.q * nest.p,
        nest.k,
        reduction,
        batch=nest.g,
        bits=max(nest.input.bits, nest.weight.bits),
        output_bits=nest.output.bits,
        a_along_k=not window and nest.q == 1,
        b_along_k=nest.weight_role == "parameter" and (window or nest.q > 1),
        a_bytes=inputs * nest.input.bits / 8,
        b_bytes=weights * nest.weight.bits / 8,
        calls=QUEUED,
    )


#: What a load of matrix operands moves [B]: NVIDIA, "Matrix Multiplication Background User's Guide", alignment of operands.
_WORD_BYTES = 16


def unaligned(nest: LoopNest, device: Device) -> bool:
    """Whether rows of an operand of a matrix product, for matrix instructions, are no multiple of 16 bytes."""
    if work_class(nest) not in ("matrix", "batched") or not gpu(device, nest.input.dtype, nest.weight.dtype).matrix:
        return False
    weights = nest.c if nest.weight_role == "parameter" else nest.k  # of a layer along the reduction
    return any(
        count * bits % (8 * _WORD_BYTES) for count, bits in ((nest.c, nest.input.bits), (weights, nest.weight.bits))
    )


def _gathered(nest: LoopNest) -> float:
    """Share of a product's rate that is left where its rows are gathered from windows [1]."""
    return SHARED.gather_share if nest.s * nest.r > 1 else 1.0


def _largest(found: Products) -> float:
    return max(float(found.compute_s), float(found.l2_s), float(found.memory_s))


def _again(nest: LoopNest, found: Products) -> float:
    """Bytes that cross the chip's edge because L2 does not hold them until they are used again, and parts of split reductions [B]."""
    inputs, weights, outputs = nest.elements
    once = (inputs * nest.input.bits + weights * nest.weight.bits + outputs * nest.output.bits) / 8
    return max(0.0, float(found.memory_bytes) - once) * nest.repeat


def _filled(nest: LoopNest, found: Products) -> float:
    """Share of the tiles' elements that are elements of the output [1]."""
    rows, columns = nest.n * nest.q * nest.p, nest.k
    down, across = -(-rows // int(found.tile_rows)), -(-columns // int(found.tile_columns))
    return rows * columns / (down * int(found.tile_rows) * across * int(found.tile_columns))
