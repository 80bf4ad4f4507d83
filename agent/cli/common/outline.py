"""The commands as a shell completes them: words and options out of a table, without importing what they need.

`scripts/manuals` writes the table; a test holds it against the commands themselves.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

TABLE = Path(__file__).with_name("outline.json")
#: What a parameter of this name takes, of those that agent.cli.common.completing knows.
KINDS = {"alarm": "alarm", "alarms": "alarm", "cause": "alarm", "unit": "unit", "units": "unit"}
PROFILE = ("--profile", "name", "first", "second")  # in commands that take profiles


def outline_of(command: click.Command, words: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a command's row of the table: its help, and its commands or parameters."""
    said = command.get_short_help_str(limit=100)
    params = [_param(param, words) for param in command.params if not getattr(param, "hidden", False)]
    row: dict[str, Any] = {"help": said, "params": params}
    if isinstance(command, click.Group):
        context = click.Context(command)
        found = {name: command.get_command(context, name) for name in command.list_commands(context)}
        row["commands"] = {name: outline_of(one, (*words, name)) for name, one in found.items() if one}
    return row


def _param(param: click.Parameter, words: tuple[str, ...]) -> dict[str, Any]:
    kind: str | list[str] | None = KINDS.get(param.name or "")
    if isinstance(param.type, click.Choice):
        kind = [str(choice) for choice in param.type.choices]
    elif isinstance(param.type, click.Path):
        kind = "file"
    elif words[:1] in (("profile",), ("probe",)) and {*param.opts} & {*PROFILE}:
        kind = "profile"
    row: dict[str, Any] = {"opts": param.opts, "kind": kind}
    if isinstance(param, click.Option):
        row |= {
            "flag": param.is_flag and not param.secondary_opts,
            "many": param.multiple,
            "help": param.help,
        }
    else:
        row |= {"argument": True, "many": param.nargs == -1}
    return row


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(TABLE.read_text())
    return table


def outlined(name: str) -> click.Command | None:
    """Return a command of `cellwarden` that can be completed, and not run."""
    row = _table()["commands"].get(name)
    return _command(name, row) if row else None


def _command(name: str, row: dict[str, Any]) -> click.Command:
    params = [_stub(param) for param in row["params"]]
    if "commands" in row:
        commands = {word: _command(word, of) for word, of in row["commands"].items()}
        return click.Group(name, commands, params=params, help=row["help"])
    return click.Command(name, params=params, help=row["help"])


def _stub(row: dict[str, Any]) -> click.Parameter:
    taken = _Known(row["kind"])
    if row.get("argument"):
        return click.Argument(row["opts"], nargs=-1 if row["many"] else 1, required=False, type=taken)
    if row["flag"]:
        return click.Option(row["opts"], is_flag=True, help=row["help"])
    return click.Option(row["opts"], multiple=row["many"], type=taken, help=row["help"])


class _Known(click.ParamType[str]):
    """A word of a kind; None: whatever is typed."""

    name = "text"

    def __init__(self, kind: str | list[str] | None) -> None:
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return it as it is."""
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Return the words that begin so."""
        from agent.cli.common.completing import words_of

        if self.kind == "file":
            return [CompletionItem(incomplete, type="file")]
        words = self.kind if isinstance(self.kind, list) else words_of(self.kind, ctx.params)
        return [CompletionItem(word) for word in words if word.startswith(incomplete)]
