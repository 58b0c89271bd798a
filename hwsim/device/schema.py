"""The shape of a profile: closed pydantic models of the YAML. The unit of a number is in its key; nothing is converted here."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from hwsim.device.published import Area, Host, Power
from hwsim.device.quantity import (
    OPERANDS,
    ByOperand,
    Closed,
    Count,
    NonNegative,
    Positive,
    PositiveByOperand,
    Quality,
    Share,
)
from hwsim.device.records import Keep, Kind, Operand, Topology
from hwsim.device.section import Dtype, Name, Section
from hwsim.device.software import Kernels, Overheads

Dim = Literal["N", "G", "K", "C", "Q", "P", "S", "R"]
#: Those of ``workload.classes``, a room that this one does not import; a test holds them together.
WorkClass = Literal[
    "gemv", "matrix", "batched", "depthwise", "grouped", "pointwise", "stem", "window_3x3", "strided_3x3", "window"
]  # fmt: skip
MemoryType = Literal[
    "register", "regfile", "sram", "cache", "edram", "flash", "host",
    "ddr3", "ddr4", "ddr5", "lpddr", "lpddr2", "lpddr3", "lpddr4", "lpddr4x", "lpddr5",
    "gddr5", "gddr6", "gddr6x", "hbm", "hbm2", "hbm2e", "hbm3", "hbm3e",
]  # fmt: skip
Per = Literal["pe", "sm", "row", "column", "core", "chip"]

Factor = Annotated[int, Field(ge=1, le=2**31)]
FactorOrRest = Annotated[int, Field(ge=0, le=2**31)]


class Technology(Section):
    """Process. family : whose energy and area tables estimates come from."""

    node_nm: Positive | None = None
    voltage_v: Positive | None = None
    threshold_v: Positive | None = None
    process: str = ""
    family: str = ""


class Grid(Section):
    """Instances along both axes."""

    x: Count
    y: Count


class Precision(Section):
    """MACs of one PE in a cycle for one pair of operand types; peak_tops : the published peak of the device, for checking.

    by_class : share of the peak that single classes of work attain, others attain ``efficiency``. padded : multiples to which the
    device's code fills up dims of a nest. serial : the operand that units take a bit a cycle.
    """

    name: Name | None = None
    input: Dtype
    weight: Dtype
    accumulate: Dtype | None = None
    macs_per_pe_per_cycle: Positive
    mac_pj: NonNegative | None = None
    tile: Annotated[list[Factor], Field(min_length=3, max_length=3)] | None = None
    efficiency: Share | None = None
    by_class: dict[WorkClass, Share] = Field(default_factory=dict)
    padded: dict[Dim, Factor] = Field(default_factory=dict)
    serial: Literal["input", "weight"] | None = None
    peak_tops: Positive | None = None


class Vector(Section):
    """Elementwise unit of the whole chip; by_function : operations per cycle of single functions."""

    ops_per_cycle: Positive
    by_function: dict[Name, Positive] = Field(default_factory=dict)
    op_pj: NonNegative | None = None


Algorithm = Literal["winograd_f2", "winograd_f4", "strassen"]


class Compute(Section):
    """PEs, what each does in a cycle, and the vector unit. algorithms : other ways to a product that its software has."""

    pe_array: Grid | None = None
    cores: Count | None = None
    precisions: Annotated[list[Precision], Field(min_length=1)] | None = None
    vector: Vector | None = None
    algorithms: list[Algorithm] | None = None


class Ports(Section):
    """Ports of one instance, each ``width_bits`` wide."""

    read: Count | None = None
    write: Count | None = None
    shared: Count | None = None


def _keeps(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if not all(isinstance(name, str) for name in value) or not set(value) <= set(OPERANDS):
        raise PydanticCustomError("operands", "must list input, weight, output, or map them to always, never, free")
    return {name: "always" if name in value else "never" for name in OPERANDS}


KeepsField = Annotated[
    dict[Operand, Keep], BeforeValidator(_keeps, json_schema_input_type=list[Operand] | dict[Operand, Keep])
]


class Memory(Section):
    """One level; figures are of one instance.

    by_operand : share of the bandwidth that single operands attain, others attain ``efficiency``. kernel_start_us, product_start_us : what
    a kernel, and one of products, loses whose code and bookkeeping come from this level.
    """

    name: Name
    type: MemoryType | None = None
    per: Per | None = None
    mesh: Grid | None = None
    capacity_bytes: PositiveByOperand | None = None
    capacity_kib: PositiveByOperand | None = None
    capacity_mib: PositiveByOperand | None = None
    capacity_gib: PositiveByOperand | None = None
    keeps: KeepsField | None = None
    retains: list[Operand] = Field(default_factory=list)
    off_chip: bool = False
    buffering: Count | None = None
    ports: Ports | None = None
    width_bits: Count | None = None
    banks: Count | None = None
    block_bytes: Count | None = None
    bytes_per_cycle: Positive | None = None
    read_bytes_per_cycle: Positive | None = None
    write_bytes_per_cycle: Positive | None = None
    bandwidth_gb_per_s: Positive | None = None
    bandwidth_gbit_per_s: Positive | None = None
    read_gb_per_s: Positive | None = None
    write_gb_per_s: Positive | None = None
    setup_cycles: NonNegative | None = None
    kernel_start_us: NonNegative | None = None
    product_start_us: NonNegative | None = None
    efficiency: Share | None = None
    by_operand: dict[Operand, Share] = Field(default_factory=dict)
    overlapped: bool = True
    pj_per_byte: ByOperand | None = None
    pj_per_bit: ByOperand | None = None
    read_pj_per_byte: ByOperand | None = None
    read_pj_per_bit: ByOperand | None = None
    write_pj_per_byte: ByOperand | None = None
    write_pj_per_bit: ByOperand | None = None
    leakage_mw: NonNegative | None = None


class Network(Section):
    """Wires between an outer level and the one inside of it. topology : how far a word goes on them."""

    name: Name | None = None
    between: Annotated[list[Name], Field(min_length=2, max_length=2)]
    bytes_per_cycle: PositiveByOperand | None = None
    multicast: bool = True
    reduce: bool = True
    hop_pj_per_byte: NonNegative | None = None
    hop_pj_per_bit: NonNegative | None = None
    topology: Topology = "mesh"


class Temporal(Section):
    """Loops at a level: innermost dims in order, exact factors (0: all that is left), largest factors."""

    order_inner_to_outer: list[Dim] = Field(default_factory=list)
    fixed: dict[Dim, FactorOrRest] = Field(default_factory=dict)
    at_most: dict[Dim, Factor] = Field(default_factory=dict)


class Spatial(Section):
    """Dims that may be spread over the children of a level, by mesh axis; none named: none spread."""

    x: list[Dim] | None = None
    y: list[Dim] | None = None
    fixed: dict[Dim, FactorOrRest] = Field(default_factory=dict)
    at_most: dict[Dim, Factor] = Field(default_factory=dict)


class LevelDataflow(Section):
    """Constraints at one level."""

    temporal: Temporal | None = None
    spatial: Spatial | None = None


class Dataflow(Section):
    """Constraints on the mapping space: its own keys, and one per level. spatial : for every level that gives none itself.

    fusion : whether chains of layers may run depth first, and what becomes of the rows that neighbouring tiles share (simulate only).
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow", frozen=True, strict=True)
    __pydantic_extra__: dict[str, LevelDataflow]

    stationary: Operand | None = None
    fusion: Literal["cache", "recompute", "any"] | None = None
    min_utilization: Share | None = None
    spatial: Spatial | None = None


