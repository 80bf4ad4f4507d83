"""One self-contained HTML page: the verdicts, and what was seen, on one time axis for each unit."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from hil.plant.source import Floats
from hil.scenario.evidence import RaisedAlarm, Trace
from hil.scenario.expect import clock
from hil.scenario.svg import Curve, Marker, Panel, draw
from hil.scenario.verdict import WAYS, ScenarioVerdict

MOST_LINES = 4  # of single channels in a panel; the others are a band
COLUMNS = 700  # no plot shows more
MOST_MARKS = 40  # of alarms in a plot

# The quantities that are plotted: as cells' own, or as their modules tell them.
TEMPERATURES = ("cell_temperature", "module_temperature", "battery_temperature")
VOLTAGES = ("cell_voltage", "module_voltage")

MOST_HAPPENED = 200  # events and alarms in a scenario's table
WORDS = {True: "ok", False: "FAIL", None: "not shown"}  # of what was expected


def write_html(path: Path, verdicts: Sequence[ScenarioVerdict]) -> None:
    """Write the report of some runs."""
    held = sum(v.word == "held" for v in verdicts)
    _write(path, f"{held} of {len(verdicts)} scenarios held", verdicts=[_told(v) for v in verdicts])


def write_plots(path: Path, name: str, about: str, trace: Trace) -> None:
    """Write a page with nothing but the plots of one recording."""
    t_s = trace.t_s
    drawn = draw(panels_of(trace), [], float(t_s[0]), float(t_s[-1]))
    _write(path, name, verdicts=[], recording={"about": about, "plots": drawn})


def _write(path: Path, title: str, **values: Any) -> None:
    templates = Environment(
        loader=PackageLoader("hil.scenario", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = templates.get_template("report.html").render(title=title, MOST_HAPPENED=MOST_HAPPENED, **values)
    path.write_text(page, "utf-8")


def _told(verdict: ScenarioVerdict) -> dict[str, Any]:
    """Return what the page says of one run."""
    scenario, evidence = verdict.scenario, verdict.evidence
    scaled = evidence.way == "agent" and scenario.time_scale > 1
    scale = f" at {scenario.time_scale:g} times" if scaled else ""
    return {
        "name": verdict.name,
        "word": verdict.word,
        "css": verdict.word.split()[0].lower(),
        "way": evidence.way,
        "about": scenario.about,
        "how": f"{clock(scenario.lasts_s)} {WAYS[evidence.way]}{scale}; took {clock(evidence.wall_s)}",
        "late": evidence.late,
        "results": [(WORDS[result.held], result) for result in verdict.results],
        "plots": [(unit, _plots(verdict, unit, trace)) for unit, trace in evidence.traces.items()],
        "happened": _happened(verdict),
    }


def _happened(verdict: ScenarioVerdict) -> list[tuple[str, str, str]]:
    """Return events and alarms, the same as the marks, for those who do not see or hover."""
    happened = [(e.at_s, "event", f"{e.kind} {_fields(e.said())}") for e in verdict.scenario.event]
    happened += [(a.t_s, a.severity, f"{a.unit}: {a.text}") for a in verdict.evidence.alarms]
    return [(clock(at_s), kind, what) for at_s, kind, what in sorted(happened)]


def _fields(said: dict[str, object]) -> str:
    return " ".join(str(v) if k in ("unit", "bus", "place") else f"{k}={v}" for k, v in said.items())


def _plots(verdict: ScenarioVerdict, unit: str, trace: Trace) -> Markup:
    scenario, evidence = verdict.scenario, verdict.evidence
    alarms = [a for a in evidence.alarms if a.unit == unit]
    marks = [
        Marker(e.at_s, f"{clock(e.at_s)}: {e.kind} {_fields(e.said())}", "event", e.kind.replace("_", " "))
        for e in scenario.event
        if e.unit in ("", unit)
    ]
    marks += [
        Marker(a.t_s, f"{clock(a.t_s)}: {a.text}", a.severity, a.severity[0].upper())
        for a in alarms[:MOST_MARKS]
    ]
    return draw(panels_of(trace, alarms), marks, 0.0, scenario.lasts_s)


def panels_of(trace: Trace, alarms: Sequence[RaisedAlarm] = ()) -> list[Panel]:
    """Temperatures, how far each is from its siblings, voltages, the same of them, and the current."""
    t_s, where = _thinned(trace.t_s)
    panels = []
    for quantities, title, unit, scale in (
        (TEMPERATURES, "Temperature", "°C", 1.0),
        (VOLTAGES, "Voltage", "V", 1000.0),
    ):
        quantity = next((q for q in quantities if q in trace.quantities), None)
        if quantity is None:
            continue
        values = trace.of(quantity)[where]
        places = [p for p, q in zip(trace.places, trace.quantities, strict=True) if q == quantity]
        shown = _shown(values, places, alarms)
        residual = scale * (values - _median(values)[:, None])
        panels.append(_panel(f"{title}, {unit}", t_s, values, places, shown))
        small = "K" if unit == "°C" else "mV"
        panels.append(_panel(f"{title} against the median of all, {small}", t_s, residual, places, shown))
    if "current" in trace.quantities:
        current = trace.of("current")[where]
        panels.append(Panel("Current, A (positive: charging)", t_s, [Curve("unit", current[:, 0])]))
    return panels


def _thinned(t_s: Floats) -> tuple[Floats, "np.ndarray[tuple[int], np.dtype[np.intp]]"]:
    where = np.unique(np.linspace(0, max(0, len(t_s) - 1), COLUMNS).astype(np.intp))
    return (t_s[where], where) if len(t_s) else (t_s, where[:0])


def _median(values: Floats) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a frame without any value has no median
        median: Floats = np.nanmedian(values, axis=1)
    return median


def _shown(values: Floats, places: Sequence[str], alarms: Sequence[RaisedAlarm]) -> list[int]:
    """The channels that are drawn singly: those with alarms, then those that stray most."""
    alarmed = {a.location for a in alarms}
    chosen = [i for i, place in enumerate(places) if place in alarmed]
    stray = np.abs(values - _median(values)[:, None])
    stray = np.where(np.isfinite(stray), stray, 0.0)
    spread = stray.max(axis=0) if len(stray) else np.zeros(len(places))
    chosen += [int(i) for i in np.argsort(-spread) if int(i) not in chosen]
    return chosen[: min(MOST_LINES, max(1, len(alarmed) + 1))]


def _panel(title: str, t_s: Floats, values: Floats, places: Sequence[str], shown: Sequence[int]) -> Panel:
    lines = [Curve(places[i] or "unit", values[:, i]) for i in shown]
    if values.shape[1] <= len(shown):
        return Panel(title, t_s, lines)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = np.nanmin(values, axis=1), np.nanmax(values, axis=1)
    return Panel(f"{title} (band: all {values.shape[1]})", t_s, lines, low, high)
