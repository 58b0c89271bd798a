"""Numbers as a profile writes them: bare or with a source, bounded, alone or by operand."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from hwsim.device.records import Operand

Quality = Literal["measured", "datasheet", "paper", "vendor", "secondary", "estimated", "fitted"]
OPERANDS: tuple[Operand, ...] = ("input", "weight", "output")
ALL = "input+weight+output"
#: Bounds of every number but 0: products of several of them stay numbers.
SMALLEST, LARGEST = 1e-18, 1e18


class Closed(BaseModel):
    """A mapping that has no keys but its own."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True)


def _not_tiny(value: float) -> float:
    if 0 < abs(value) < SMALLEST:
        raise PydanticCustomError("tiny", "must be 0 or at least 1e-18")
    return value


Bounded = Annotated[float, Field(allow_inf_nan=False, ge=-LARGEST, le=LARGEST), AfterValidator(_not_tiny)]


class Quantity(Closed):
    """A number with its source: a key of ``sources``, or ``estimated``, ``fitted``, ``arithmetic``."""

    value: Bounded
    source: str | None = None
    quality: Quality | None = None
    interval: Annotated[list[Bounded], Field(min_length=2, max_length=2)] | None = None
    note: str | None = None


def _wrap(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number", "must be a number, or {value: ..., source: ...}")
    return {"value": value}


def _bounded(least: float, most: float, what: str, whole: bool = False, above: bool = False) -> AfterValidator:
    def check(quantity: Quantity) -> Quantity:
        value = quantity.value
        if value < least or value > most or (above and value == least) or (whole and value != int(value)):
            raise PydanticCustomError("range", "must be {what}", {"what": what})
        return quantity

    return AfterValidator(check)


Number = Annotated[Quantity, BeforeValidator(_wrap, json_schema_input_type=float | Quantity)]
Positive = Annotated[Number, _bounded(0, LARGEST, "above 0", above=True)]
NonNegative = Annotated[Number, _bounded(0, LARGEST, "0 or more")]
Count = Annotated[Number, _bounded(1, 2**31, "a whole number from 1 to 2^31", whole=True)]
Share = Annotated[Number, _bounded(0, 1, "above 0 and at most 1", above=True)]


def _operand_set(key: str) -> str:
    names = key.split("+")
    if not set(names) <= set(OPERANDS) or len(set(names)) != len(names):
        raise PydanticCustomError("operands", "must be input, weight, output or several joined by +")
    return key


OperandSet = Annotated[str, AfterValidator(_operand_set)]


def _spread(value: Any) -> Any:
    return value if isinstance(value, dict) and "value" not in value else {ALL: value}


def _disjoint(value: dict[str, Any]) -> dict[str, Any]:
    names = [name for key in value for name in key.split("+")]
    if len(set(names)) != len(names):
        raise PydanticCustomError("operands", "names an operand twice")
    return value


def _json_input(number: Any) -> Any:
    return float | Quantity | dict[OperandSet, number]


PositiveByOperand = Annotated[
    dict[OperandSet, Positive], AfterValidator(_disjoint), BeforeValidator(_spread, json_schema_input_type=_json_input(Positive))
]  # fmt: skip
ByOperand = Annotated[
    dict[OperandSet, NonNegative], AfterValidator(_disjoint), BeforeValidator(_spread, json_schema_input_type=_json_input(NonNegative))
]  # fmt: skip
