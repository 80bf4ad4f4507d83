"""The whole view of a site: what the page shows, `cellwarden live` shows, and `GET /v1/view` answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from agent.detect.knowledge import SEEN, UNSEEN, Knowledge
from agent.detect.table import PRIORITY
from agent.view import alarms as alarm_list
from agent.view import cells as cell_map
from agent.view import words
from agent.view.figures import figures
from agent.view.headline import headline
from agent.view.language import ENGLISH, current, tr
from agent.view.raised import Raised
from agent.view.state import lacks, later, of_cell, of_unit, unlimited
from agent.view.tiles import Outline, tiles
from agent.view.trends import Trends
from agent.view.unseen import trouble_of, unseen

REFRESH_S = 2.0
WHOLE_SITE_CELLS = 480  # with more, the first page opens the worst unit alone; each has a page of its own
LOG_LINES = 20
LETTERS = ("F", "S", "M", "")  # of a link's health, worst first
GOOD_ANSWERS = 99.0  # % of the time in which a unit was due in the last hour; below, S


def view(
    status: Mapping[str, Any],
    points: Mapping[str, Mapping[str, Any]],
    trends: Trends,
    site: Mapping[str, Any],
    now: datetime,
    raised: Raised | None = None,
    outlines: Mapping[str, Outline] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the view of the site.

    status: as `GET /v1/status` answers. points: by unit, as `GET /v1/points` answers; no entry: never read,
    or not asked for. site: `site`, `version` and `up_s`. now: local time, with its zone.
    raised: what the buffer knows of alarms that were; None: nothing. outlines: of units that have a tile
    alone, neither figures nor cells, by name.
    """
    knowledge = {unit["name"]: unit["knowledge"] for unit in status["units"]}
    buses = {bus["name"]: bus for bus in status.get("buses", ())}
    units = [
        unit_view(
            unit,
            points.get(unit["name"]),
            status["alarms"],
            trends,
            now,
            buses.get(unit.get("bus"), {}),
            unit["name"] not in outlines,
        )
        for unit in status["units"]
    ]
    listed = alarm_list.rows(status["alarms"], status["log"], knowledge, now)
    counts = alarm_list.counts(listed, status["log"], now, raised)
    standing = [row for row in listed if row["state"] != "CLEARED-NEW"]
    aged = [unit for unit in units if unit["age_s"] is not None]
    told = status["headline"]
    if current() != ENGLISH:
        told = headline(status["units"], status["alarms"], now)
    ages = [unit["age_s"] for unit in [u for u in aged if u["knowledge"] not in UNSEEN] or aged]
    return {
        "site": site["site"] or status["agent"],
        "agent": status["agent"],
        "version": site["version"],
        "up_s": round(site["up_s"]),
        "made": {
            "clock": now.strftime("%H:%M:%S"),
            "zone": words.offset(now),
            "date": words.dated(now, "%d %b %Y"),
            "utc_s": round(now.timestamp(), 3),
            "synchronised": status["clock_synchronised"],
        },
        "refresh_s": REFRESH_S,
        "headline": {**told, "age_s": max(ages, default=None)},
        "units": units,
        "tiles": tiles(units, standing, outlines),
        "alarms": {
            "active": alarm_list.grouped(standing, counts["flood"]),
            "over": [row for row in listed if row["state"] == "CLEARED-NEW"],
            "counts": counts,
            "by_priority": {str(p): n for p, n in sorted(alarm_list.urgent(standing).items())},
        },
        "log": alarm_list.log_lines(status["log"], now, LOG_LINES),
        "relay": status["relay"],
        "account": status["account"],
        "upstreams": status["upstreams"],
        "degraded": [tr(reason) for reason in status["health"]["degraded"]],
    }


