"""Device: one accelerator in SI units, resolved from its profile. ``None`` means the profile does not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["accelerator", "gpu", "cpu", "mcu", "system"]
Operand = Literal["input", "weight", "output"]
Keep = Literal["always", "never", "free"]
Topology = Literal["mesh", "bus", "neighbour"]


@dataclass(frozen=True, slots=True)
class Array:
    """The MAC array: x × y processing elements (PEs), ``cores`` times on the chip."""

    x: int
    y: int
    cores: int = 1

    @property
    def pes(self) -> int:
        """PEs on the chip [1]."""
        return self.x * self.y * self.cores


@dataclass(frozen=True, slots=True)
class Precision:
    """What one PE does in a cycle for one combination of operand types.

    macs_per_pe_per_cycle [1]; mac_j : energy of one MAC [J]; tile : (m, n, k) of a matrix instruction; operands are padded to it.
    efficiency : share of the peak that well-shaped work attains [1]; by_class : the same of single classes of work (pairs of a name of
    ``workload.classes.CLASSES`` and the share). padded : dims that the device's code fills up, each with the multiple [1].
    serial : the operand that comes a bit a cycle (``input``, ``weight``), "" where none does.
    """

    input: str
    weight: str
    accumulate: str
    macs_per_pe_per_cycle: float
    mac_j: float | None = None
    tile: tuple[int, int, int] | None = None
    efficiency: float = 1.0
    published_ops_per_s: float | None = None
    by_class: tuple[tuple[str, float], ...] = ()
    padded: tuple[tuple[str, int], ...] = ()
    serial: Literal["input", "weight", ""] = ""


@dataclass(frozen=True, slots=True)
class Vector:
    """The unit for elementwise work. ops_per_s [1/s]; by_function : rate of single functions [1/s]; op_j [J]."""

    ops_per_s: float
    by_function: Mapping[str, float] = field(default_factory=dict)
    op_j: float | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """Storage that a set of operands share. capacity : [B] of one instance; None is unlimited."""

    operands: frozenset[Operand]
    capacity: int | None


@dataclass(frozen=True, slots=True)
class Memory:
    """One level of the hierarchy.

    mesh_x, mesh_y : instances on the chip along both axes [1]. pools : its storage. keeps : per operand, whether this level holds
    it. buffering : copies of a tile held at a time (2 = double buffering) [1].
    read_bandwidth, write_bandwidth, shared_bandwidth : of one instance [B/s]; None is unlimited, or unknown.
    read_j, write_j : energy of one byte, per operand [J/B], None where the profile gives none. block : bytes of one access [B], 0 for any.
    overlapped : False where its traffic adds to compute time instead of hiding behind it. retains : operands that stay
    from one inference to the next (``weight`` on an Edge TPU).
    efficiency : share of its bandwidth that long transfers attain [1]; by_operand : the same of single operands;
    kernel_start_s, product_start_s : what a kernel, and one of products, loses whose code comes from here [s].
    setup_cycles : before each transfer of a tile, in the simulator
    [cycle]. leakage_w : [W] of all instances.
    type : what it is made of (``sram``, ``lpddr4``, ...), for technology tables. read_ports, write_ports, shared_ports, width_bits,
    banks : how it is built, 0 where the profile does not say [1].
    """

    name: str
    mesh_x: int
    mesh_y: int
    pools: tuple[Pool, ...]
    keeps: Mapping[Operand, Keep]
    off_chip: bool = False
    buffering: int = 1
    read_bandwidth: float | None = None
    write_bandwidth: float | None = None
    shared_bandwidth: float | None = None
    read_j: Mapping[Operand, float] | None = None
    write_j: Mapping[Operand, float] | None = None
    block: int = 0
    overlapped: bool = True
    retains: frozenset[Operand] = frozenset()
    efficiency: float = 1.0
    setup_cycles: float = 0.0
    leakage_w: float | None = None
    type: str = ""
    read_ports: int = 0
    write_ports: int = 0
    shared_ports: int = 0
    width_bits: int = 0
    banks: int = 0
    by_operand: tuple[tuple[Operand, float], ...] = ()
    kernel_start_s: float = 0.0
    product_start_s: float = 0.0

    @property
    def capacity(self) -> int | None:
        """Bytes of one instance, all pools together [B]; None is unlimited."""
        sizes = [pool.capacity for pool in self.pools]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def instances(self) -> int:
        """Instances on the chip [1]."""
        return self.mesh_x * self.mesh_y


@dataclass(frozen=True, slots=True)
class Network:
    """Wires between a level and the one inside of it.

    bandwidth : [B/s] per operand and instance of the outer level, absent is unlimited. multicast, reduce : one read serves
    several children, partial sums of several children are added on the way. hop_j : energy of one byte over one hop [J/B].
    topology : how far a word goes, see ``hwsim.kernels.counting_hops``: ``mesh``, the wires on its way to the children that need it;
    ``bus``, all of a bus along y and of one along x in each row that has such a child, sums going from child to child before;
    ``neighbour``, one hop to each such child, from the one beside it.
    """

    outer: str
    inner: str
    bandwidth: Mapping[Operand, float] = field(default_factory=dict)
    multicast: bool = True
    reduce: bool = True
    hop_j: float = 0.0
    topology: Topology = "mesh"


@dataclass(frozen=True, slots=True)
class LevelConstraint:
    """What the hardware fixes about the loops at one level.

    order : innermost dims, inner to outer (a prefix; what is not named lies outside in any order). fixed : exact factor of a dim,
    0 for all that is left. at_most : largest factor. spatial_x, spatial_y : dims that may be spread over the children's axes (None: any).
    """

    order: tuple[str, ...] = ()
    fixed: Mapping[str, int] = field(default_factory=dict)
    at_most: Mapping[str, int] = field(default_factory=dict)
    spatial_x: tuple[str, ...] | None = None
    spatial_y: tuple[str, ...] | None = None
    spatial_fixed: Mapping[str, int] = field(default_factory=dict)
    spatial_at_most: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dataflow:
    """Constraints on the mapping space, by level. stationary : the operand a rigid array holds (``output|weight|input``).

    fusion : how rows shared by tiles of fused layers are handled, ``cache``, ``recompute`` or ``any``; "" where layers are not fused.
    """

    stationary: Operand | None = None
    levels: Mapping[str, LevelConstraint] = field(default_factory=dict)
    min_utilization: float = 0.0
    fusion: str = ""


@dataclass(frozen=True, slots=True)
class Overheads:
    """Fixed costs. kernel_s : of each launched kernel [s]; pass_cycles : ramp-up of each pass through the level ``pass_level`` [1];
    inference_s : once per inference [s]."""

    kernel_s: float = 0.0
    pass_cycles: float = 0.0
    pass_level: str = ""
    inference_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Kernels:
    """The code of a CPU's inference library, see ``device.schema.Kernels``. Times in cycles [1] but call_s [s]."""

    outputs: int
    blocks: int
    rows: int
    columns: int
    reduction: int
    aligned: int
    latency_cycles: float
    loads_per_cycle: float
    window: int
    spare_share: float = 0.0
    cache_share: float = 1.0
    tile_cycles: float = 0.0
    result_cycles: float = 0.0
    call_s: float = 0.0
    run_cycles: float = 0.0


