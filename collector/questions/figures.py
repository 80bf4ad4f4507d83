"""What is asked of minute and hour figures: the hottest, the widest spread, one place, who was blind."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from statistics import median
from typing import Any

from collector.questions.agents import AGENT, SITE
from collector.questions.question import Column, Question, Row

DAY_S, HOUR_S, MINUTE_S, NS = 86_400, 3600, 60, 10**9
SETTLED_S = 900  # an hour's figures are whole so long after its end
FEW = 5  # units: fewer say nothing about one of them
FAR = 3.5  # of the usual distance from the middle (Iglewicz and Hoaglin 1993)
UNIT = Column("unit", "text", "rack/unit", "unit")
OF_UNIT = {"site": "f.agent = :site OR a.site = :site", "unit": "f.unit = :unit"}
SINCE = {"from_ns": f"f.utc_s >= :from_ns / {NS} / {HOUR_S} * {HOUR_S}"}
NONE = "there are no figures of then"


def _highest(name: str, words: str, value: Column, when: str, place: str) -> Question:
    """A question for the hour in which a figure of each unit was highest."""
    at = "f.hottest_place" if place else "''"
    return Question(
        name=name,
        words=words,
        sql=f"SELECT agent, site, unit, place, value, at_ns FROM (SELECT f.agent, a.site, f.unit,"
        f" {at} AS place, f.{value.name} AS value, f.{when} AS at_ns,"
        " row_number() OVER (PARTITION BY f.agent, f.unit"
        f" ORDER BY f.{value.name} DESC, f.utc_s) AS n FROM unit_hour AS f"
        f" LEFT JOIN agent AS a ON a.agent = f.agent WHERE f.{value.name} IS NOT NULL"
        " AND ({where})) AS ranked WHERE n = 1 ORDER BY value DESC, agent, unit",
        columns=(
            AGENT,
            SITE,
            UNIT,
            Column("place", "text", place or "empty: the unit as a whole", "place" if place else ""),
            value,
            Column(when, "time", "the minute in which it was", "when"),
        ),
        conditions={**OF_UNIT, **SINCE},
        days=7,
        none=NONE,
    )


def _until_s(asked: Mapping[str, Any]) -> int:
    """The end of the last hour of which all figures are here."""
    return int(asked["now_ns"] // NS - SETTLED_S) // HOUR_S * HOUR_S


def _by_unit(rows: list[Row]) -> Iterator[list[Row]]:
    for _, some in groupby(rows, key=lambda row: (row["agent"], row["unit"])):
        yield list(some)


def _blind(rows: list[Row], asked: Mapping[str, Any]) -> list[Row]:
    """The spans of each unit in which it was not seen, the unit that was blind longest first."""
    from_s, until_s = asked["from_ns"] // NS // HOUR_S * HOUR_S, _until_s(asked)
    found: list[list[Row]] = []
    for pieces in _by_unit(rows):
        of = {name: pieces[0][name] for name in ("agent", "site", "unit")}
        spans = [
            {
                **of,
                "begin_utc_ns": begin_s * NS,
                "end_utc_ns": None if end_s == until_s else end_s * NS,
                "minutes": (end_s - begin_s) // MINUTE_S,
            }
            for begin_s, end_s in _gaps(pieces, from_s, until_s)
        ]
        minutes = sum(span["minutes"] for span in spans)
        found.append([{**span, "unit_minutes": minutes} for span in spans])
    found.sort(key=lambda spans: -spans[0]["unit_minutes"] if spans else 0)
    return [span for spans in found for span in spans]


def _gaps(pieces: list[Row], from_s: int, until_s: int) -> Iterator[tuple[int, int]]:
    """What lies between the pieces of one unit, from when it was there on."""
    seen = [(row["begin_s"], row["end_s"]) for row in pieces if row["begin_s"] is not None]
    if not seen and not pieces[0]["known"]:
        return
    at_s = from_s if pieces[0]["known"] else seen[0][0]
    for begin_s, end_s in (*seen, (until_s, until_s)):
        if min(begin_s, until_s) > at_s:
            yield at_s, min(begin_s, until_s)
        at_s = max(at_s, end_s)


def _connected(rows: list[Row], asked: Mapping[str, Any]) -> list[Row]:
    """Of each unit and month, how many of the minutes since the unit was there had data."""
    from_s, until_s = asked["from_ns"] // NS // HOUR_S * HOUR_S, _until_s(asked)
    found = []
    for days in _by_unit(rows):
        here = [row for row in days if row["day"] is not None]
        if not here and not days[0]["known"]:
            continue
        since_s = from_s if days[0]["known"] else here[0]["first_s"]
        for name, begin_s, end_s in _months(since_s, until_s):
            of_month = [row for row in here if begin_s <= row["day"] * DAY_S < end_s]
            minutes = (min(end_s, until_s) - max(begin_s, since_s)) // MINUTE_S
            data = min(sum(row["data_minutes"] for row in of_month), minutes)
            of = {name: days[0][name] for name in ("agent", "site", "unit")}
            found.append(
                {**of, "month": name, "minutes": minutes, "data_minutes": data, "rate": data / minutes}
            )
    return sorted(found, key=lambda row: (row["month"], -row["rate"]), reverse=True)


def _months(from_s: int, to_s: int) -> Iterator[tuple[str, int, int]]:
    """The months of UTC that have part in a span: name, first second, end."""
    at = datetime.fromtimestamp(from_s, UTC).replace(day=1, hour=0, minute=0, second=0)
    while at.timestamp() < to_s:
        after = at.replace(year=at.year + at.month // 12, month=at.month % 12 + 1)
        yield f"{at:%Y-%m}", int(at.timestamp()), int(after.timestamp())
        at = after


def _peers(rows: list[Row], asked: Mapping[str, Any]) -> list[Row]:
    """Ranks among the units of one type, and who stands far from the middle; the outliers of a type first."""
    found = []
    for _, some in groupby(rows, key=lambda row: row["profile"]):
        units = [{**row, "n": 0, "outlier": ""} for row in some]
        for name in ("spread", "heat"):
            known = [row for row in units if row[name] is not None]
            known.sort(key=lambda row: -row[name])
            middle = median(row[name] for row in known) if known else 0.0
            usual = 1.4826 * median(abs(row[name] - middle) for row in known) if known else 0.0
            for row in units:
                row[f"{name}_rank"] = known.index(row) + 1 if row in known else None
                far = row in known and len(known) >= FEW and abs(row[name] - middle) > FAR * usual > 0
                row["outlier"] = ", ".join(filter(None, (row["outlier"], name if far else "")))
                row["n"] = len(units)
                row[name] = None if row[name] is None else round(row[name], 6)
        found += sorted(units, key=lambda row: (not row["outlier"], row["spread_rank"] or len(units)))
    return [{column.name: row[column.name] for column in PEERS} for row in found]


PEERS = (
    Column("profile", "text", "their type: the profile that they are read by", "type"),
    AGENT,
    SITE,
    UNIT,
    Column("spread", "number", "V, the mean of each hour's widest spread of cell voltages", "V"),
    Column("spread_rank", "count", "1: the widest", "rank"),
    Column("heat", "number", "degC, the mean of each hour's highest temperature", "degC"),
    Column("heat_rank", "count", "1: the hottest", "rank"),
    Column("n", "count", "units of this type", "of"),
    Column(
        "outlier", "text", "of what it stands far from the middle of five or more; empty: of nothing", "far"
    ),
)
_BEGIN = f"(:from_ns / {NS} / {HOUR_S} * {HOUR_S})"
_KNOWN = (
    "EXISTS (SELECT 1 FROM unit_hour AS b WHERE b.agent = u.agent AND b.unit = u.name"
    f" AND b.utc_s < {_BEGIN}) AS known"
)
_OF = {"site": "u.agent = :site OR a.site = :site", "unit": "u.name = :unit", "from_ns": "TRUE"}
#: Where a unit was seen: whole hours, and of other hours minutes.
_SEEN = f"""SELECT u.agent, a.site, u.name, {_KNOWN}, s.begin_s, s.end_s
    FROM unit AS u LEFT JOIN agent AS a ON a.agent = u.agent LEFT JOIN (
        SELECT agent, unit, utc_s AS begin_s, utc_s + 3600 AS end_s FROM unit_hour
        WHERE coalesce(safety_minutes, data_minutes) >= 60 AND utc_s >= {_BEGIN}
        UNION ALL SELECT m.agent, m.unit, m.utc_s, m.utc_s + 60 FROM unit_hour AS h JOIN unit_minute AS m
        ON m.agent = h.agent AND m.unit = h.unit AND m.utc_s >= h.utc_s AND m.utc_s < h.utc_s + 3600
        WHERE coalesce(h.safety_minutes, h.data_minutes) < 60 AND h.utc_s >= {_BEGIN}
        AND coalesce(m.safety_minutes, m.data_minutes) > 0) AS s ON s.agent = u.agent AND s.unit = u.name
    WHERE {{where}} ORDER BY u.agent, u.name, s.begin_s, s.end_s"""
_DAYS = f"""SELECT u.agent, a.site, u.name, {_KNOWN}, s.day, s.first_s, s.data_minutes
    FROM unit AS u LEFT JOIN agent AS a ON a.agent = u.agent LEFT JOIN (
        SELECT agent, unit, utc_s / {DAY_S} AS day, min(utc_s) AS first_s, sum(data_minutes) AS data_minutes
        FROM unit_hour WHERE utc_s >= {_BEGIN} GROUP BY agent, unit, utc_s / {DAY_S}) AS s
    ON s.agent = u.agent AND s.unit = u.name WHERE {{where}} ORDER BY u.agent, u.name, s.day"""
_VALUES = "agent, unit, place, utc_s, utc_ns, name, value_unit, min, max, mean, last, good_s"
_LONG = f":from_ns < :now_ns - {8 * DAY_S * NS}"
_POINT = f"""SELECT f.agent, a.site, f.unit, f.place, f.name, f.value_unit, f.utc_ns, f.min, f.max,
    f.mean, f.last, f.good_s FROM (
        SELECT {_VALUES} FROM minute_value WHERE NOT ({_LONG}) AND utc_s >= :from_ns / {NS} AND ({{where}})
        UNION ALL SELECT {_VALUES} FROM hour_value WHERE {_LONG} AND utc_s >= {_BEGIN} AND ({{where}})) AS f
    LEFT JOIN agent AS a ON a.agent = f.agent ORDER BY f.agent, f.name, f.utc_s"""

QUESTIONS = (
    _highest(
        "hottest",
        "How hot each unit was at most in the last 7 days, where and when, the hottest first",
        Column("hottest", "number", "degC, of cells, modules or the battery", "degC"),
        "hottest_utc_ns",
        "the cell or sensor",
    ),
    _highest(
        "spread",
        "How far cell voltages of each unit were apart at most in the last 7 days, the widest first",
        Column("spread", "number", "V, between cells in one frame", "V"),
        "spread_utc_ns",
        "",
    ),
    Question(
        name="point",
        words="What one place of a unit read: minutes of the last day or of up to 8 days, hours of more",
        sql=_POINT,
        columns=(
            AGENT,
            SITE,
            Column("unit", "text", "rack/unit"),
            Column("place", "text", "within it"),
            Column("name", "text", "of the value", "name"),
            Column("value_unit", "text", "SI", "unit"),
            Column("utc_ns", "time", "when the minute or hour begins", "from"),
            Column("min", "number", "the lowest that was read and good; null: nothing was", "min"),
            Column("max", "number", "the highest", "max"),
            Column("mean", "number", "their mean", "mean"),
            Column("last", "number", "the last"),
            Column("good_s", "count", "in how many seconds something was", "s"),
        ),
        conditions={
            "site": "agent IN (SELECT g.agent FROM agent AS g WHERE g.agent = :site OR g.site = :site)",
            "unit": "unit = :unit",
            "place": "place = :place",
            "from_ns": "TRUE",
        },
        needs=("unit", "place"),
        days=1,
        none=NONE,
    ),
    Question(
        name="blind",
        words="When units were not seen in the last day: less than half of temperatures or voltages read",
        sql=_SEEN,
        read=("agent", "site", "unit", "known", "begin_s", "end_s"),
        columns=(
            AGENT,
            SITE,
            UNIT,
            Column("begin_utc_ns", "time", "when that began, or the time that is asked about", "from"),
            Column("end_utc_ns", "time", "null: it goes on, as far as there are figures", "until"),
            Column("minutes", "count", "how long", "minutes"),
            Column("unit_minutes", "count", "of this unit all together", "in all"),
        ),
        conditions=_OF,
        days=1,
        none="every unit was seen in every minute",
        finding=True,
        work=_blind,
    ),
    Question(
        name="connected",
        words="In what share of the minutes of each month units had data, of a year, the newest month first",
        sql=_DAYS,
        read=("agent", "site", "unit", "known", "day", "first_s", "data_minutes"),
        columns=(
            Column("month", "text", "UTC", "month"),
            AGENT,
            SITE,
            UNIT,
            Column("rate", "number", "the share of minutes with data, 0 to 1", "share"),
            Column("data_minutes", "count", "in which something was read", "minutes"),
            Column("minutes", "count", "of the month so far, since the unit is there", "of"),
        ),
        conditions=_OF,
        days=365,
        none=NONE,
        work=_connected,
    ),
    Question(
        name="peers",
        words="Units of one type side by side, of 7 days: spread and heat with ranks, outliers first",
        sql="SELECT y.profile, f.agent, a.site, f.unit, avg(f.spread), avg(f.hottest) FROM unit_hour AS f"
        " JOIN layout AS y ON y.schema = f.schema LEFT JOIN agent AS a ON a.agent = f.agent WHERE {where}"
        " GROUP BY y.profile, f.agent, a.site, f.unit ORDER BY y.profile, f.agent, f.unit",
        read=("profile", "agent", "site", "unit", "spread", "heat"),
        columns=PEERS,
        conditions={**OF_UNIT, **SINCE},
        days=7,
        none=NONE,
        work=_peers,
    ),
)
