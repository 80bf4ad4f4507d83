"""The parts of the page that change, each with an id: rendered here once, for every viewer."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from agent.detect.duration import duration
from agent.detect.knowledge import SEEN, UNSEEN, Knowledge
from agent.view.cells import spoken
from agent.view.delivery import delivery_lines
from agent.view.page import svg
from agent.view.page.templates import macros
from agent.view.tiles import figure_of
from agent.view.trends import TREND_S, TREND_STEP_S

TILE_STEPS = 12  # of a trend, of which a tile shows every such
TILE_TREND = int(TREND_S / TREND_STEP_S) // TILE_STEPS
CLASS = {"": "", "+": "o", "-": "o", "1": "m1", "2": "m2", "3": "m3", "~": "hatch", "?": "q", "x": "x"}

View = Mapping[str, Any]


def slots(
    view: View, shown: Sequence[int], plots: Mapping[str, Markup], tiled: bool = False
) -> dict[str, Markup]:
    """Return the HTML of each part by its id; `shown`: the units whose map is on this page; `plots`: figures,
    by the id of their alarm; `tiled`: the page has a tile for each unit.
    """
    site, alarms, pack = macros("site.html"), macros("alarms.html"), macros("unit.html")
    found = {
        "hl": site.headline(view, _headline(view)),
        "al": alarms.alarms(view["alarms"], plots),
        "li": site.links(view, SEEN),
        "lo": site.log(view, delivery_lines(view["account"], view["upstreams"])),
        "fo": site.footer(view),
    }
    for tile in view["tiles"] if tiled else ():
        hottest = figure_of(view["units"][tile["u"]], "hottest")
        trend = svg.trend(hottest["trend"][::-TILE_STEPS][::-1], TILE_TREND, hottest["digits"])
        found[f"ti{tile['u']}"] = site.tile(tile, trend)
    for u in shown:
        unit = view["units"][u]
        cells = list(enumerate(unit["cells"]))
        found[f"bl{u}"] = pack.blind(u, unit)
        for figure in unit["figures"]:
            unread = "not reported" if cells else "never read"
            found[f"f{u}-{figure['key']}"] = pack.figure(u, figure, _drawn(figure), unread)
        found[f"s{u}"] = pack.sentence(u, unit)
        for i, box in cells:
            found[f"c{u}-{i}"] = pack.cell(u, i, unit, box, _shown(box))
        found[f"t{u}"] = pack.abnormal(u, unit, [(i, box) for i, box in cells if box["mark"]])
    return found


def _headline(view: View) -> dict[str, Any]:
    """Return the words of the first block."""
    head = view["headline"]
    what, known = head["condition"], head["knowledge"]
    live = known == Knowledge.LIVE
    sentence = head["text"].partition(". " if live else f"{what.lower()}. ")[2]
    if not sentence:
        sentence = "Every unit is seen now, and nothing is in alarm." if live else head["text"]
    priority = next(iter(view["alarms"]["by_priority"]), "")
    return {
        "condition": what,
        "knowledge": known,
        "sentence": sentence,
        "priority": int(priority) if priority else 0,
        "worst": _worst(view) if live else "",
    }


def _worst(view: View) -> str:
    """Name the cell in the most urgent alarm, or else farthest from its median, in one line."""
    known = [(unit, box) for unit in view["units"] for box in unit["cells"] if box["mv"]]
    if not known:
        return ""
    unit, box = min(known, key=lambda one: (one[1]["priority"] or 9, -abs(one[1]["mv"])))
    return f"{unit['name']} {box['name']}, {box['mv']:+.0f} mV"


def _drawn(figure: View) -> Markup:
    """Return a figure's place between its limits, and its trend."""
    limits, value = figure["limits"], figure["value"]
    between = limits and value is not None
    bar = svg.bar(value, limits["low"], limits["high"], figure["unit"]) if between else Markup()
    return bar + svg.trend(figure["trend"], int(TREND_S / TREND_STEP_S), figure["digits"])


def _shown(box: View) -> dict[str, str]:
    """Return what a box of the map shows in each mode, and all of it for a screen reader."""

    def value(key: str, form: str) -> str:
        return "-" if box["sight"] == "none" or box[key] is None else format(box[key], form)

    return {
        "css": CLASS[box["mark"]],
        "v": value("v", ".2f"),
        "t": value("t", ".1f"),
        "slope": value("slope", "+.1f"),
        "age": "" if box["sight"] == "live" else "?" if box["age_s"] is None else _short(box["age_s"]),
        "spoken": spoken(box),
    }


def _short(seconds: float) -> str:
    return duration(seconds).replace(" min", "m").replace(" ", "")


def title(view: View) -> tuple[str, str]:
    """Return the page's title, and the sign in its icon."""
    known = view["headline"]["knowledge"]
    standing = view["alarms"]["by_priority"]
    signs = [f"{sum(standing.values())}!"] if standing else []
    signs += ["?"] if known == Knowledge.STALE or known in UNSEEN else []
    state = next(iter(standing), "")
    name = (f"({' '.join(signs)}) " if signs else "") + view["site"]
    return name, "?" if "?" in signs and state != "1" else state
