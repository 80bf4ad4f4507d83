"""The parts of the page that change, each with an id: rendered here once, for every viewer."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from agent.detect.knowledge import SEEN, UNSEEN, Knowledge
from agent.view.cells import spoken
from agent.view.delivery import delivery_lines
from agent.view.language import how_long, tell, tr
from agent.view.page import svg
from agent.view.page.acts import numbered, several
from agent.view.page.templates import macros
from agent.view.sayings import say
from agent.view.state import LEARNING
from agent.view.tiles import figure_of
from agent.view.trends import TREND_S, TREND_STEP_S

TILE_STEPS = 12  # of a trend, of which a tile shows every such
FEW_TILES, MANY_TILES = 12, 64  # up to so many they are large; beyond so many they have no lines
KIN = (("min", "max"), ("hottest", "coldest"))  # figures whose lines share a scale
SEEN_AS = {Knowledge.LIVE: "normal", LEARNING: "learning", Knowledge.STALE: "stale"}
#: How units stand, the worst first, and how many do.
STANDS = {
    "alarm": "{n} in alarm",
    "unseen": "{n} not seen",
    "attention": "{n} to attend to",
    "stale": "{n} stale",
    "partial": "{n} seen in part",
    "learning": "{n} learning",
    "normal": "{n} normal",
}
TILE_TREND = int(TREND_S / TREND_STEP_S) // TILE_STEPS
CLASS = {"": "", "+": "o", "-": "o", "1": "m1", "2": "m2", "3": "m3", "~": "hatch", "?": "q", "x": "x"}

View = Mapping[str, Any]


def slots(
    view: View, shown: Sequence[int], plots: Mapping[str, Markup], tiled: bool = False, acts: bool = False
) -> dict[str, Markup]:
    """Return the HTML of each part by its id; `shown`: the units whose map is on this page; `plots`: figures,
    by the id of their alarm; `tiled`: the page has a tile for each unit; `acts`: it
    can acknowledge.
    """
    site, alarms, pack = macros("site.html"), macros("alarms.html"), macros("unit.html")
    found = {
        "hl": site.headline(view, _headline(view)),
        "al": alarms.alarms(view["alarms"], plots, _acts(view["alarms"]) if acts else None),
        "li": site.links(view, SEEN),
        "lo": site.log(view, delivery_lines(view["account"], view["upstreams"])),
        "fo": site.footer(view, acts),
    }
    if tiled:
        found |= _tiles(view)
    for u in shown:
        unit = view["units"][u]
        cells = list(enumerate(unit["cells"]))
        found[f"bl{u}"] = pack.blind(u, unit)
        for figure in unit["figures"]:
            unread = tr("not reported") if cells else tr("never read")
            found[f"f{u}-{figure['key']}"] = pack.figure(u, figure, _drawn(figure, unit), unread)
        found[f"s{u}"] = pack.sentence(u, unit, _bands(unit["cells"]))
        for i, box in cells:
            found[f"c{u}-{i}"] = pack.cell(i, unit, box, _shown(box))
        found[f"t{u}"] = pack.abnormal(u, unit, [(i, box) for i, box in cells if box["mark"]])
    return found


def _tiles(view: View) -> dict[str, Markup]:
    """Return each unit's tile, and how all stand. Their lines share one scale: what is quiet looks flat."""
    site, lines = macros("site.html"), {}
    for tile in view["tiles"] if len(view["tiles"]) <= MANY_TILES else ():
        hottest = figure_of(view["units"][tile["u"]], "hottest")
        lines[tile["u"]] = hottest["trend"][::-TILE_STEPS][::-1]
    scale = svg.span(lines.values(), 1)
    found = {"ts": site.overview(view, {"counts": _counts(view), "scale": scale})}
    for tile in view["tiles"]:
        line = lines.get(tile["u"])
        drawn = svg.trend(line, TILE_TREND, scale, "") if line else Markup()
        found[f"ti{tile['u']}"] = site.tile(tile, drawn)
    return found


def _counts(view: View) -> list[str]:
    """Return how many units stand how, the worst first: "1 in alarm", "7 normal"."""
    counts = Counter(_stands(tile) for tile in view["tiles"])
    return [tell(text, n=counts[how]) for how, text in STANDS.items() if counts[how]]


def _stands(tile: View) -> str:
    if tile["priority"] == 1:
        return "alarm"
    if tile["knowledge"] in UNSEEN:
        return "unseen"
    if tile["priority"]:
        return "attention"
    return SEEN_AS.get(tile["word"], "partial")


def size_of(count: int) -> str:
    """Return how large the tiles of so many units are, as a class of the style."""
    return "few" if count <= FEW_TILES else "lot" if count > MANY_TILES else ""


