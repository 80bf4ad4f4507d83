"""What the value of a key in agent.toml may be: names, files, bounded numbers; and what a table is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, WrapValidator

from agent.message import Message, joined
from agent.wire.hosts import host_problem, plain, url_problem
from drivers.profile.newly import AS_IS, newly, number


@dataclass(frozen=True, slots=True)
class ReadContext:
    """How a file is read: the folder that its relative paths begin in, and texts that are wrong and taken
    all the same (`drivers.profile.newly.AS_IS`).
    """

    folder: Path
    as_is: frozenset[str] = frozenset()


def _text(wrong: Callable[[str], str]) -> WrapValidator:
    """Return a validator of a text of which `wrong` says what is wrong, or ""."""

    def check(written: Any, validate: Callable[[Any], Any], info: ValidationInfo) -> Any:
        value = validate(written)
        reading: ReadContext | None = info.context
        known = not isinstance(written, str) or (reading is not None and written in reading.as_is)
        if not known and (problem := wrong(written)):
            raise newly(joined(" ", [repr(written), problem]), AS_IS)
        return value

    return WrapValidator(check)


def _line_problem(text: str) -> str:
    return "" if text.isprintable() else Message("has characters in it that are not printable: take them out")


def _path_problem(text: str) -> str:
    if not text:
        return Message("is empty: write the path of a file, or take the key out")
    if "://" in text:
        return Message("is a URL, and a path of this machine is wanted")
    return _line_problem(text)


def _device_problem(text: str) -> str:
    if "://" in text:
        return Message(
            'is a URL: write a path such as /dev/ttyUSB0, or transport = "tcp", "rtu-over-tcp" (for socket://)'
            ' or "rfc2217", with host and port'
        )
    return _path_problem(text)


def _url_problem(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""  # it was no URL before either
    return url_problem(url) if parts.scheme in ("http", "https") and parts.hostname else ""


def _within_folder(path: Path, info: ValidationInfo) -> Path:
    reading: ReadContext | None = info.context
    return reading.folder / path if reading else path


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
# relative to the folder of the file, not to wherever the agent was started
_Path = Annotated[Path, AfterValidator(_within_folder)]
File = Annotated[_Path, _text(_path_problem)]
Device = Annotated[_Path, _text(_device_problem)]
Line = Annotated[str, _text(_line_problem)]
Host = Annotated[str, AfterValidator(plain), _text(host_problem)]
Url = Annotated[str, _text(_url_problem)]
Whole = number()  # of an int that is bounded already: neither a text nor a truth value
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=1, le=65535), Whole]
Milliseconds = Annotated[float, Field(ge=0, le=60_000), number()]
Settle = Annotated[float, Field(ge=0, le=600), number()]
Delay = Annotated[float, Field(ge=0), number(0, 86_400)]
Amperes = Annotated[float, Field(gt=0), number(1e-3, 1e6)]


class ConfigTable(BaseModel):
    """A table of agent.toml: unknown keys are mistakes, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RoomOutput(ConfigTable):
    """The table of an output that tells a real room: simulated time refuses it."""
