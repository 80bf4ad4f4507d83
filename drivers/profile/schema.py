"""The profile format: pydantic models of what may stand in a profile's TOML.

Most points need `name`, `address`, `type`, `scale` and `unit`; whatever is not said on a point is taken from
the profile, then from the defaults here. The JSON Schema for editors is `Profile.model_json_schema()`.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.fields import FieldInfo

from drivers.address import Notation
from drivers.profile.newly import LEFT_OUT, MOST, NUMERIC, Instead, newly, number, open_or_finite
from drivers.quantities import LEVELS, QUANTITIES, UNITS, Poll, Severity
from drivers.registers import Area
from drivers.text import escaped

_TYPE = r"^(?:(u|i|sm|bcd)(\d+)|f32|f64|bool|ascii)$"
#: The usual ones, for hints.
TYPES = ["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "u8", "i8", "bool", "ascii", "bcd16"]


_JUDGED = "of several points of one quantity at one place, the one that limits and detectors judge"


def _known_unit(unit: str) -> str:
    if unit not in UNITS:
        raise ValueError(f'unit "{unit}" is not known')
    return unit


def _known_quantity(quantity: str) -> str:
    if quantity and quantity not in QUANTITIES:
        raise ValueError(f'quantity "{quantity}" is not known')
    return quantity


def _known_type(name: str) -> str:
    match = re.fullmatch(_TYPE, name)
    if not match or not 1 <= int(match[2] or 1) <= 64:
        raise ValueError(f'type "{name}" is not known')
    return name


def _place(text: str) -> str:
    for segment in text.split("/") if text else ():
        match = re.fullmatch(r"([a-z]+)([1-9]\d*)?", segment)
        if not match or match[1] not in LEVELS:
            raise ValueError(
                f'place "{text}": "{segment}" is not a level ({", ".join(LEVELS)}), numbered or not'
            )
    return text


def _scale(written: Any) -> Any:
    """Numbers, "1/32" and "2^-5"."""
    if isinstance(written, str):
        with suppress(ArithmeticError):
            if match := re.fullmatch(r"\s*([0-9.]+)\s*/\s*([0-9.]+)\s*", written):
                return float(match[1]) / float(match[2])
            if match := re.fullmatch(r"\s*(2|10)\s*\^\s*([+-]?\d+)\s*", written):
                return float(match[1]) ** int(match[2])
        raise ValueError(f'scale "{written}" is neither a number nor "1/32" nor "2^-5"')
    if written is True:  # false is 0, which no scale can be
        raise newly("scale true is no number", Instead(1))
    return written


def _usable_scale(scale: float) -> float:
    if not math.isfinite(scale) or scale == 0:
        raise ValueError(f"scale {scale} would make every value the same")
    if not 1 / MOST <= abs(scale) <= MOST:
        raise newly(f"scale {scale} makes numbers of every value that no battery has", LEFT_OUT)
    return scale


def _ordered(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    if not pair[0] <= pair[1]:
        raise ValueError(f"the first of {list(pair)} must not be above the second")
    return pair


def _one_or_many(written: Any) -> Any:
    return written if isinstance(written, list | tuple) else [written]


def _meaning(written: Any) -> Any:
    return {"text": written} if isinstance(written, str) else written


def _before(convert: Callable[[Any], Any], written: Any) -> BeforeValidator:
    """Convert what may stand in a file, of the types `written`, which the JSON Schema tells editors."""
    return BeforeValidator(convert, json_schema_input_type=written)


def _words(known: Iterable[str], **more: Any) -> FieldInfo:
    """Tell editors which words there are; the validators say it better."""
    return Field(json_schema_extra={"enum": list(known), **more})  # type: ignore[no-any-return]


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise newly(f"{text!r} has characters in it that are not printable", Instead(escaped(text)))
    return text


class Strict(BaseModel):
    """Unknown keys fail; nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Unit = Annotated[str, AfterValidator(_known_unit), _words(UNITS)]