def _acts(listed: View) -> dict[str, Any]:
    rows = [*listed["active"], *listed["over"]]
    causes = numbered(rows)
    return {"causes": causes, "several": several(rows, causes)}


def _headline(view: View) -> dict[str, Any]:
    """Return the words of the first block: what it `asks` to be done, what else there is to `say`,
    and what there is `besides`. The worst cell is told where no alarm has a place.
    """
    head = view["headline"]
    live = head["knowledge"] == Knowledge.LIVE
    quiet = f"{say('all-well')}." if live else head["text"]
    asks, more, besides = head["besides"] or quiet, "", ""
    if head["place"]:
        asks, besides = f"{head['place']}: {head['action']}.", head["besides"]
        then = head["left"] and head["left_s"] is None  # of when it was last seen
        more = f"{head['left'][:1].upper()}{head['left'][1:]}. {head['rest']}" if then else head["rest"]
    elif live and head["learning"]:
        asks, more = f"{say('not-all-yet')}.", head["besides"]
    priority = next(iter(view["alarms"]["by_priority"]), "")
    return {
        **{key: head[key] for key in ("condition", "knowledge", "learning", "left_s", "until")},
        "now": not head["last_known"] and (live or bool(head["place"])),
        "asks": asks,
        "say": more,
        "besides": besides,
        "priority": int(priority) if priority else 0,
        "worst": _worst(view) if live and not head["place"] else "",
    }


def _worst(view: View) -> str:
    """Name the cell that is farthest from its median, in one line."""
    known = [tile for tile in view["tiles"] if tile["away_mv"]]
    if not known:
        return ""
    tile = max(known, key=lambda tile: abs(tile["away_mv"]))
    return f"{tile['title']} {tile['away_at']}, {tile['away_mv']:+.0f} mV"


def _drawn(figure: View, unit: View) -> Markup:
    """Return a figure's place between its limits, and its trend with its scale, which figures of a kind
    share.
    """
    limits, value = figure["limits"], figure["value"]
    bar = Markup()
    if limits and value is not None:
        bar = macros("unit.html").bar(svg.bar(value, limits["low"], limits["high"], figure["unit"]))
    digits = figure["digits"]
    kin = next((keys for keys in KIN if figure["key"] in keys), (figure["key"],))
    scale = svg.span((figure_of(unit, key)["trend"] for key in kin), digits)
    if scale is None:
        return bar
    low, high = (f"{y:.{digits}f}" for y in scale)
    said = tell("last hour, between {low} and {high}", low=low, high=high)
    line, length = figure["trend"], int(TREND_S / TREND_STEP_S)
    if len(line) == length and None not in line:  # a line with a gap keeps each of its points
        line, length = svg.halved(line), length // 2
    drawn = svg.trend(line, length, scale, said)
    return Markup(bar + macros("unit.html").trend(drawn, scale, digits))


def _shown(box: View) -> dict[str, str]:
    """Return what a box of the map shows in each mode, and all of it for a screen reader."""

    def value(key: str, form: str) -> str:
        return "-" if box["sight"] == "none" or box[key] is None else format(box[key], form)

    return {
        "css": CLASS[box["mark"]] + (" d" if box["mark"] in ("+", "-") else ""),
        "shown": _magnitude(box) if box["mark"] in ("+", "-") else box["mark"],
        "v": value("v", ".2f"),
        "t": value("t", ".1f"),
        "slope": value("slope", "+.1f"),
        "age": "" if box["sight"] == "live" else "?" if box["age_s"] is None else _short(box["age_s"]),
        "spoken": spoken(box),
    }


def _bands(boxes: Sequence[View]) -> str:
    """Return which deviation is called in band: "6 mV, 5 K"."""
    found = {"mV" if box["v"] is not None else "K": box["band"] for box in boxes}
    return ", ".join(f"{limit:.2g} {unit}" for unit, limit in found.items())


def _magnitude(box: View) -> str:
    """Return how far a box is from its median: mV, or K of a place of which only the temperature is known."""
    return f"{box['mv']:+.0f}" if box["mv"] is not None else f"{box['dt']:+.1f}"


def _short(seconds: float) -> str:
    return how_long(seconds).replace(" min", "m").replace(" ", "")


def title(view: View) -> tuple[str, str]:
    """Return the page's title, and the sign in its icon."""
    known = view["headline"]["knowledge"]
    standing = view["alarms"]["by_priority"]
    signs = [f"{sum(standing.values())}!"] if standing else []
    signs += ["?"] if known == Knowledge.STALE or known in UNSEEN else []
    state = next(iter(standing), "")
    name = (f"({' '.join(signs)}) " if signs else "") + view["site"]
    return name, "?" if "?" in signs and state != "1" else state
