"""How commands fail: each with a code; with --json one object. What they print for programs is described."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from agent.cli import main as agent
from agent.cli.common.codes import CODES
from collector.cli import main as collector

ROOT = Path(__file__).parents[1]
FAILING = [
    (agent, ["statsu"], "CW-001"),
    (agent, ["status", "--sokcet", "x"], "CW-001"),
    (agent, ["alarm", "ack"], "CW-001"),
    (agent, ["status", "--socket", "/nowhere/control.sock"], "CW-401"),
    (agent, ["check", "--config", "/nowhere/agent.toml"], "CW-301"),
    (agent, ["check", "--config", "/nowhere/agent.toml", "--json"], "CW-301"),
    (agent, ["profile", "show", "no-such-profile"], "CW-304"),
    (agent, ["query", "latest", "--buffer", "/nowhere/buffer.db", "--json"], "CW-604"),
    (agent, ["alarm", "test", "--socket", "/nowhere/control.sock", "--json"], "CW-401"),
    (agent, ["report", "intervals", "--config", "/nowhere/agent.toml", "--json"], "CW-301"),
    (agent, ["enroll", "--config", "/nowhere/agent.toml", "--json"], "CW-301"),
    (agent, ["setup", "--json"], "CW-310"),
    (collector, ["audit", "--sink", "sqlite:/nowhere/c.db", "--json"], "CW-511"),
    (collector, ["serve", "--sink", "nonsense"], "CW-001"),
    (collector, ["conform"], "CW-001"),
]


@pytest.mark.parametrize(("group", "arguments", "code"), FAILING, ids=lambda v: "" if callable(v) else str(v))
def test_an_error_begins_with_its_code_and_is_an_object_for_programs(
    group: click.Group, arguments: list[str], code: str
) -> None:
    result = CliRunner().invoke(group, arguments)
    assert re.search(rf"^{code} \S", result.stderr, re.MULTILINE), result.stderr
    assert not re.search(r"^Error", result.stderr, re.MULTILINE)
    assert result.exit_code in (1, 2, 3)
    if "--json" in arguments:
        error = json.loads(result.stdout)["error"]
        assert error["code"] == code
        assert error["what"] in result.stderr
        assert set(error) == {"code", "what", "likely", "run"}
    else:
        assert result.stdout == ""


def test_no_command_fails_without_a_code() -> None:
    """A plain ClickException, or text given to sys.exit, would have none."""
    bare = []
    for path in [*(ROOT / "agent/cli").rglob("*.py"), *(ROOT / "collector").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            text = node.args and isinstance(node.args[0], (ast.Constant, ast.JoinedStr))
            if called == "click.ClickException" or (
                called in ("sys.exit", "exit") and text and not ast.unparse(node.args[0]).isdecimal()
            ):
                bare.append(f"{path}:{node.lineno}")
    assert bare == []


def commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {word}".strip())
        else:
            yield f"{name} {word}".strip(), command


def test_what_every_command_prints_for_programs_is_described() -> None:
    found = [*commands(agent, ""), *commands(collector, "cellwarden-collector")]
    with_json = {name for name, command in found for option in command.params if "--json" in option.opts}
    text = (ROOT / "docs/operations.md").read_text().partition("| command | its object |")[2]
    table = text.partition("\n\n")[0]
    rows = {name for row in table.splitlines() for name in re.findall(r"`([^`]+)`", row.partition(" | ")[0])}
    assert rows == with_json
    wanted = {"status", "check", "profile list", "report intervals", "report first-days",
              "report commissioning", "alarm test", "setup", "enroll"}  # fmt: skip
    assert wanted <= with_json


def test_codes_stand_in_their_order() -> None:
    groups = [code[:4] for code in CODES]
    assert groups == sorted(groups)