QuantityName = Annotated[str, AfterValidator(_known_quantity), _words(["", *QUANTITIES])]
TypeName = Annotated[
    str, AfterValidator(_known_type), Field(json_schema_extra={"pattern": _TYPE, "examples": TYPES})
]
Label = Annotated[str, AfterValidator(_one_line)]
PlaceTemplate = Annotated[str, AfterValidator(_place)]
Whole = Annotated[int, number(-(2**64), 2**64, LEFT_OUT)]
Scale = Annotated[float, _before(_scale, float | str), AfterValidator(_usable_scale)]
Milliseconds = Annotated[float, Field(gt=0), number(1e-3, 60_000)]
Pause = Annotated[float, Field(ge=0), number(0, 60_000)]
# JSON has no infinity, and the canonical form that is hashed is JSON
_IN_JSON = PlainSerializer(lambda x: x if math.isfinite(x) else str(x), when_used="json")
Number = Annotated[float, NUMERIC, _IN_JSON]
Range = Annotated[tuple[Number, Number], AfterValidator(_ordered), AfterValidator(open_or_finite)]
Int = Annotated[int, NUMERIC]
IntOrText = Annotated[int | str, NUMERIC]
SpanText = Annotated[tuple[IntOrText, IntOrText], Field(description="first and last address, both included")]
End = Annotated[int | float | str, NUMERIC]
Order = Literal["big", "little"]
Missing = Annotated[tuple[Int | Number, ...], _before(_one_or_many, int | float | list[int | float])]
Many = Annotated[tuple[Whole, ...], _before(_one_or_many, int | list[int])]
Count = Annotated[int, Field(ge=1, le=65536), number()]
Text = Annotated[tuple[IntOrText, ...], _before(_one_or_many, str | int | list[str | int])]


class MeaningEntry(Strict):
    """What a bit or a number says: a text, or a text with severity and the level that means it."""

    text: Label
    severity: Severity | None = None
    active: Annotated[Literal[0, 1], NUMERIC] = 1


Meanings = dict[int, Annotated[MeaningEntry, _before(_meaning, str | MeaningEntry)]]


class Tiers(Strict):
    """[low, high] per tier, innermost first; `inf` where a side is open."""

    operating: Range | None = None
    recommended: Range | None = None
    safety: Range | None = None


class Topology(Strict):
    """How many of each there are inside one of the level above; what is not said does not exist."""

    racks: Count | None = None
    strings: Count | None = None
    modules: Count | None = None
    cells: Count | None = None
    sensors: Count | None = None


class Serial(Strict):
    """Line settings to start from; the agent's configuration overrides them."""

    baud: Annotated[int, Field(ge=300, le=4_000_000), number()] = 9600
    parity: Literal["N", "E", "O"] = "N"
    data_bits: Annotated[Literal[7, 8], number()] = Field(
        8, json_schema_extra={"enum": [8]}
    )  # 7 is refused by `plausible`
    stop_bits: Annotated[Literal[1, 2], number()] = 1
    timeout_ms: Milliseconds = 1000
    settle_s: Annotated[
        float, Field(ge=0, description="after opening the port, before frames are clean"), number(0, 600)
    ] = 0
    inter_byte_s: (
        Annotated[float, Field(ge=0, description="how long a frame may pause"), number(0, 600)] | None
    ) = None


class Tcp(Strict):
    """Modbus TCP settings to start from."""

    port: Annotated[int, Field(ge=1, le=65535), number()] = 502
    timeout_ms: Milliseconds = 2000
    settle_s: Annotated[
        float, Field(ge=0, description="after connecting, before anything is asked"), number(0, 600)
    ] = 0


class Defaults(Strict):
    """What a profile may say for all its points and a point for itself."""

    table: Area | None = Field(None, description="holding unless said otherwise")
    addressing: Notation | None = None
    word_order: Order | None = None
    byte_order: Order | None = None
    pause_ms: Annotated[Pause | None, Field(description="silence to keep before the next request")] = None
    per_instance: Whole | None = Field(
        None, description="added to the address for each further unit of a gateway"
    )


class Group(Strict):
    """Points that repeat together: piles, modules behind further unit ids."""

    name: Name
    level: Annotated[PlaceTemplate, Field(pattern=r"^[a-z]+\d*$")]
    count: Count | Name
    max_count: Count | None = None
    address: IntOrText | None = Field(None, description="if said, the points' addresses count from here")
    stride: Whole = 0
    unit_stride: Whole = 0
    first: Whole = Field(1, description="number of the first in the place")
    group: Name | None = None
    forbidden: tuple[SpanText, ...] = ()
    note: str = ""


class Expectation(Strict):
    """What an identity point must say before anything of the unit is believed."""

    expect: Text | None = Field(None, description="one text or number, or a list of them")
    expect_match: str | None = Field(None, description="a regular expression for a text")
    expect_range: tuple[End, End] | None = Field(
        None, description='first and last number, or version: ["1.2", "2.10"]'
    )


