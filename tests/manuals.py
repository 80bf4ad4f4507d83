"""Manual pages, the table of completion and the API's description, out of what they describe.

`scripts/manuals` runs it.
"""

import inspect
import json
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import click

from agent.cli import main as agent
from agent.cli.common.outline import TABLE, outline_of
from collector.cli import main as collector
from collector.questions.openapi import description
from hil.cli import main as hil

PROGRAMS = {"cellwarden": agent, "cellwarden-collector": collector, "cellwarden-hil": hil}
OPENAPI = Path("docs/openapi.json")
EXIT = (
    "0 good, 1 a finding, 2 usage or configuration, 3 unreachable, 4 port busy."
    " Every error begins with a code, which docs/field-guide.md explains."
)


def table() -> str:
    """Return the table of completion as the file has it."""
    return json.dumps(outline_of(agent), indent=1, sort_keys=True) + "\n"


def openapi() -> str:
    """Return the HTTP API's description as the file has it."""
    return json.dumps(description(), indent=1) + "\n"


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every manual page, in roff."""
    for name, program in PROGRAMS.items():
        yield from _pages(program, click.Context(program, info_name=name))


def _pages(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    name = context.command_path.replace(" ", "-")
    below = {}
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            found = command.get_command(context, word)
            if found and not found.hidden:
                below[word] = found
    yield f"{name}.1", "\n".join(_page(name, command, context, below)) + "\n"
    for word, found in below.items():
        yield from _pages(found, click.Context(found, info_name=word, parent=context))


def _page(
    name: str, command: click.Command, context: click.Context, below: dict[str, click.Command]
) -> Iterator[str]:
    version = metadata.version("cellwarden")
    yield f'.TH {_roff(name.upper())} 1 "" "cellwarden {_roff(version)}" "cellwarden"'
    yield ".ad l"
    yield ".SH NAME"
    yield f"{_roff(name)} \\- {_roff(command.get_short_help_str(limit=100).rstrip('.'))}"
    yield ".SH SYNOPSIS"
    yield f".B {_roff(context.command_path)}"
    yield _roff(" ".join(command.collect_usage_pieces(context)))
    yield ".SH DESCRIPTION"
    yield from _text(inspect.cleandoc(command.help or ""))
    if below:
        yield ".SH COMMANDS"
        for word, found in below.items():
            yield from (
                ".TP",
                f".BR {_roff(f'{name}-{word}')} (1)",
                _roff(found.get_short_help_str(limit=100)),
            )
    yield ".SH OPTIONS"
    for param in command.get_params(context):
        if record := param.get_help_record(context):
            yield from (".TP", f".B {_roff(record[0])}", _roff(record[1] or "."))
    yield from (".SH EXIT STATUS", _roff(EXIT))
    if context.parent:
        above = context.parent.command_path.replace(" ", "-")
        yield from (".SH SEE ALSO", f".BR {_roff(above)} (1)")


def _text(help_text: str) -> Iterator[str]:
    """Set paragraphs; one that begins with \\b stays as it is, line by line."""
    for number, paragraph in enumerate(help_text.split("\n\n")):
        if paragraph.startswith("\b\n"):
            yield from (".PP", ".nf", *map(_roff, paragraph[2:].split("\n")), ".fi")
        else:
            yield from ((".PP",) if number else ())
            yield _roff(" ".join(paragraph.split()))


def _roff(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{text}" if text.startswith(".") else text


def write(folder: Path) -> int:
    """Write the pages into a folder, table and description; return how many pages."""
    folder.mkdir(parents=True, exist_ok=True)
    TABLE.write_text(table())
    OPENAPI.write_text(openapi())
    found = dict(pages())
    for name, text in found.items():
        (folder / name).write_text(text)
    return len(found)


if __name__ == "__main__":
    where = Path(sys.argv[1] if len(sys.argv) > 1 else "man")
    print(f"{write(where)} pages in {where}/, {TABLE} and {OPENAPI}")
