"""What is asked about alarms: which stand, and which did."""

from collector.questions.agents import AGENT, SITE
from collector.questions.question import Column, Question

QUESTIONS = (
    Question(
        name="alarms",
        words="Which alarms stand in the whole fleet, unacknowledged first; --last: all that stood meanwhile",
        sql="SELECT l.agent, a.site, l.unit, l.place, l.detector, l.severity, l.worst, l.state, l.stands,"
        " l.raised_utc_ns, l.ended_utc_ns, l.acknowledged_utc_ns, l.acknowledged_by, l.records, l.text"
        " FROM alarm AS l LEFT JOIN agent AS a ON a.agent = l.agent WHERE {where}"
        " ORDER BY CASE WHEN l.stands THEN 0 ELSE 1 END, CASE WHEN l.state = 'NEW' THEN 0 ELSE 1 END,"
        " CASE l.severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END,"
        " l.raised_heard_utc_ns DESC, l.agent, l.id",
        columns=(
            AGENT,
            SITE,
            Column("unit", "text", "rack/unit", "unit"),
            Column("place", "text", "within it", "place"),
            Column("detector", "text", "what raised it"),
            Column("severity", "text", "now, or at its end", "severity"),
            Column("worst", "text", "the worst of its life"),
            Column("state", "text", "ISA-18.2: NEW, ACK, CLEARED-NEW, NORMAL, SHELVED", "state"),
            Column("stands", "flag", "whether it does, as far as is known here"),
            Column("raised_utc_ns", "time", "by the agent's clock; null: it was never set", "raised"),
            Column("ended_utc_ns", "time", "null: it stands, or no clock says", "ended"),
            Column("acknowledged_utc_ns", "time", "null: nobody did"),
            Column("acknowledged_by", "text", "who; empty: nobody"),
            Column("records", "count", "of this life of it"),
            Column("text", "text", "its sentence", "says"),
        ),
        conditions={
            "site": "l.agent = :site OR a.site = :site",
            "unit": "l.unit = :unit",
            "place": "l.place = :place",
            "from_ns": "l.stands OR coalesce(l.ended_utc_ns, l.changed_heard_utc_ns) >= :from_ns",
        },
        otherwise={"from_ns": "l.stands"},
        none="no alarm stands",
    ),
)
