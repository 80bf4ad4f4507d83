"""The report of a replay: a folder with index.html, a plot per alarm, and result.json."""

import html
import json
from pathlib import Path
from typing import Any

import numpy as np

from agent.detect.channels import Floats
from agent.detect.places import TEMPERATURES, VOLTAGES
from agent.replay.parts import Part
from agent.replay.play import Played

PLOTS = 40  # more alarms than this are listed without a plot
BEFORE_S, AFTER_S = 3600.0, 900.0
SPANS = 20.0  # a slow alarm is shown from this many times its own duration before

GAP_PERIODS = 10
JUDGED = (*VOLTAGES, *TEMPERATURES)
DRAWN_MV = 300.0  # a broken frame of another cell would flatten everything else

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
       background: #E6E8EA; color: #1F2428; }
article { background: #F4F5F6; padding: .5rem 1rem; margin: 1rem 0; border-left: 6px solid #767D84; }
article.critical { border-color: #B3141A; } article.warning { border-color: #F2B84B; }
img { max-width: 100%; } th { text-align: left; padding-right: 2rem; } .small { color: #4F5860; }
"""


def write_report(folder: Path, name: str, played: Played) -> None:
    """Write the report into `folder`. Raises ModuleNotFoundError without matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    result = {"file": name, **played.as_json()}
    (folder / "result.json").write_text(json.dumps(result, indent=1))
    articles = []
    for number, (alarm, part) in enumerate(zip(played.alarms, played.heard_in, strict=True)):
        image = ""
        if number < PLOTS:
            image = f"alarm-{number + 1:03}.png"
            _plot(folder / image, part, alarm)
        articles.append(_article(alarm, image))
    (folder / "index.html").write_text(_page(result, articles))


def _page(result: dict[str, Any], articles: list[str]) -> str:
    sight = result["sensor_seconds"] or 1.0
    rows = (
        ("recording", html.escape(result["file"])),
        ("frames", f"{result['frames']:,}"),
        ("sensor-hours", f"{result['sensor_seconds'] / 3600:,.1f}"),
        ("of which blind", f"{100 * result['blind_seconds'] / sight:.2f} %"),
        ("of which learning", f"{100 * result['learning_seconds'] / sight:.2f} %"),
        ("alarms", f"{len(result['alarms'])}"),
    )
    table = "".join(f"<tr><th>{words}</th><td>{value}</td></tr>" for words, value in rows)
    body = "".join(f"<p>{html.escape(note)}</p>" for note in result.get("notes", ()))
    body += "".join(articles) or "<p>No alarms.</p>"
    title = f"Replay of {html.escape(result['file'])}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style><h1>{title}</h1><table>{table}</table>{body}</html>"
    )


def _article(alarm: dict[str, Any], image: str) -> str:
    where = f"{alarm['group']}: " if alarm.get("group") else ""
    plot = f'<img src="{image}" alt="{html.escape(alarm["location"])} around the alarm">' if image else ""
    more = " ".join(alarm[key] for key in ("forecast", "evidence_for", "evidence_against") if alarm[key])
    return (
        f'<article class="{alarm["severity"]}"><h3>{alarm["severity"]}: {alarm["detector"]} at '
        f"{html.escape(where + alarm['location'])}</h3>"
        f'<p class="small">{html.escape(str(alarm["t"]))}, configuration {alarm["config"]}</p>'
        f"<p>{html.escape(alarm['explanation'])} {html.escape(more)}</p>{plot}</article>"
    )


def _plot(path: Path, part: Part, alarm: dict[str, Any]) -> None:
    """Draw the alarm's channel among its siblings, and the current where there is one."""
    from matplotlib import pyplot as plt

    before_s = max(BEFORE_S, SPANS * (alarm["t_s"] - alarm["since_s"]))
    t_s, values = part.around(alarm["t_s"] - before_s, alarm["t_s"] + AFTER_S)
    minutes = (t_s - alarm["t_s"]) / 60.0
    minutes[1:][np.diff(t_s) > GAP_PERIODS * part.period_s] = np.nan  # a gap is never drawn over
    quantity = alarm["quantity"]
    if quantity not in JUDGED:  # of a current, or of what the unit reports: beside what it is about
        quantity = next((c.quantity for c in part.channels if c.quantity in JUDGED), "")
    same = [i for i, c in enumerate(part.channels) if c.quantity == quantity]
    current = [i for i, c in enumerate(part.channels) if c.quantity == "current"]
    figure, axes = plt.subplots(1 + bool(current), 1, figsize=(9, 3 + 1.5 * bool(current)), sharex=True)
    top, *rest = np.atleast_1d(axes)
    volts = "voltage" in quantity
    drawn = _deviations_mv(values[:, same]) if volts else values[:, same]
    for i, line in zip(same, drawn.T, strict=True):
        own = part.channels[i].place == alarm["location"]
        style = {"color": "#B3141A", "lw": 1.6, "zorder": 3} if own else {"color": "#B4B9BE", "lw": 0.7}
        top.plot(minutes, line, label=part.channels[i].place if own else None, **style)
    if volts and len(same) > 1:
        own_mv = drawn[:, [part.channels[i].place == alarm["location"] for i in same]]
        near = (t_s >= alarm["since_s"] - part.period_s) & (t_s <= alarm["t_s"] + GAP_PERIODS * part.period_s)
        top.set_ylim(*_reach_mv(drawn, own_mv[near]))
    top.axvline(0, color="#1F2428", lw=0.8, ls=":")
    top.set_ylabel("mV from the median" if volts and len(same) > 1 else "V" if volts else "degC")
    if top.get_legend_handles_labels()[0]:
        top.legend(loc="upper left", frameon=False)
    for axis in rest:
        axis.plot(minutes, values[:, current[0]], color="#1B5FA8", lw=0.8)
        axis.set_ylabel("A, charge +")
    top.get_figure().axes[-1].set_xlabel("minutes from the alarm")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _deviations_mv(volts: Floats) -> Floats:
    """Return how far cells are from their median, mV; a cell alone stays as it is, in V."""
    if volts.shape[1] < 2:
        return volts
    with np.errstate(invalid="ignore"):
        away: Floats = 1e3 * (volts - np.nanmedian(volts, axis=1, keepdims=True))
    return away


def _reach_mv(all_mv: Floats, own_mv: Floats) -> tuple[float, float]:
    """Return the lowest and highest deviation to draw: what the cell in alarm shows around the alarm always,
    of all else no more than DRAWN_MV.
    """
    shown = np.concatenate([np.clip(all_mv.ravel(), -DRAWN_MV, DRAWN_MV), own_mv.ravel()])
    shown = shown[np.isfinite(shown)]
    lowest, highest = (float(shown.min()), float(shown.max())) if len(shown) else (-1.0, 1.0)
    margin = 0.05 * (highest - lowest) + 0.5
    return lowest - margin, highest + margin
