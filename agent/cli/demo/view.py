"""What the demo shows while it runs: a live table on a terminal, plain lines elsewhere."""

from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from agent.cli.common.tables import plain_table, terminal

UNITS = {"rack-a": "EV pack, TCP", "rack-b": "model, TCP", "rack-c": "model, serial"}
STORY_LINES = 8


def number(value: float | None, form: str) -> str:
    """Format a figure; what is not known is shown as not known."""
    return "--" if value is None else format(value, form)


class View:
    """Tells the story as it happens. `live` draws a screen on stdout; otherwise lines go to stderr."""

    def __init__(self, seconds: float, live: bool) -> None:
        self._seconds = seconds
        self._story: list[str] = []
        self._lines = terminal(stderr=True)
        self._live = Live(console=terminal(), refresh_per_second=4) if live else None

    def __enter__(self) -> "View":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def tell(self, t_s: float, text: str) -> None:
        """Add one line to the story."""
        line = f"{t_s:6.1f} s  {text}"
        self._story.append(line)
        if self._live is None:
            self._lines.print(line, soft_wrap=True)

    def show(self, t_s: float, status: dict[str, Any], collector_up: bool) -> None:
        """Draw the agent's state."""
        if self._live is None:
            return
        self._live.update(
            Panel(
                Group(
                    _units(status),
                    Text(),
                    _delivery(status, collector_up),
                    Text(),
                    Text("\n".join(self._story[-STORY_LINES:])),
                ),
                title=f"cellwarden demo   {t_s:.0f} s of {self._seconds:.0f} s",
                subtitle="Ctrl-C stops it",
            )
        )


def _units(status: dict[str, Any]) -> RenderableType:
    table = plain_table("unit", "what it is", "knowledge", "age", "cells V", "hottest", "errors", "alarms")
    for unit in status["units"]:
        figures = unit.get("figures", {})
        low, high = figures.get("cell_voltage_min_v"), figures.get("cell_voltage_max_v")
        alarms = [a for a in status["alarms"] if a["unit"] == unit["name"]]
        table.add_row(
            unit["name"],
            UNITS.get(unit["name"], ""),
            unit["knowledge"],
            f"{number(unit['age_s'], '.1f')} s",
            f"{number(low, '.3f')}-{number(high, '.3f')}",
            f"{number(figures.get('temperature_max_degc'), '.1f')} °C",
            str(unit["read_errors"]),
            Text(str(len(alarms)), style="reverse" if alarms else ""),
        )
    return table


def _delivery(status: dict[str, Any], collector_up: bool) -> RenderableType:
    account = status["account"]
    return Text(
        f"{account['sealed']} batches = {account['acknowledged']} acknowledged + {account['pending']} pending"
        f" + {account['dropped']} dropped;  collector {'up' if collector_up else 'DOWN'}"
    )
