"""The answers file of setup: what the dialogue would ask, said beforehand. Every mistake with its line."""

import difflib
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from agent.cli.common.errors import Misuse
from agent.cli.page.enable import EVERYWHERE, listen_problem
from agent.cli.profile.common import load as load_profile
from agent.config.file import KINDS
from agent.config.tables import UpstreamTable
from agent.config.toml_lines import Place, line_of
from agent.config.wrong import MISSING, printed, said
from agent.detect.limits import Chemistry
from agent.keys.values import ConfigTable, Line, Name, ReadContext, Whole
from agent.message import Message, joined
from agent.modbus.survey.presence import LineSetting
from agent.transport.row import Endpoint
from agent.transport.table import parse
from drivers.files import parse_toml, read_text

CANNOT = "CW-307"


def _beside(text: str, info: ValidationInfo) -> str:
    """Return a path that is relative to the answers file, absolute."""
    reading: ReadContext | None = info.context
    return str(reading.folder / text) if reading else text


class UnitAnswer(ConfigTable):
    """[[bus.unit]]: a unit that is to be polled. What is not said of it is found by asking it.

    name: as on its panel. chemistry: needed where its profile gives no limits of voltage. cells_per_block,
    commissioned: as in the [[unit]] of agent.toml.
    """

    unit_id: Annotated[int, Field(ge=0, le=255), Whole]
    name: Name | None = None
    profile: Line | None = None
    chemistry: Chemistry | None = None
    cells_per_block: Annotated[int, Field(ge=1, le=24), Whole] | None = None
    commissioned: date | None = None

    @field_validator("profile")
    @classmethod
    def _a_file_of_its_own(cls, text: str | None, info: ValidationInfo) -> str | None:
        return _beside(text, info) if text and text.endswith(".toml") else text

    def more(self) -> dict[str, Any]:
        """Return what is written into its [[unit]] as it is."""
        return self.model_dump(include={"cells_per_block", "commissioned"}, exclude_none=True)


class BusAnswer(ConfigTable):
    """[[bus]]: where units answer, written as for `cellwarden scan`.

    line: its setting, as 9600-8N1; found by trying where it is not said. unit: all that are to be polled
    there; those that a scan finds where none is said.
    """

    endpoint: Line
    line: Line | None = None
    unit: tuple[UnitAnswer, ...] = ()

    @field_validator("endpoint")
    @classmethod
    def _one_place(cls, text: str, info: ValidationInfo) -> str:
        here = _beside(text, info) if text.startswith(("./", "../")) else text
        place, *more = parse(here)
        if more:
            raise ValueError(Message("{given} is a network: name one host", given=repr(text)))
        return str(place)

    @field_validator("line")
    @classmethod
    def _a_setting(cls, text: str | None) -> str | None:
        return text and str(LineSetting.parse(text))

    @model_validator(mode="after")
    def _a_line_where_there_is_one(self) -> "BusAnswer":
        if self.line and not self.place.sets_line:
            raise ValueError(
                Message(
                    "line: it cannot be set from here for {endpoint}: take it out", endpoint=self.endpoint
                )
            )
        return self

    @property
    def place(self) -> Endpoint:
        """Where it is."""
        return parse(self.endpoint)[0]

    @property
    def setting(self) -> LineSetting | None:
        """Its line setting; None: not said."""
        return LineSetting.parse(self.line) if self.line else None


class WhoAnswer(ConfigTable):
    """[agent]: as in agent.toml."""

    id: Name | None = None
    site: Annotated[Line, Field(max_length=60)] | None = None


class PageAnswer(ConfigTable):
    """[page]: whether phones and desks of the network may open the page; as `cellwarden page enable`."""

    enable: bool = True
    listen: Line = EVERYWHERE
    names: tuple[Line, ...] = ()

    @field_validator("listen")
    @classmethod
    def _reached_by_others(cls, listen: str) -> str:
        if problem := listen_problem(listen):
            raise ValueError(problem)
        return listen


