"""Which buffer a command reads: the one that agent.toml names, or a file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.cli.common.errors import Misuse
from agent.cli.common.load import config_option
from agent.config.file import ConfigError, load_usable
from agent.store.reading import Buffer, BufferUnreadable
from collector.told import SaidOnce

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


@contextmanager
def reading(path: Path, buffer_path: Path | None, told: SaidOnce) -> Iterator[Buffer]:
    """Yield the buffer. Raises Misuse where it cannot be read. `told` takes a line for each damaged batch."""
    try:
        buffer = Buffer(buffer_path or load_usable(path).store.path, told)
    except ConfigError as error:
        raise Misuse(f"{error}\n(or name the file itself: --buffer FILE)", "CW-301") from error
    except BufferUnreadable as error:
        raise Misuse(str(error), "CW-604") from error
    try:
        yield buffer
    except BufferUnreadable as error:
        raise Misuse(str(error), "CW-604") from error
    finally:
        buffer.close()
