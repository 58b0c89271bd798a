"""What the software on a device costs, and how its kernels are built."""

from __future__ import annotations

from hwsim.device.quantity import Count, NonNegative, Positive, Share
from hwsim.device.section import Name, Section


class Overheads(Section):
    """Fixed costs. pass_level : the level whose passes ramp up, by default the outermost on the chip."""

    per_kernel_us: NonNegative | None = None
    per_pass_cycles: NonNegative | None = None
    pass_level: Name | None = None
    per_inference_us: NonNegative | None = None


class Kernels(Section):
    """The code of a CPU's inference library: what lets a core be priced by the structure of its kernels (``--model cpu``).

    outputs, blocks : of a row, and of channels, that a convolution's tile holds in registers; rows, columns : the same of a product, in
    rows and vectors. reduction : channels that a 1x1 convolution sums at a time. aligned : multiple of channels that blocked layout needs.
    latency_cycles : from one sum to the next; window : instructions in flight; spare_share : of the innermost cache that is not for
    weights; cache_share : of a cache that serves tensors which come round again, the rest goes to all else and to
    sets that fill up. tile_cycles, result_cycles, call_us, run_cycles : to begin a tile, to add a vector of results to memory, to call
    a product's code, to begin a run of elements that are moved.
    """

    outputs: Count
    blocks: Count
    rows: Count
    columns: Count
    reduction: Count
    aligned: Count
    latency_cycles: Positive
    loads_per_cycle: Positive
    window: Count
    spare_share: Share | None = None
    cache_share: Share | None = None
    tile_cycles: NonNegative | None = None
    result_cycles: NonNegative | None = None
    call_us: NonNegative | None = None
    run_cycles: NonNegative | None = None