class Point(Defaults, Expectation):
    """One line of the datasheet's table."""

    name: Name
    address: IntOrText | Annotated[tuple[IntOrText, ...], Field(min_length=1)]
    type: TypeName | None = Field(
        None, description="u16 unless said otherwise; bool in coils and discrete inputs"
    )
    function: Annotated[Literal[1, 2, 3, 4], NUMERIC] | None = Field(
        None, description="another way to say the table"
    )
    registers: Count | None = Field(None, description="how many make the number, if not what the type needs")
    bits: Annotated[tuple[Whole, Whole], AfterValidator(_ordered)] | None = Field(
        None, description="first and last bit of the number, 0 = least significant"
    )
    count: Annotated[tuple[Count | Name, ...], _before(_one_or_many, int | str | list[int | str])] | None = (
        None
    )
    max_count: Count | None = None
    stride: Many | None = None
    unit_stride: Many = (0,)
    bit_stride: Many = (0,)
    unit_offset: Whole = 0
    first: Whole = Field(1, description="number of the first in the place")
    place: PlaceTemplate | None = None
    group: Name | None = None
    scale: Scale = 1.0
    scale_factor: Name | None = Field(None, description="the point that holds the exponent of ten")
    raw_offset: Whole = Field(0, description="added before the scale")
    offset: Annotated[float, number(otherwise=LEFT_OUT)] = Field(
        0.0, description="added after the scale, in `unit`"
    )
    unit: Unit = ""
    missing: Missing | None = None
    valid: Range | None = None
    limits: Tiers | None = None
    quantity: QuantityName | None = None
    poll: Poll | None = None
    judged: bool = Field(False, description=_JUDGED)
    severity: Severity = Severity.WARNING
    alarms: Meanings = {}
    unnamed: Severity | None = Field(None, description="bits that alarms and flags leave out are alarms too")
    flags: Meanings = {}
    values: Meanings = {}
    changes_within_s: Annotated[float, Field(gt=0), number(1e-3, 1e8)] | None = None
    note: str = ""


class SunSpecPoint(Expectation):
    """What a SunSpec point is called here; everything else stands in the published model."""

    name: Name
    scale: Scale = 1.0
    quantity: QuantityName | None = None
    poll: Poll | None = None
    judged: bool = Field(False, description=_JUDGED)
    valid: Range | None = None
    limits: Tiers | None = None
    changes_within_s: Annotated[float, Field(gt=0), number(1e-3, 1e8)] | None = None


class SunSpecModel(Strict):
    """Which points of one model are polled, and where they are."""

    place: str = Field(
        "", description='"string{StrIdx}/module{ModIdx}": numbers from the model\'s own points'
    )
    repeat: Literal["", "string", "module", "cell"] = Field("", description="level of its repeating group")
    points: dict[
        str,
        Annotated[
            SunSpecPoint,
            _before(lambda x: {"name": x} if isinstance(x, str) else x, str | SunSpecPoint),
        ],
    ]


class SunSpec(Strict):
    """A unit that describes itself. Models stand by precedence: a value told twice comes from the first."""

    bases: tuple[Int, ...] = (40000, 0, 50000)
    models: dict[int, SunSpecModel]


class Profile(Defaults):
    """A whole profile as written, after `extends` was resolved."""

    schema_: Annotated[Literal[1], number()] = Field(alias="schema", description="version of this format")
    model: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    title: Label = ""
    source: str = Field("", description="where the facts were read")
    verified: tuple[str, ...] = Field((), description="what was tried, on what")
    unverified: tuple[str, ...] = Field((), description="what nobody has checked")
    transports: Annotated[tuple[Literal["rtu", "tcp"], ...], Field(min_length=1)] = ("rtu", "tcp")
    unit_id: Annotated[int, Field(ge=0, le=255), number()] = 1
    address_step: Annotated[int, Field(ge=1, le=2), number()] = 1
    max_registers_per_read: Int | dict[Area, Int] = {}
    gaps: Literal["readable", "forbidden"] = "readable"
    forbidden: dict[Area, tuple[SpanText, ...]] | tuple[SpanText, ...] = ()
    islands: dict[Area, tuple[SpanText, ...]] | tuple[SpanText, ...] = ()
    topology: Topology = Topology()
    serial: Serial = Serial()
    tcp: Tcp = Tcp()
    missing: dict[TypeName, Missing] = {}
    limits: dict[QuantityName, Tiers] = {}
    group: tuple[Group, ...] = ()
    point: tuple[Point, ...] = ()
    sunspec: SunSpec | None = None

    @cached_property
    def hash(self) -> bytes:
        """16 bytes that name this content, however its TOML is laid out."""
        content = json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True)
        return hashlib.blake2b(content.encode(), digest_size=16).digest()

    def __hash__(self) -> int:
        return hash(self.hash)

    def max_count(self, area: Area) -> int:
        """Most addresses of `area` that one read may ask for."""
        largest = 2000 if area in (Area.COIL, Area.DISCRETE) else 125
        if isinstance(self.max_registers_per_read, dict):
            return self.max_registers_per_read.get(area, largest)
        return self.max_registers_per_read if largest == 125 else largest


class ProfileFile(Profile):
    """A profile as it stands in its file: it may be another one with differences."""

    extends: str | None = Field(None, description="the profile this one differs from")
    remove: tuple[Name, ...] = Field((), description="points of that profile which this one does not have")
