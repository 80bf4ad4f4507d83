"""What is asked about agents: who is silent."""

from collector.questions.question import Column, Question

QUESTIONS = (
    Question(
        name="silent",
        words="Which agents were not heard for a minute, the longest silent first",
        sql="SELECT agent, max(last_utc_ns) AS heard_utc_ns, (:now_ns - max(last_utc_ns)) / 1e9 AS silent_s"
        " FROM stream WHERE {where} GROUP BY agent HAVING max(last_utc_ns) < :now_ns - 60000000000"
        " ORDER BY 2, 1",
        columns=(
            Column("agent", "text", "its id", "agent"),
            Column("heard_utc_ns", "time", "when it was heard last, by the collector's clock", "heard"),
            Column("silent_s", "seconds", "since then", "silent for"),
        ),
        conditions={"site": "agent = :site"},
        none="no agent is silent",
        finding=True,
    ),
)
