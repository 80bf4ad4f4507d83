"""Every state that people see, as whole pages out of invented sites: for axe, for eyes, for budgets."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from agent.view.page import blocks, pages
from agent.view.trends import Trends
from agent.web import plot_around
from agent.web.acts import answer
from agent.web.around import Around
from agent.web.screen import shown_units
from tests.agent.view.sites import NOW, alarm, at, rack, record, shown, status, unit

View = dict[str, Any]
NONE = {"judged": 0, "blind": 0, "no_sensor": 0}
KINDS = {
    "temperature": {**NONE, "learning": 4, "left_s": 33_740},
    "voltage": {**NONE, "learning": 240, "left_s": 3550},
}
LEARNING = {"detectors": {"kinds": KINDS, "said": "learning anew: no state was kept"}}
HOT = "string1/sensor1"
AHEAD = {"to_degc": 80.0, "slope_k_per_s": 2.8 / 60.0, "in_s": 666.0, "soonest_s": 540.0, "latest_s": 900.0}


def pack(seed: int, cells: int = 60, **changed: float) -> list[dict[str, Any]]:
    """Points of a rack with a spread of its own, in steps of a millivolt and of a tenth of a kelvin."""
    draw, points = random.Random(seed), rack(4, cells)
    warm = draw.uniform(-1.5, 1.5)
    for point in points:
        if point["quantity"] == "cell_voltage":
            point["last"] = round(point["last"] + draw.gauss(0.0, 0.0015), 3)
        elif point["quantity"] == "cell_temperature":
            point["last"] = round(point["last"] + warm + draw.gauss(0.0, 0.3), 1)
    for place, value in changed.items():
        at(points, place.replace("_", "/"))["last"] = value
    return points


def hour(names: list[str], rise_k: Mapping[str, float], still: bool = True) -> Trends:
    """An hour of every unit; `rise_k`: how far it has heated in the last quarter. `still`: nothing lost."""
    trends, draw = Trends(), random.Random(7)
    for k in range(120):
        trends.begin()
        for u, name in enumerate(names):
            hot = 25.0 + u % 5 * 0.4 + draw.uniform(0, 0.1) + rise_k.get(name, 0.0) * max(0, k - 90) / 30
            lost = not still and 60 < k < 75
            said = {"hottest": hot, "coldest": 22.0 + draw.uniform(0, 0.1), "voltage": 768.4}
            said |= {"current": -12.6 + draw.gauss(0, 0.2), "soc": 81 - k / 60, "spread": 66 + draw.random()}
            said |= {"min": 3.215, "max": 3.284}
            trends.take(name, {key: float("nan") if lost else x for key, x in said.items()}, 10 * k, k // 60)
    return trends


def heats(name: str, minutes: float, degc: float, **more: Any) -> dict[str, Any]:
    """A sensor that heats: raised so long ago, so hot now."""
    given = {
        "detector": "thermal-slope",
        "quantity": "cell_temperature",
        "value": 2.8,
        "limit": 0.5,
        "value_unit": "K/min",
        "text": "string1/sensor1 heats by 2.80 K/min over 5 min, its siblings by 0.02; it was 26.7 degC.",
        "age_s": 60.0 * minutes,
        "now": f"{degc} degC",
        "present": {"value": degc, "unit": "degC", "age_s": 1.0, "seen": True, "ahead": AHEAD},
        "evidence_for": "cell 5 beside it is 47 mV low",
        "evidence_against": "",
        "do": "Take load and charge off this unit. Do not open it. Call the fire brigade if it smokes.",
    }
    return alarm(severity="critical", unit=name, **({"location": HOT} | given | more))


def around() -> Around:
    """The hour of such an alarm, with a minute that was lost."""
    t_s = NOW.timestamp() - np.arange(2400.0, 0.0, -20.0)
    own = 25.0 + 0.05 * np.sin(t_s) + 2.8 / 60.0 * np.maximum(0.0, t_s - NOW.timestamp() + 500.0)
    middle = np.full(t_s.size, 25.1)
    stretch = (np.arange(t_s.size) >= 40).astype(np.int64)
    return Around(
        t_s[0], NOW.timestamp(), t_s, own, stretch, middle, middle - 0.6, middle + 0.7, "degC", True, 7
    )


def drawn(view: View) -> dict[str, Markup]:
    """The figure of each alarm of heat."""
    rows = [*view["alarms"]["active"], *view["alarms"]["over"]]
    zone = NOW.tzinfo
    return {
        row["id"]: plot_around.figure(row, around(), zone) for row in rows if row["value_unit"] == "K/min"
    }


def page(view: View, unit_: str | None = None, acts: bool = False) -> str:
    """The status page as it is served, before what is of one session."""
    number = shown_units(view, unit_)
    tiled = unit_ is None and len(view["units"]) > 1
    parts = blocks.slots(view, number, drawn(view), tiled=tiled, acts=acts)
    return pages.status_page(view, parts, number, "x", f"?unit={unit_}" if unit_ else "")


def site(count: int, alarms: list[dict[str, Any]], rise_k: Mapping[str, float], **more: Any) -> View:
    """A site of racks. more: `knowledge` of some units by name, what `every` unit says besides."""
    names = [f"rack-{i:02}" for i in range(1, count + 1)]
    known, every = more.pop("knowledge", {}), more.pop("every", {})
    units = [unit(name, *known.get(name, ()), **every) for name in names]
    log = [record(one, "NEW", one["age_s"]) for one in alarms]
    log += [
        {
            **record(one, "ACK", 60.0),
            "kind": "change",
            "what": "acknowledge",
            "who": "kim",
            "alarm": one["id"],
        }
        for one in alarms
        if one["state"] == "ACK"
    ]
    points = {name: pack(i, **(more.get("changed", {}).get(name, {}))) for i, name in enumerate(names)}
    for name, (_, age_s, *_) in known.items():
        for point in points[name]:
            point["last_age_s"] = age_s
    said = status(units, alarms, sorted(log, key=lambda one: one["utc_ns"]))
    return shown(said, points, more.get("trends") or hour(names, rise_k), more.get("name", "Seoul B2"))


LEAVES = {"string1_cell5": 3.173, "string1_sensor1": 48.9}


def _drifts(name: str = "rack-08", **more: Any) -> dict[str, Any]:
    text = "string1/cell7 is 21 mV below the median of its siblings, and 3 mV a day farther for 6 days."
    return alarm("string1/cell7", "warning", "ACK", unit=name, text=text, now="-21 mV", age_s=7200.0, **more)


def _low(place: str, mv: int, **more: Any) -> dict[str, Any]:
    return alarm(place, text=f"{place} is {mv} mV below the median of its siblings.", **more)


def healthy() -> str:
    """Eight racks that are well."""
    return page(site(8, [], {}))


def first_minute() -> str:
    """Everything is read, and nothing is learned yet."""
    trends = Trends()
    trends.begin()
    return page(site(8, [], {}, every=LEARNING | {"age_s": 0.8}, trends=trends))


def in_alarm(count: int = 8, **more: Any) -> View:
    """One rack heats, one is not seen, one drifts."""
    known = {"rack-05": ("BLIND", 1080.0), "rack-06": ("PARTIAL", 2.0)}
    these = [heats("rack-03", 0.7, 28.9), _drifts()]
    changed = {
        "rack-03": {"string1_sensor1": 28.9},
        "rack-08": {"string1_cell7": 3.199},
    }
    return site(count, these, {"rack-03": 4.0}, knowledge=known, changed=changed, **more)


def later() -> View:
    """The same eight minutes later: seen by somebody, a second sign, and one that is over."""
    these = [
        heats("rack-03", 8.0, 48.9, state="ACK"),
        _low("string1/cell5", 47, severity="critical", unit="rack-03", age_s=120.0, now="-47 mV"),
        _low("string2/cell9", 18, state="CLEARED-NEW", unit="rack-01", age_s=3000.0),
        _drifts(),
    ]
    known = {"rack-05": ("BLIND", 1560.0)}
    changed = {"rack-03": LEAVES, "rack-08": {"string1_cell7": 3.199}}
    return site(8, these, {"rack-03": 24.0}, knowledge=known, changed=changed)


def blind() -> str:
    """Nothing is seen, and an alarm stood when sight was lost."""
    names = [f"rack-{i:02}" for i in range(1, 9)]
    known = {name: ("BLIND", 1100.0) for name in names}
    then = {"value": 48.9, "unit": "degC", "age_s": 1100.0, "seen": False, "ahead": AHEAD}
    return page(site(8, [heats("rack-03", 24.0, 48.9, present=then)], {}, knowledge=known))


def lost() -> str:
    """The agent is gone: what the script of an open page makes of it."""
    strip = "This page lost the agent 40 s ago. Values below are old."
    html = page(in_alarm())
    return (
        html.replace("<body", '<body class="lost"')
        .replace('role="alert"></div>', f'role="alert">{strip}</div>')
        .replace("<script>", "<!--")
        .replace("</script>", "-->")
    )


def logged_in() -> str:
    """The same for somebody who has logged in: buttons, and what came of the last one."""
    view = later()
    last = answer(
        "14:02:11",
        "Kim (page)",
        [("rack-01:a:b", ""), ("rack-03:c:d", "it grew worse: critical now")],
    )
    return pages.with_session(page(view, acts=True).encode(), last, "0" * 64, "Kim", "").decode()


def many(count: int = 64) -> str:
    """64 racks of 240 cells."""
    return page(in_alarm(count))


def alone() -> str:
    """One rack, in alarm: its tile is its figures."""
    changed = {"rack-01": LEAVES}
    return page(site(1, [heats("rack-01", 8.0, 48.9)], {"rack-01": 24.0}, changed=changed))


def odd() -> str:
    """Names that are hard to set: from right to left, combining letters, emoji, 64 wide letters."""
    names = ["غرفة البطارية ١", "Z̴̡̛a̷̧͝l̶̨g̵o̴ é̂̃", "🔋🔥 ラック", "전" * 64, "W" * 64, "a/b&c=<d>"]
    units = [unit(name) for name in names] + [unit("\u202erack-7\u202c")]
    these = [alarm(unit=name, severity="warning", now="-18 mV") for name in names[:4]]
    log = [record(one, "NEW", 60.0) for one in these]
    points = {name: pack(i, 20) for i, name in enumerate(names)}
    return page(shown(status(units, these, log), points, hour(names, {}), "서울 B2 배터리실 " * 4))


def history() -> str:
    """The history of a place of which the buffer has nothing."""
    view, asked = later(), {"u": "rack-03", "place": HOT, "q": ""}
    end_s = NOW.timestamp()
    return pages.history_page(view, view["units"][2], [], asked, end_s - 3600.0, end_s, NOW, ["csv"])


def cell() -> str:
    """One sensor in alarm."""
    view = later()
    return pages.cell_page(view, view["units"][2], 240, [])


def table() -> str:
    """All cells of a unit."""
    view = later()
    return pages.table_page(view, view["units"][2], "mv")


STATES: dict[str, Callable[[], str]] = {
    "healthy": healthy,
    "first-minute": first_minute,
    "alarm": lambda: page(in_alarm()),
    "later": lambda: page(later()),
    "blind": blind,
    "lost": lost,
    "logged-in": logged_in,
    "login": lambda: pages.message_page("cellwarden", "That is not the token.", login=True),
    "many": many,
    "alone": alone,
    "odd": odd,
    "unit": lambda: page(later(), "rack-03"),
    "history": history,
    "cell": cell,
    "table": table,
}
#: On what each of them is looked at: width, theme.
SCREENS = ((1280, "light"), (390, "dark"))
