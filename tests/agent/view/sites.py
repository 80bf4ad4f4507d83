"""Sites as the control socket tells of them, made up for tests: plain JSON, as the routes answer."""

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

from agent.view.headline import headline
from agent.view.raised import Raised
from agent.view.site import view
from agent.view.trends import Trends

NOW = datetime(2026, 11, 25, 14, 2, 31, tzinfo=timezone(timedelta(hours=2)))


def unit(
    name: str = "rack-1", knowledge: str = "LIVE", age_s: float | None = 2.0, **more: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "rack": name,
        "profile": "example-bms",
        "period_s": 5.0,
        "pace_s": 5.0,
        "knowledge": knowledge,
        "age_s": age_s,
        "trouble": "" if knowledge == "LIVE" else "no sound answer; check power, wiring, unit id",
        "port": "/dev/ttyUSB0",
        "reads": 1000,
        "read_errors": 2,
        "in_vain": 0 if knowledge == "LIVE" else 12,
        "asked_again_s": 0.0 if knowledge == "LIVE" else 8.0,
        "answered": 99.8,
        "bus": "line",
        "notes": [],
        **more,
    }


def point(
    quantity: str, place: str, value: float | None, age_s: float | None = 2.0, **more: Any
) -> dict[str, Any]:
    return {
        "name": quantity,
        "place": place,
        "quantity": quantity,
        "unit": "",
        "poll": "safety",
        "value": value,
        "raw": 0,
        "quality": "good",
        "last": value,
        "last_age_s": age_s,
        "per_minute": None,
        "limits": None,
        **more,
    }


def rack(strings: int = 4, cells: int = 60, age_s: float = 2.0) -> list[dict[str, Any]]:
    """Points of a rack; each string has a level of its own, and each cell is within 2 mV of it."""
    points = [
        point("voltage", "", 768.4, age_s),
        point("current", "", -12.6, age_s),
        point("soc", "", 81.0, age_s),
    ]
    for s in range(1, strings + 1):
        for c in range(1, cells + 1):
            volts = round(3.2 + 0.02 * s + 0.001 * (c % 3 - 1), 3)
            points.append(point("cell_voltage", f"string{s}/cell{c}", volts, age_s))
        temperature = {"limits": {"safety": [-20.0, 60.0]}, "per_minute": 0.01}
        points.append(point("cell_temperature", f"string{s}/sensor1", 21.4 + s, age_s, **temperature))
    return points


def at(points: list[dict[str, Any]], place: str) -> dict[str, Any]:
    return next(p for p in points if p["place"] == place)


def alarm(
    location: str = "string2/cell17", severity: str = "warning", state: str = "NEW", **more: Any
) -> dict[str, Any]:
    said = {
        "unit": "rack-1",
        "detector": "cell-imbalance",
        "severity": severity,
        "state": state,
        "location": location,
        "quantity": "cell_voltage",
        "value": 18.0,
        "limit": 12.0,
        "expected": 0.0,
        "value_unit": "mV",
        "text": "Cell string2/cell17 is 18 mV below the median of its siblings.",
        "age_s": 866.0,
        "count": 1,
        "do": "Measure the cell by hand.",
        **more,
    }
    name = f"{said['unit']}:{said['detector']}:{said['location']}"
    return {"id": name, "seen": f"{severity}.{said['count']}:1", "cause": name, **said}


def record(of: dict[str, Any], state: str, ago_s: float) -> dict[str, Any]:
    """A log record of an alarm."""
    utc_ns = round((NOW.timestamp() - ago_s) * 1e9)
    return {**of, "kind": "alarm", "state": state, "utc_ns": utc_ns, "boottime_ns": 0, "recorded": True}


def status(
    units: list[dict[str, Any]],
    alarms: list[dict[str, Any]] | None = None,
    log: list[dict[str, Any]] | None = None,
    buses: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    return {
        "headline": headline(units, alarms or [], NOW),
        "agent": "agent-1",
        "clock_synchronised": True,
        "units": units,
        "buses": buses or [],
        "alarms": alarms or [],
        "log": log or [],
        "relay": None,
        "account": {"sealed": 9, "frames": 90, "only_here_s": 6.0},
        "upstreams": [
            {
                "name": "main",
                "reached": True,
                "trouble": "",
                "note": "",
                "behind_s": 6.0,
                "account": {"sealed": 9, "acknowledged": 9, "pending": 0, "dropped": 0, "withheld": 0},
            }
        ],
        "health": {"live": True, "ready": True, "degraded": []},
    }


def shown(
    said: dict[str, Any],
    points: dict[str, list[dict[str, Any]]],
    trends: Trends | None = None,
    site: str = "Room A",
) -> dict[str, Any]:
    about = {"site": site, "version": "1.2.3", "up_s": 1_051_200.0}
    values = {name: {"unit": name, "points": listed} for name, listed in points.items()}
    week = Counter(critical=1, warning=4, advice=1)
    raised = Raised({24: Counter(warning=2), 168: week}, None)
    return view(said, values, trends or Trends(), about, NOW, raised)
