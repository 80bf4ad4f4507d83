"""What the commands that talk to a running agent share: which socket, and what to say when nobody answers."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.cli.common.errors import Finding, Unreachable
from agent.cli.common.tables import plain_table
from agent.cli.common.usual import SOCKET
from agent.control import client
from agent.message import told_by
from agent.view.language import how_long, put_together, tr
from agent.view.voice import first_line
from drivers.profile.problems import did_you_mean

F = TypeVar("F", bound=Callable[..., Any])


def socket_option(function: F) -> F:
    """Add --socket."""
    return click.option(
        "--socket",
        type=click.Path(path_type=Path),
        default=SOCKET,
        show_default=True,
        help="The agent's control socket.",
    )(function)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def get(socket: Path, resource: str) -> dict[str, Any]:
    """Ask the agent. Raises Unreachable (exit 3) and Finding (exit 1)."""
    return _ask(lambda: with_messages(client.get(socket, resource)))


def with_messages(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what an agent says with the messages that it holds, to be said in the language of who asks."""
    messages = answer.pop("messages", {})
    told: dict[str, Any] = put_together(answer, messages) if messages else answer
    return told


def post(socket: Path, resource: str, **body: Any) -> dict[str, Any]:
    """Have the agent change something. Raises Unreachable (exit 3) and Finding (exit 1)."""
    try:
        return _ask(lambda: client.post(socket, resource, body))
    except Finding as error:
        if "alarm" not in body:
            raise
        known = [alarm["id"] for alarm in get(socket, "/v1/alarms")["alarms"]]
        meant = did_you_mean(str(body["alarm"]), known, "")
        raise Finding(f"{error.message}; {meant}".removesuffix("; "), error.code) from error


def _ask(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return call()
    except client.NotRunning as error:
        raise Unreachable(told_by(error)) from error
    except client.Refusal as error:
        raise Finding(str(error), "CW-403") from error


def age(seconds: float | None) -> str:
    """Return an age for people, or "never"."""
    return tr("never") if seconds is None else how_long(seconds)


def alarm_table(alarms: list[dict[str, Any]]) -> Any:
    """Return alarms as a table: what to call each by, and what it says."""
    table = plain_table(tr("alarm"), tr("severity"), tr("state"), tr("for"), tr("what"))
    now = datetime.now().astimezone()
    for alarm in alarms:
        severity, state = tr(alarm["severity"]), tr(alarm["state"])
        table.add_row(alarm["id"], severity, state, age(alarm["age_s"]), first_line(alarm, now))
    return table
