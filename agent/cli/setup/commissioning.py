"""The commissioning report: one page to print, self-contained; what was found, tested, and cannot be seen."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from agent.cli.setup.draft import Chosen
from drivers.layout import Layout

STYLE = """
body{font:15px/1.4 system-ui,sans-serif;max-width:60em;margin:1em auto;padding:0 12px}
table{border-collapse:collapse;width:100%;margin:6px 0}
td,th{border:1px solid #767D84;padding:3px 8px;text-align:left;vertical-align:top}
h2{font-size:17px;margin:18px 0 4px}.no{font-weight:700}
@media print{body{margin:0}}
"""
QUANTITIES = ("cell_voltage", "cell_temperature", "module_temperature", "voltage", "current", "alarm_bits")


@dataclass(frozen=True, slots=True)
class Tested:
    """A unit as it was read before saving: its layout, a row per value, and how long one reading took."""

    unit: Chosen
    layout: Layout
    rows: Sequence[dict[str, Any]]
    took_s: float
    slowest_s: float = 0.0  # answer of all

    @property
    def good(self) -> int:
        """Values that were read and can be believed."""
        return sum(row["quality"] == "good" for row in self.rows)

    @property
    def absent(self) -> int:
        """Values that the unit says it has no sensor for."""
        return sum(row["quality"] == "missing" for row in self.rows)

    def pack_v(self) -> float | None:
        """The voltage of the whole, as the unit says."""
        pairs = zip(self.layout.values, self.rows, strict=True)
        said = [
            row["value"] for value, row in pairs if value.quantity == "voltage" and row["value"] is not None
        ]
        return float(said[0]) if said else None

    def coverage(self) -> list[tuple[str, int, int]]:
        """Return of each module (or "whole unit") its cell voltages and temperatures that were read."""
        cells: Counter[str] = Counter()
        sensors: Counter[str] = Counter()
        for value, row in zip(self.layout.values, self.rows, strict=True):
            parts = value.place.split("/")
            module = "/".join(parts[:-1]) or "whole unit"
            if row["quality"] == "good" and value.quantity == "cell_voltage":
                cells[module] += 1
            elif row["quality"] == "good" and value.quantity in ("cell_temperature", "module_temperature"):
                sensors[module] += 1
        return [(module, cells[module], sensors[module]) for module in dict.fromkeys((*cells, *sensors))]

    def unseen(self) -> list[str]:
        """Return what nobody can see of this unit."""
        have = Counter(
            value.quantity
            for value, row in zip(self.layout.values, self.rows, strict=True)
            if row["quality"] == "good"
        )
        gaps = [f"no {quantity.replace('_', ' ')}" for quantity in QUANTITIES if not have[quantity]]
        for module, cells, sensors in self.coverage():
            if cells > sensors:
                hidden = f"{cells - sensors} of {cells} cells have no temperature of their own"
                gaps.append(f"{module}: {hidden}")
        return gaps


@dataclass(frozen=True, slots=True)
class Signed:
    """Who and when, and what was tried beyond the units."""

    agent: str
    who: str
    when: str
    period_s: float
    proof: str
    collector: str
    alarm: str
    limits: str


def page(tested: Sequence[Tested], panel_v: dict[str, float], signed: Signed) -> str:
    """Return the report as HTML."""
    units = "".join(_unit(each, panel_v.get(each.unit.label)) for each in tested)
    facts = _table(
        [
            ("agent", signed.agent),
            ("commissioned by", signed.who),
            ("when", signed.when),
            (
                "polled every",
                f"{signed.period_s:g} s; achieved: see cellwarden report intervals",
            ),
            ("ten-second proof", signed.proof),
            ("collector", signed.collector),
            ("test alarm", signed.alarm),
            ("limits", signed.limits),
        ]
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>Commissioning report: {escape(signed.agent)}</title><style>{STYLE}</style>"
        f"<h1>Commissioning report</h1>{facts}{units}"
        "<p>Measured by cellwarden, which only reads registers. A value here is what a unit said then.</p>"
        "<p>Signature: ______________________________</p></html>\n"
    )


def _unit(tested: Tested, panel_v: float | None) -> str:
    unit, said_v = tested.unit, tested.pack_v()
    compared = "not compared"
    if panel_v is not None and said_v is not None:
        compared = f"panel {panel_v:g} V, read {said_v:.2f} V, difference {said_v - panel_v:+.2f} V"
    line = f" ({unit.line})" if unit.line else ""
    facts: list[tuple[str, str]] = [
        ("where", f"{unit.endpoint}{line}, id {unit.unit_id}"),
        ("profile", unit.profile),
        *((label, str(value)) for label, value in tested.layout.identity.items()),
        (
            "read",
            f"{tested.good} of {len(tested.rows)} good, {tested.absent} absent, in {tested.took_s:.1f} s",
        ),
        ("against the panel", compared),
    ]
    modules = "".join(
        f"<tr><td>{escape(module)}<td>{cells}<td>{sensors}" for module, cells, sensors in tested.coverage()
    )
    gaps = "".join(f"<li>{escape(gap)}" for gap in tested.unseen()) or "<li>nothing that is known of"
    return (
        f"<h2>{escape(unit.label)}</h2>{_table(facts)}"
        f"<table><tr><th>module<th>cell voltages<th>temperatures{modules}</table>"
        f"<p class=no>Cannot be seen:</p><ul>{gaps}</ul>"
    )


def _table(rows: Sequence[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><th>{escape(label)}<td>{escape(text)}" for label, text in rows)
    return f"<table>{cells}</table>"
