"""What agents say of themselves, and what is asked about it, in every database and over real TLS."""

import time
from pathlib import Path
from typing import Any

from agent.wire import PATH, About, Request, encode_request
from collector.archive import Archive
from collector.intake import Intake
from collector.questions.ask import ask
from collector.questions.table import QUESTIONS
from collector.sqlite.archive import SqliteArchive
from tests.collector.authority import Authority
from tests.collector.places import Place
from tests.collector.processes import EPOCH, collecting, seal

NOW_NS, S, DAY = 1_790_000_000 * 10**9, 10**9, 86_400 * 10**9
SITE = '서울 "1" O\'Hara'


def said(archive: Archive, name: str, **asked: str) -> list[dict[str, Any]]:
    return ask(archive, QUESTIONS[name], asked, NOW_NS)


def test_what_agents_say_of_themselves_can_be_asked(place: Place) -> None:
    now_ns = NOW_NS - 100 * S
    intake = Intake(place.open(), lambda: now_ns)
    intake.hear("a", NOW_NS + 10 * DAY, About(SITE, "0.2.0", 12, clock_synchronised=False))
    intake.hear("b", NOW_NS + 300 * DAY)
    now_ns = NOW_NS - 30 * S
    intake.hear("c", NOW_NS - DAY, About(version="0.2.1", backlog=0, clock_synchronised=True))
    intake.hear("b")  # what it said before stays
    intake.write_waiting()
    intake.close()
    archive = place.read()
    try:
        assert said(archive, "silent") == [
            {"agent": "a", "site": SITE, "heard_utc_ns": NOW_NS - 100 * S, "silent_s": 100.0}
        ]
        assert [(row["agent"], row["backlog"]) for row in said(archive, "behind")] == [("a", 12)]
        versions = [
            (row["agent"], row["version"], row["clock_synchronised"]) for row in said(archive, "versions")
        ]
        assert versions == [("b", None, None), ("a", "0.2.0", False), ("c", "0.2.1", True)]
        ends = [(row["agent"], row["left_s"]) for row in said(archive, "certificates")]
        assert ends == [("c", -86_400.0), ("a", 864_000.0)]
        assert [row["agent"] for row in said(archive, "versions", site=SITE)] == ["a"]
        assert said(archive, "certificates", site="b") == []
    finally:
        archive.close()


def test_a_collector_keeps_what_a_request_says_and_when_its_certificate_ends(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("collector")
    tls = ("--tls-cert", str(cert), "--tls-key", str(key), "--client-ca", str(authority.path))
    about = About(SITE, "0.2.0", 3, clock_synchronised=True)
    with collecting(tmp_path, *tls) as collector:
        collector.url = collector.url.replace("127.0.0.1", "localhost")
        body = encode_request(Request("site-1", EPOCH, [seal(1)], about=about), more=True)
        context = authority.client("site-1")
        assert collector.http("POST", PATH, body, context=context)[0] == 200
        collector.stop()
    archive = SqliteArchive(collector.database)
    (row,) = ask(archive, QUESTIONS["versions"], {}, time.time_ns())
    assert (row["site"], row["version"], row["clock_synchronised"]) == (SITE, "0.2.0", True)
    ((ends_ns, backlog),) = archive.select("SELECT certificate_ends_utc_ns, backlog FROM agent", {})
    assert ends_ns > time.time_ns()
    assert backlog == 3
    archive.close()
