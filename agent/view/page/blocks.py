"""The parts of the page that change, each with an id: rendered here once, for every viewer."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import urlencode

from agent.detect.duration import duration
from agent.detect.knowledge import SEEN, UNSEEN, Knowledge
from agent.view import words
from agent.view.cells import spoken
from agent.view.delivery import delivery_lines
from agent.view.page import svg
from agent.view.page.alarms import GLYPH, alarms
from agent.view.trends import TREND_S, TREND_STEP_S

CLASS = {"": "", "+": "o", "-": "o", "1": "m1", "2": "m2", "3": "m3", "~": "hatch", "?": "q", "x": "x"}

View = Mapping[str, Any]
e = escape


def slots(view: View, shown: Sequence[int], plots: Mapping[str, str]) -> dict[str, str]:
    """Return the HTML of each part by its id; `shown`: the units whose map is on this page; `plots`: figures,
    by the id of their alarm.
    """
    found = {
        "hl": headline(view),
        "al": alarms(view, plots),
        "li": links(view),
        "lo": log(view),
        "fo": footer(view),
    }
    for u in shown:
        unit = view["units"][u]
        found[f"bl{u}"] = blind(u, unit)
        for figure_ in unit["figures"]:
            found[f"f{u}-{figure_['key']}"] = figure(u, figure_, view)
        found[f"s{u}"] = (
            f'<p id="s{u}" data-seconds="{0 if unit["age_s"] is None else round(unit["age_s"])}">'
            f"{e(unit['sentence'])}</p>"
        )
        for i, box in enumerate(unit["cells"]):
            found[f"c{u}-{i}"] = cell(u, i, unit, box)
        found[f"t{u}"] = abnormal(u, unit)
    return found


def _time(age_s: float | None) -> str:
    return "never" if age_s is None else f'<time data-age="{age_s:.1f}">{duration(age_s)}</time>'


def headline(view: View) -> str:
    """The first block."""
    head = view["headline"]
    what, known = head["condition"], head["knowledge"]
    unknown = known != Knowledge.LIVE
    sentence = head["text"].partition(f"{what.lower()}. " if unknown else ". ")[2]
    priorities = view["alarms"]["by_priority"]
    worst = next(iter(priorities), "")
    chip = (
        f'<span class="chip p{worst}"><span class="g">{GLYPH[int(worst)]}</span> {worst}</span>'
        if worst
        else ""
    )
    words_ = f"<span>{what} - LIVE</span>" if not unknown else f'<span class="chip nk hatch">? {known}</span>'
    last_known = unknown and known != Knowledge.NEVER
    aside = f"<span>LAST KNOWN: {what.lower()}</span>" if last_known else ""
    if not sentence:
        sentence = head["text"] if unknown else "Every unit is seen now, and nothing is in alarm."
    worst_ = "" if unknown else _worst(view)
    age = f"Data {_time(head['age_s'])} old." if head["age_s"] is not None else "No data yet."
    return (
        f'<div id="hl" data-state="{what} - {known}">'
        f'<p class="lk">LAST KNOWN: {what.lower()}, {view["made"]["clock"]}</p>'
        f'<div class="w">{chip}{words_}{aside}</div><p class="t">{e(sentence)}</p>{worst_}'
        f"<p>{age}</p></div>"
    )


def _worst(view: View) -> str:
    """Name the cell in the most urgent alarm, or else farthest from its median, in one line."""
    known = [(unit, box) for unit in view["units"] for box in unit["cells"] if box["mv"]]
    if not known:
        return ""
    unit, box = min(known, key=lambda one: (one[1]["priority"] or 9, -abs(one[1]["mv"])))
    return f'<p class="one">Worst cell: {e(unit["name"])} {box["name"]}, {box["mv"]:+.0f} mV</p>'


def blind(u: int, unit: View) -> str:
    """The block of a blind unit: since when, why, and what to do about it."""
    said = unit["blind"]
    if not said:
        return f'<div id="bl{u}"></div>'
    never = unit["knowledge"] == Knowledge.NEVER
    what = "NEVER read" if never else f"BLIND since {said['since']} ({said['for']})"
    return (
        f'<div id="bl{u}" class="unseen"><p><b>? {what}. {said["warning"]}</b></p>'
        f"<p>Tried: {e(said['tried'])}.</p><p>Likely: {e(said['cause'])}.</p>"
        f"<p>Next: <code>{said['next']}</code></p></div>"
    )


def figure(u: int, figure_: Mapping[str, Any], view: View) -> str:
    """One figure: fixed places for value, note, limit bar and trend."""
    f = figure_
    digits, unit = f["digits"], e(f["unit"])
    shown = words.number(f["value"], digits)
    note = e(f["where"])
    if f["sight"] == "stale":
        note = f"{_time(f['age_s'])} old"
    elif f["sight"] == "blind":
        note = f"last {words.number(f['last'], digits)} {unit} at {f['at']} ({duration(f['age_s'])} ago)"
    elif f["sight"] == "absent":
        note = "not reported" if view["units"][u]["cells"] else "never read"
    if f["sight"] == "live" and f["n"] < f["m"]:
        note += f" from {f['n']} of {f['m']}"
    limits = f["limits"]
    drawn = (
        svg.bar(f["value"], limits["low"], limits["high"], f["unit"])
        if limits and f["value"] is not None
        else ""
    )
    line = svg.trend(f["trend"], int(TREND_S / TREND_STEP_S), digits)
    return (
        f'<div class="fig {f["sight"]}" id="f{u}-{f["key"]}"><h3>{e(f["label"])}</h3>'
        f'<span class="v">{shown} <small>{unit}</small></span><small>{note or "&nbsp;"}</small>'
        f"{drawn}{line}</div>"
    )


def cell(u: int, i: int, unit: View, box: Mapping[str, Any]) -> str:
    """One box of the map: its mark, what the other modes show, and all of it for a screen reader."""
    known = box["sight"] != "none"
    volts = f"{box['v']:.2f}" if known and box["v"] is not None else "-"
    temp = f"{box['t']:.1f}" if known and box["t"] is not None else "-"
    slope = f"{box['slope']:+.1f}" if known and box["slope"] is not None else "-"
    old = "" if box["sight"] == "live" else "?" if box["age_s"] is None else _short(box["age_s"])
    query = urlencode({"u": unit["name"], "i": i})
    return (
        f'<a class="k {CLASS[box["mark"]]}" id="c{u}-{i}" tabindex="-1" href="cell?{e(query)}" '
        f'data-v="{volts}" data-t="{temp}" data-s="{slope}" data-a="{old}" '
        f'aria-label="{e(spoken(box))}">{box["mark"]}</a>'
    )


def _short(seconds: float) -> str:
    return duration(seconds).replace(" min", "m").replace(" ", "")


def abnormal(u: int, unit: View) -> str:
    """The map as a table: what is not in band; all of it, and CSV, by a link."""
    rows = "".join(row_of(i, unit, box) for i, box in enumerate(unit["cells"]) if box["mark"])
    query = e(urlencode({"u": unit["name"]}))
    table = (
        f'<div class="scroll"><table>{TABLE_HEAD}{rows}</table></div>'
        if rows
        else "<p>Nothing is out of band.</p>"
    )
    return (
        f'<details id="t{u}"><summary>As a table</summary>{table}'
        f'<p><a href="cells?{query}">All {len(unit["cells"])}, sortable</a> '
        f'<a href="cells.csv?{query}">CSV</a></p></details>'
    )


TABLE_HEAD = (
    "<thead><tr><th>cell<th>mark<th class=n>V<th class=n>mV from median<th class=n>°C<th class=n>K/min"
    "<th class=n>age<th>place</tr></thead>"
)


def row_of(i: int, unit: View, box: Mapping[str, Any]) -> str:
    """One cell as a row."""
    query = e(urlencode({"u": unit["name"], "i": i}))
    age = "never" if box["age_s"] is None else duration(box["age_s"])
    now = box if box["sight"] != "none" else {}
    numbers = (("v", 3), ("mv", 0), ("t", 1), ("slope", 2))
    values = "".join(f"<td class=n>{words.number(now.get(key), digits)}" for key, digits in numbers)
    mark = e(box["mark"]) or "in band"
    name = f'<tr><th><a href="cell?{query}">{box["name"]}</a>'
    return f"{name}<td>{mark}{values}<td class=n>{age}<td>{e(box['place'])}"


def links(view: View) -> str:
    """Every device: how well it answers, its last error in words, its health letter."""
    rows = []
    for unit in view["units"]:
        link = unit["link"]
        answered = "--" if link["answered"] is None else f"{link['answered']:.1f} %"
        letter = f'<span class="chip p3">{link["letter"]}</span>' if link["letter"] else ""
        query = e(urlencode({"unit": unit["name"]}))
        notes = "<br>".join(e(note) for note in (link["trouble"], *unit["notes"]) if note)
        below = f"<tr><td colspan=5><small>{notes}</small>" if notes else ""
        unknown = unit["knowledge"] not in SEEN
        known = f'<span class="chip nk">? {unit["knowledge"]}</span>' if unknown else unit["knowledge"]
        rows.append(
            f'<tr><th><a href="./?{query}">{e(unit["name"])}</a><td>{known}<td class=n>{_time(unit["age_s"])}'
            f"<td class=n>{answered}<td>{letter}{below}"
        )
    return (
        '<section id="li"><h2>Links</h2><div class="scroll"><table><thead><tr><th>unit<th>knowledge'
        "<th class=n>age<th class=n>answered, 1 h<th>health</tr></thead>"
        f"{''.join(rows)}</table></div></section>"
    )


def log(view: View) -> str:
    """The last events."""
    lines = "".join(
        f"<li>{line['at']} {e(line['text'])}{'' if line['recorded'] else ' <b>(not on disk yet)</b>'}"
        for line in view["log"]
    )
    delivered = "<br>".join(e(line) for line in delivery_lines(view["account"], view["upstreams"]))
    return (
        f'<section id="lo"><h2>Log</h2><ul>{lines or "<li>Nothing since the start."}</ul>'
        f'<p class="s">{delivered}</p>'
        f"{''.join(f'<p class=s>{e(reason)}</p>' for reason in view['degraded'])}</section>"
    )


def footer(view: View) -> str:
    """What this is, and what it cannot do."""
    made = view["made"]
    clock = "" if made["synchronised"] else " The clock is not synchronised."
    return (
        f'<footer id="fo"><p>This page cannot change the battery. cellwarden only reads registers.</p>'
        f"<p>cellwarden {e(view['version'])}, agent {e(view['agent'])}, up {duration(view['up_s'])}. "
        f"Times are local, UTC{made['zone']}.{clock}</p></footer>"
    )


def title(view: View) -> tuple[str, str]:
    """Return the page's title, and the sign in its icon."""
    known = view["headline"]["knowledge"]
    standing = view["alarms"]["by_priority"]
    signs = [f"{sum(standing.values())}!"] if standing else []
    signs += ["?"] if known == Knowledge.STALE or known in UNSEEN else []
    state = next(iter(standing), "")
    return (f"({' '.join(signs)}) " if signs else "") + view[
        "site"
    ], "?" if "?" in signs and state != "1" else state
