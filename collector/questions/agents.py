"""What is asked about agents: who is silent, who is behind, which versions run, whose certificates end."""

from collector.questions.question import Column, Question

AGENT = Column("agent", "text", "its id", "agent")
SITE = Column("site", "text", "what people call its site; null: it never said", "site")
SAID = Column("said_utc_ns", "time", "when it said so, by the collector's clock", "said")
OF_SITE = {"site": "agent = :site OR site = :site"}

QUESTIONS = (
    Question(
        name="silent",
        words="Which agents were not heard for a minute, the longest silent first",
        sql="SELECT agent, site, heard_utc_ns, (:now_ns - heard_utc_ns) / 1e9 AS silent_s FROM agent"
        " WHERE heard_utc_ns < :now_ns - 60000000000 AND ({where}) ORDER BY 3, 1",
        columns=(
            AGENT,
            SITE,
            Column("heard_utc_ns", "time", "when it was heard last, by the collector's clock", "heard"),
            Column("silent_s", "seconds", "since then", "silent for"),
        ),
        conditions=OF_SITE,
        none="no agent is silent",
        finding=True,
    ),
    Question(
        name="behind",
        words="Which agents said last that batches wait there for this collector, most first",
        sql="SELECT agent, site, backlog, said_utc_ns FROM agent WHERE backlog > 0 AND ({where})"
        " ORDER BY 3 DESC, 1",
        columns=(
            AGENT,
            SITE,
            Column("backlog", "count", "batches that are sealed and not acknowledged", "batches"),
            SAID,
        ),
        conditions=OF_SITE,
        none="no agent said that batches wait",
    ),
    Question(
        name="versions",
        words="Which version each agent runs, and whether its clock is synchronised, the oldest word first",
        sql="SELECT agent, site, version, clock_synchronised, said_utc_ns FROM agent WHERE {where}"
        " ORDER BY coalesce(said_utc_ns, 0), 1",
        columns=(
            AGENT,
            SITE,
            Column("version", "text", "null: it is of before 0.2, or was not heard since", "version"),
            Column("clock_synchronised", "flag", "whether something sets its clock", "clock set"),
            SAID,
        ),
        conditions=OF_SITE,
        none="no agent was heard",
    ),
    Question(
        name="certificates",
        words="Which agents' certificates end within 30 days, or have ended, the first first",
        sql="SELECT agent, site, certificate_ends_utc_ns, (certificate_ends_utc_ns - :now_ns) / 1e9 AS left_s"
        " FROM agent WHERE certificate_ends_utc_ns < :now_ns + 2592000000000000 AND ({where}) ORDER BY 3, 1",
        columns=(
            AGENT,
            SITE,
            Column("certificate_ends_utc_ns", "time", "of the one that it showed last", "ends"),
            Column("left_s", "seconds", "until then; below 0: since then", "time left"),
        ),
        conditions=OF_SITE,
        none="no agent's certificate ends within 30 days",
        finding=True,
    ),
)