def unit_view(
    unit: Mapping[str, Any],
    said: Mapping[str, Any] | None,
    standing: Sequence[Mapping[str, Any]],
    trends: Trends,
    now: datetime,
    bus: Mapping[str, Any],
    whole: bool = True,
) -> dict[str, Any]:
    """Return what is shown of one unit: `unit` and its `bus` as in the status, `said` as `GET /v1/points`
    answers. whole: or else neither figures nor cells, but the line of its tile.
    """
    values = said["points"] if said else []
    ours = [a for a in standing if a["unit"] == unit["name"] and a["location"]]
    heard = [a for a in ours if a["state"] in ("NEW", "ACK", "CLEARED-NEW")]
    priorities: dict[str, int] = {}
    for alarm in heard:
        rank = PRIORITY[alarm["severity"]]
        priorities[alarm["location"]] = min(rank, priorities.get(alarm["location"], 9))
    removed = [a["location"] for a in ours if a["state"] == "OUT OF SERVICE"]
    boxes = cell_map.cells(values, priorities, removed, unit["pace_s"])
    seen = unit["knowledge"] not in UNSEEN
    if not seen:
        for box in boxes:
            box.update(sight="none", mark="?", mv=None, dt=None)
    elif unit["knowledge"] == Knowledge.STALE:
        for box in boxes:
            box.update(sight="stale" if box["sight"] == "live" else box["sight"], mv=None, dt=None)
            box["mark"] = box["mark"] if box["mark"] in ("1", "2", "3", "x", "?") else "~"
    for box in boxes:
        box["state"] = of_cell(box, now).text
    shown: list[dict[str, Any]] = [{"key": "hottest", "sight": ""}]
    if whole:
        shown = figures(values, boxes, unit["pace_s"], seen)
    for figure in shown:
        figure["trend"] = trends.of(unit["name"], figure["key"])
        if unit["knowledge"] == Knowledge.STALE and figure["sight"] == "live":  # read seldom, and not due yet
            figure["sight"] = "stale"
        if figure["sight"] == "blind":
            figure["at"] = _clock(now, figure["age_s"])
    return {
        "name": unit["name"],
        "title": words.titled(unit),
        "label": unit.get("label", ""),
        "rack": unit["rack"],
        "profile": unit["profile"],
        "knowledge": unit["knowledge"],
        **_seen(unit, now),
        "period_s": unit["period_s"],
        "age_s": unit["age_s"],
        "figures": shown,
        "cells": boxes,
        "whole": whole,
        "sentence": _sentence(boxes, values) if whole else "",
        "worst": [box["name"] for box in cell_map.worst(boxes)[:3]],
        "blind": None if seen else unseen(unit, bus, standing, now),
        "notes": [
            *unit.get("notes", []),
            *_lacks(unit),
            *_nameless(unit),
            *_first_days(unit),
        ],
        "link": _link(unit),
    }


def _sentence(boxes: Sequence[Mapping[str, Any]], values: Sequence[Any]) -> str:
    if boxes:
        return cell_map.sentence(boxes)
    return tr("It tells of no single cell or sensor.") if values else tr("Never read yet.")


def _seen(unit: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the word for how a unit is seen, `state` in full, what it lacks, what it detects later, and what
    it began with.
    """
    found, said = of_unit(unit, now), later([unit], now)
    return {
        "word": found.word,
        "state": found.text,
        "lacks": "; ".join(lacks(unit)),
        "later": said,
        "began": tr(unit["detectors"]["said"]) if said else "",
    }


def _lacks(unit: Mapping[str, Any]) -> list[str]:
    """Return what a unit lacks, why its voltages have no limit, and which limits the site made wider."""
    said = [*lacks(unit), *filter(None, [unlimited(unit)]), *(unit.get("limits") or {}).get("widened", [])]
    return list(dict.fromkeys(said))


def _nameless(unit: Mapping[str, Any]) -> list[str]:
    """Return a note where a unit tells no mark of identity."""
    if unit.get("marks", ["not told"]):
        return []
    return [tr("it tells no serial number or model: an exchanged unit cannot be noticed")]


def _clock(now: datetime, ago_s: float) -> str:
    return words.clock(now - timedelta(seconds=ago_s), now)


def _first_days(unit: Mapping[str, Any]) -> list[str]:
    said = words.first_days(unit.get("first_days"))
    return [said] if said else []


def _sees_less(unit: Mapping[str, Any]) -> bool:
    """Whether a unit is PARTIAL for another reason than that nobody gave its voltages a limit."""
    return unit["knowledge"] == Knowledge.PARTIAL and not unlimited(unit)


def _link(unit: Mapping[str, Any]) -> dict[str, Any]:
    """Say how well a unit answers, with one health letter: F failure, S out of specification, M maintenance
    required (NAMUR NE 107; C, function check, is nobody's here yet), "" for none.
    """
    answered = unit.get("answered")
    letter = ""
    if unit["knowledge"] not in SEEN:
        letter = "F"
    elif _sees_less(unit) or (answered is not None and answered < GOOD_ANSWERS):
        letter = "S"
    elif unit.get("notes"):
        letter = "M"
    return {
        "reads": unit["reads"],
        "errors": unit["read_errors"],
        "answered": answered,
        "trouble": trouble_of(unit),
        "port": unit["port"],
        "letter": letter,
        "rank": LETTERS.index(letter),
    }
