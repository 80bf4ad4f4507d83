"""What only a person beside the cabinet can say: what its panel shows, and what stands on its plate."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from agent.cli.common.prompts import Prompts
from agent.cli.report.commissioning.record import SAME
from agent.view.language import tell, tr

SKIP = "-"


def panel(prompts: Prompts, said_v: float | None) -> dict[str, Any] | None:
    """Ask for the voltage on a unit's panel, and return it with what the unit said then, and when.

    None where it is not compared.
    """
    if said_v is None or prompts.yes:
        return None
    asked = tell("It says {v:.2f} V. What does its panel show? ({key} to skip)", v=said_v, key=SKIP)
    answer = prompts.ask(f"    {asked}", SKIP)
    try:
        shown_v = float(answer.replace(",", "."))
    except ValueError:
        click.echo(f"    {tr('not compared')}")
        return None
    when = datetime.now().astimezone().isoformat(" ", timespec="minutes")
    return {"shown_v": shown_v, "said_v": said_v, "when": when}


def plate(prompts: Prompts, identity: Mapping[str, object]) -> str:
    """Ask whether serial and firmware are those on the plate: SAME, what differs, or "" (not compared)."""
    if not identity or prompts.yes:
        return ""
    told = ", ".join(f"{label} {said}" for label, said in identity.items())
    click.echo(f"    {tell('It says: {said}', said=told)}")
    asked = tell("The same on its plate? (y, or what stands there; {key} to skip)", key=SKIP)
    answer = prompts.ask(f"    {asked}", SKIP).strip()
    return SAME if answer.lower() in ("y", "yes") else "" if answer == SKIP else answer
