"""Which buffer a command reads: the one that agent.toml names, or a file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.cli.common.errors import Finding, Misuse
from agent.cli.common.load import config_option
from agent.config.file import ConfigError, load_usable
from agent.message import Message, joined, told_by
from agent.store.reading import Buffer, BufferUnreadable
from collector.told import SaidOnce
from drivers.profile.problems import did_you_mean

F = TypeVar("F", bound=Callable[..., Any])


def buffer_options(command: F) -> F:
    """--config, or --buffer in its place."""
    option = click.option(
        "--buffer",
        "buffer_path",
        type=click.Path(path_type=Path),
        help="A buffer's file, in place of the one that the configuration names.",
    )
    return config_option(option(command))


def must_have(buffer: Buffer, unit: str | None) -> None:
    """Raise Finding where a unit is named of which the buffer has nothing, with the one that was meant."""
    known = [name for _, name, _ in buffer.units()]
    if unit is not None and unit not in known:
        names = ", ".join(known) or Message("none yet")
        there = did_you_mean(unit, known, Message("it has: {units}", units=names))
        what = Message("the buffer has nothing of a unit {unit}; {there}", unit=repr(unit), there=there)
        raise Finding(what, "CW-006")


@contextmanager
def reading(path: Path, buffer_path: Path | None, told: SaidOnce) -> Iterator[Buffer]:
    """Yield the buffer. Raises Misuse where it cannot be read. `told` takes a line for each damaged batch."""
    try:
        buffer = Buffer(buffer_path or load_usable(path).store.path, told)
    except ConfigError as error:
        or_else = Message("(or name the file itself: --buffer FILE)")
        raise Misuse(joined("\n", [told_by(error), or_else]), "CW-301") from error
    except BufferUnreadable as error:
        raise Misuse(str(error), "CW-604") from error
    try:
        yield buffer
    except BufferUnreadable as error:
        raise Misuse(str(error), "CW-604") from error
    finally:
        buffer.close()