class Answers(ConfigTable):
    """The whole file. by: who commissions. upstream: as in agent.toml. page: left as it is if not said."""

    by: Line = ""
    agent: WhoAnswer = WhoAnswer()
    upstream: UpstreamTable
    bus: tuple[BusAnswer, ...]
    page: PageAnswer | None = None

    def upstream_keys(self) -> dict[str, Any]:
        """Return what is said of the upstream, as it is written: paths relative to agent.toml."""
        said = self.upstream.model_dump(include=self.upstream.model_fields_set)
        return {key: str(value) if isinstance(value, Path) else value for key, value in said.items()}


def read_answers(path: Path, folders: tuple[Path, ...] = ()) -> Answers:
    """Read and check an answers file. Raises Misuse with every mistake, its line and its key.

    folders: where profiles are looked for before the usual places.
    """
    try:
        text = read_text(path)
        content = parse_toml(text)
    except OSError as error:
        cannot = Message("{file}: cannot be read: {why}", file=path, why=error.strerror)
        raise Misuse(cannot, CANNOT) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misuse(Message("{file}: is not TOML: {why}", file=path, why=str(error)), CANNOT) from error
    problems: list[tuple[Place, str]] = []
    try:
        answers = Answers.model_validate(content, context=ReadContext(path.absolute().parent))
        problems += _between(answers, folders)
    except ValidationError as error:
        problems += [_worded(one) for one in error.errors()]
    if problems:
        told = ((line_of(text, place), _called(place), what) for place, what in problems)
        lines = (
            Message(
                "{file} line {n}: {where}: {what}. Nothing was changed.",
                file=str(path),
                n=line,
                where=where,
                what=what,
            )
            for line, where, what in told
        )
        raise Misuse(joined("\n", [printed(line, 1000) for line in lines]), CANNOT)
    return answers


def _between(answers: Answers, folders: tuple[Path, ...]) -> Iterator[tuple[Place, str]]:
    """Yield the mistakes that show only between tables."""
    names: set[str] = set()
    if not answers.bus:
        yield ("bus",), Message("at least one [[bus]] is needed")
    for at, bus in enumerate(answers.bus):
        if any(bus.place.is_port(str(other.place)) for other in answers.bus[:at]):
            yield ("bus", at, "endpoint"), Message("{what} stands there twice", what=bus.endpoint)
        stations: set[int] = set()
        for n, unit in enumerate(bus.unit):
            place: Place = ("bus", at, "unit", n)
            if unit.unit_id in stations:
                twice = Message("{id} stands there twice on this bus", id=unit.unit_id)
                yield (*place, "unit_id"), twice
            if unit.name in names:
                yield (*place, "name"), Message("{name} is another unit's already", name=repr(unit.name))
            try:
                if unit.profile:
                    load_profile(unit.profile, folders)
            except Misuse as error:
                yield (*place, "profile"), error.message.splitlines()[0]
            stations.add(unit.unit_id)
            names |= {unit.name} if unit.name else set()


def _called(place: Place) -> str:
    """Return a place as it is written: "[[bus.unit]] name"."""
    *outer, key = [part for part in place if isinstance(part, str)] or ["the file"]
    if any(isinstance(part, int) for part in place[:-1]):
        return f"[[{'.'.join(outer)}]] {key}"
    return f"[{'.'.join(outer)}] {key}" if outer else f"[[{key}]]" if len(place) > 1 else key


def _worded(error: Any) -> tuple[Place, str]:
    """Return the place of one of pydantic's errors, and what is wrong there."""
    place: Place = error["loc"]
    if error["type"] == "missing":
        return place, MISSING
    if error["type"] == "extra_forbidden":
        known = [*_table(place).model_fields]
        near = difflib.get_close_matches(str(place[-1]), known, n=1)
        unknown = Message("unknown key; known are {keys}", keys=", ".join(known))
        if near:
            unknown = Message("unknown key; did you mean {key}?", key=repr(near[0]))
        return place, unknown
    beyond, what = said(error, KINDS)
    return (*place, beyond) if beyond else place, what


def _table(place: Place) -> type[ConfigTable]:
    """Return the table that an unknown key stands in."""
    table: type[ConfigTable] = Answers
    for part in place[:-1]:
        if isinstance(part, str):
            of = table.model_fields[part].annotation
            table = next(
                one for one in (of, *get_args(of)) if isinstance(one, type) and issubclass(one, ConfigTable)
            )
    return table