class Structured(Section):
    """A pattern of pruned weights, ``kept`` of every ``of``, that runs ``speedup`` times as fast."""

    kept: Count
    of: Count
    speedup: Positive


class Sparsity(Section):
    """Operands whose zeros are not stored, not switched, not computed.

    encoding : how compressed operands are stored. lanes, sync_macs : lanes that skip zeros by themselves, and MACs of each, zeros
    included, after which all wait for the last. skip_efficiency : share of the skipping that other unevenness leaves.
    """

    compressed: list[Operand] = Field(default_factory=list)
    gated: list[Operand] = Field(default_factory=list)
    skipped: list[Operand] = Field(default_factory=list)
    structured: Structured | None = None
    encoding: Literal["bitmask", "run_length", "csr", "n_m"] = "bitmask"
    lanes: Count | None = None
    sync_macs: Count | None = None
    skip_efficiency: Share | None = None

    @model_validator(mode="after")
    def _both(self) -> Sparsity:
        if (self.lanes is None) != (self.sync_macs is None):
            raise ValueError("lanes and sync_macs go together")
        return self


class OperatingPoint(Section):
    """A voltage and clock to choose by name. set : any other fields, by dotted key."""

    name: Name
    voltage_v: Positive | None = None
    clock_mhz: Positive | None = None
    set: dict[str, float | int | str | bool] = Field(default_factory=dict)


def _kernel(value: Any) -> Any:
    """``3x3`` as [3, 3]."""
    match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", value) if isinstance(value, str) else None
    return [int(match[1]), int(match[2])] if match else value


class Pe(Section):
    """HCM's parametric PE: a kernel of multipliers (``[3, 3]`` or ``3x3``) and their adder tree; an area budget gives their number."""

    kernel: Annotated[
        list[Factor],
        Field(min_length=2, max_length=2),
        BeforeValidator(_kernel, json_schema_input_type=list[Factor] | str),
    ]
    bits: Count
    area_fit: Literal["quadratic", "linear"] = "quadratic"


class SourceText(Closed):
    """What a citation key means."""

    text: str
    quality: Quality | None = None


def _source_text(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class Profile(Section):
    """A device file."""

    name: Name
    kind: Kind
    description: str
    extends: str | None = None
    sources: dict[
        Name, Annotated[SourceText, BeforeValidator(_source_text, json_schema_input_type=str | SourceText)]
    ] = Field(default_factory=dict)
    default_source: str | None = None
    notes: list[str] = Field(default_factory=list)
    technology: Technology | None = None
    clock_mhz: Positive
    compute: Compute = Field(default_factory=Compute)
    memory: Annotated[list[Memory], Field(min_length=1)]
    network: list[Network] = Field(default_factory=list)
    dataflow: Dataflow | None = None
    overheads: Overheads | None = None
    kernels: Kernels | None = None
    sparsity: Sparsity | None = None
    host: Host | None = None
    area: Area | None = None
    power: Power | None = None
    operating_points: list[OperatingPoint] = Field(default_factory=list)
    operating_point: Name | None = None
    pe: Pe | None = None
    area_budget_mm2: Positive | None = None
