"""The block of alarms: those that stand, those that are over and not acknowledged, and counts."""

from collections.abc import Mapping, Sequence
from html import escape as e
from typing import Any
from urllib.parse import urlencode

FIRST_ALARMS = 2  # the others are behind a fold, so that headline and alarms fit a phone
GLYPH = {1: "▲", 2: "◆", 3: "●"}

View = Mapping[str, Any]


def alarms(view: View, plots: Mapping[str, str]) -> str:
    """The second block: alarms that stand, and alarms that are over and not acknowledged."""
    listed, counts = view["alarms"], view["alarms"]["counts"]
    active = [_alarm(row, plots.get(row["id"], "")) for row in listed["active"]]
    new = sum(row["state"] == "NEW" for row in listed["active"])
    parts = [f'<section id="al"><h2>Alarms: {len(active)} active, {new} new</h2>']
    if counts["flood"]:
        parts.append(
            "<p><b>Flood:</b> 10 or more in 10 minutes; one line for each string, the rest counted.</p>"
        )
    if active:
        parts += active[:FIRST_ALARMS]
        if active[FIRST_ALARMS:]:
            more = "".join(active[FIRST_ALARMS:])
            count = len(active) - FIRST_ALARMS
            parts.append(f'<details id="more"><summary>{count} more active</summary>{more}</details>')
    else:
        ended = f" Last one ended {counts['last_ended']}." if counts["last_ended"] else ""
        parts.append(f"<p>No active alarms.{ended}</p>")
    if listed["over"]:
        over = "".join(_alarm(row, plots.get(row["id"], "")) for row in listed["over"])
        parts.append(
            f"<details><summary>{len(listed['over'])} over, not acknowledged</summary>{over}</details>"
        )
    day, week = counts["raised"].get("24"), counts["raised"].get("168")
    parts.append(
        f'<p class="s">last 10 min {counts["last_10_min"]}, last 24 h {sum(day) if day else "not known"}, '
        f"standing over 24 h {counts['standing_over_24_h']}, chattering {counts['chattering']}<br>"
        f"of priority 1, 2, 3: 24 h {_three(day)}; 7 days {_three(week)}</p></section>"
    )
    return "".join(parts)


def _three(counts: Sequence[int] | None) -> str:
    """Return how many of each priority; None: the buffer cannot be read."""
    return "not known" if counts is None else ", ".join(map(str, counts))


def _alarm(row: Mapping[str, Any], plot: str) -> str:
    against = f"{row['then']} when raised / limit {row['limit']}" if row["then"] else ""
    known = f' <span class="chip nk">? {row["knowledge"]}</span>' if row["knowledge"] else ""
    more = f" (+{row['more']})" if row["more"] else ""
    by = f"<p>Acknowledged by {e(row['by'])}.</p>" if row["by"] else ""
    history = "history?" + urlencode(
        {"u": row["unit"], "place": row["location"], "q": row["quantity"], "at": row["raised_utc_s"]}
    )
    link = f'<p><a href="{e(history)}">History around it</a></p>' if row["quantity"] and not plot else ""
    fold = "Plot, and what to do" if plot else "What to do"
    often = "Once" if row["times_24h"] == 1 else f"{row['times_24h']} times"
    new = " new" if row["state"] == "NEW" else ""
    return (
        f'<div class="al{new}" id="a-{e(row["id"])}"><div><span class="chip p{row["priority"]}">'
        f'<span class="g">{GLYPH[row["priority"]]}</span> {row["priority"]}</span> <b>{e(row["state"])}</b> '
        f"{row['raised']} {row['zone']}{known}</div>"
        f"<div><b>{e(row['where'])}</b>{more} {e(against)}</div>"
        f'<div class="what">{e(row["what"])}</div>'
        f"<details><summary>{fold}</summary><p>{e(row['do'])}</p>"
        f"{''.join(f'<p>{e(text)}.</p>' for text in row['evidence'])}"
        f"<p>{often} in 24 h.</p>{by}{link}</details>{plot}</div>"
    )
