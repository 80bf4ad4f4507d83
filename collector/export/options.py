"""How commands are told which values to write, and in which form."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from collector.export.files import FORMS

F = TypeVar("F", bound=Callable[..., Any])


def point_options(command: F) -> F:
    """Add --name and --place."""
    place = click.option("--place", default="*", help="Only this place, such as 'string1/module2/*'.")
    name = click.option(
        "--name", default="*", help="Only points of this name, such as cell_voltage or 'cell_*'."
    )
    return name(place(command))


def export_options(command: F) -> F:
    """Add --format, --name, --place and --output."""
    form = click.option("--format", "form", type=click.Choice([*FORMS]), default="csv", show_default=True)
    file = click.option(
        "--output",
        type=click.Path(path_type=Path),
        help="A new file; csv goes to standard output by default.",
    )
    return form(point_options(file(command)))