@dataclass(frozen=True, slots=True)
class Sparsity:
    """Three separate capabilities, by operand: zeros not stored, MACs not switched (energy), MACs skipped (cycles).

    structured : (kept, of), the pattern of pruned weights that runs ``structured_speedup`` times as fast (2:4), None without.
    encoding : how compressed operands are stored. lanes : that skip and wait for each other every ``sync_macs`` MACs [1] of each, zeros
    included; one waits for nobody. skip_efficiency : share of the skipping that other unevenness leaves [1].
    """

    compressed: frozenset[Operand] = frozenset()
    gated: frozenset[Operand] = frozenset()
    skipped: frozenset[Operand] = frozenset()
    structured: tuple[int, int] | None = None
    structured_speedup: float = 1.0
    encoding: Literal["bitmask", "run_length", "csr", "n_m"] = "bitmask"
    lanes: int = 1
    sync_macs: int = 1
    skip_efficiency: float = 1.0


@dataclass(frozen=True, slots=True)
class Host:
    """The link to the host. bandwidth [B/s], latency_s [s], energy [J/B]."""

    bandwidth: float | None = None
    latency_s: float = 0.0
    j_per_byte: float | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """One device. clock_hz [Hz]; memories : innermost first; area_mm2 and power figures are published ones, by name.

    sources : what each citation key means. quantities : value, unit and source of every number of the profile, by dotted key.
    qualities : how well a number is known (``measured``, ``datasheet``, ``secondary``, ``estimated``, ``fitted``, ...), intervals : the
    range it lies in, both by dotted key and in the unit of the key. algorithms : other ways to a product (``winograd_f2``, ...) that its
    software has. operating_points : names; operating_point : the one in force.
    """

    name: str
    kind: Kind
    description: str
    clock_hz: float
    array: Array
    precisions: tuple[Precision, ...]
    memories: tuple[Memory, ...]
    vector: Vector | None = None
    algorithms: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    dataflow: Dataflow = Dataflow()
    overheads: Overheads = Overheads()
    kernels: Kernels | None = None
    sparsity: Sparsity = Sparsity()
    host: Host | None = None
    node_nm: float | None = None
    voltage_v: float | None = None
    technology_family: str = ""
    area_mm2: Mapping[str, float] = field(default_factory=dict)
    power_w: Mapping[str, float] = field(default_factory=dict)
    static_w: float | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    quantities: Mapping[str, tuple[float, str, str]] = field(default_factory=dict)
    qualities: Mapping[str, str] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    operating_points: tuple[str, ...] = ()
    operating_point: str = ""
    pe_kernel: tuple[int, int] | None = None
    pe_bits: int | None = None
    sha256: str = ""
    path: str = ""
    notes: tuple[str, ...] = ()

    @property
    def standing_w(self) -> float | None:
        """Power that flows whenever the device is on [W], None where the profile does not say: leakage, or all of what idles if that is
        more.
        """
        leaks = [self.static_w, *(memory.leakage_w for memory in self.memories)]
        known = [leak for leak in leaks if leak is not None]
        idle = self.power_w.get("idle")
        if idle is None:
            return sum(known) if known else None
        return max(idle, sum(known))

    @property
    def off_chip(self) -> Memory | None:
        """The outermost level if it is off chip."""
        return self.memories[-1] if self.memories and self.memories[-1].off_chip else None
