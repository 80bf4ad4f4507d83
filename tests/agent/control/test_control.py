"""The control socket as tools use it: a real socket, and alarms of a real book behind it."""

import asyncio
import json
import os
import pwd
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from agent.alarms.site import SiteAlarms
from agent.cli import main
from agent.cli.alarm.follow import follow
from agent.clock import Clock
from agent.control import client
from agent.control.api import Resources
from agent.control.server import ControlError, ControlServer
from agent.detect import identity
from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent, called
from agent.detect.table import Row
from agent.detect.unseen import _ROWS as UNSEEN_ROWS
from agent.outputs.annunciator import Annunciator
from agent.outputs.relay import Relay
from agent.store.ledger import Event
from agent.view.language import tr
from tests.agent.store.buffers import words

ALARM = "rack-1:identity:"


class Lamp:
    """A driver that remembers."""

    def __init__(self) -> None:
        self.trouble, self.lit = "", False

    def drive(self, energised: bool) -> None:
        self.lit = energised

    async def run(self) -> None:
        await asyncio.Future()

    async def close(self) -> None:
        self.lit = False


class Site:
    """The alarms of a site with one unit, behind a control socket."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "control.sock"
        self.clock, self.book, self.lamp = Clock(), AlarmBook(), Lamp()
        self.recorded: list[tuple[str, Event]] = []
        self.collector = True  # takes at once what is recorded
        relay = Relay(Annunciator(["rack-1"]), self.lamp, self.clock.boottime_s)
        self.site_alarms = SiteAlarms({"rack-1": "rack-1"}, {"relay": relay}, self._record, self.clock)
        self.site_alarms.watch("rack-1", {"identity": self.book})
        self.site_alarms.sights([("rack-1", "LIVE")])
        points = {"rack-1": {"unit": "rack-1", "points": []}}
        self.server = ControlServer(
            self.socket,
            Resources(self.site_alarms, self._status, points.get, self._view, self.clock.boottime_s).routes(),
        )

    def _record(self, rack: str, events: Any) -> None:
        self.recorded += [(rack, event) for event in events]
        for event in events:
            if event.receipt and self.collector:
                event.receipt.seal(b"epoch", 1)
                event.receipt.settle("main", b"epoch", [1], {})

    async def _status(self) -> dict[str, Any]:
        return {
            "agent": "agent-1",
            "store": {"trouble": ""},
            "upstreams": [{"name": "main", "trouble": "it is down"}],
        }

    async def _view(self, unit: str | None, _sentences: bool) -> dict[str, Any]:
        return {"units": [{"name": "rack-1"}], "of": unit, "said": tr("NORMAL")}

    def says(self, text: str) -> None:
        stamp = self.clock.stamp()
        self.site_alarms.found("rack-1", stamp, identity.judge(self.book, text, stamp.boottime_ns / 1e9))

    async def get(self, resource: str) -> dict[str, Any]:
        return await asyncio.to_thread(client.get, self.socket, resource)

    async def post(self, resource: str, **body: Any) -> dict[str, Any]:
        return await asyncio.to_thread(client.post, self.socket, resource, body)

    async def run(self, *arguments: str) -> click.testing.Result:
        return await asyncio.to_thread(CliRunner().invoke, main, [*arguments, "--socket", str(self.socket)])

    def changes(self) -> list[dict[str, Any]]:
        return [event.record for _, event in self.recorded if event.record["kind"] == "change"]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    await site.server.start()
    yield site
    await site.server.stop()


@pytest.mark.parametrize(
    ("language", "said"), [("ko", "정상"), ("en", "NORMAL"), ("xx", "NORMAL"), ("", "NORMAL")]
)
async def test_a_view_is_told_in_the_language_that_is_asked_for(site: Site, language: str, said: str) -> None:
    assert (await site.get(f"/v1/view?language={language}"))["said"] == said
    assert (await site.get("/v1/view"))["said"] == "NORMAL"


async def test_only_owner_and_group_may_open_the_socket(site: Site) -> None:
    assert site.socket.stat().st_mode & 0o777 == 0o660


async def test_an_acknowledged_alarm_stays_until_its_cause_is_gone_and_who_did_it_is_recorded(
    site: Site,
) -> None:
    site.says("this is another battery")
    (alarm,) = (await site.get("/v1/alarms"))["alarms"]
    assert (alarm["id"], alarm["state"], alarm["text"]) == (ALARM, "NEW", "this is another battery")
    (alarm,) = (await site.post("/v1/alarms/acknowledge", alarm=ALARM))["alarms"]
    assert alarm["state"] == "ACK"
    me = os.getuid()
    (change,) = site.changes()
    assert (change["what"], change["alarm"]) == ("acknowledge", ALARM)
    assert (change["uid"], change["who"]) == (me, pwd.getpwuid(me).pw_name)
    site.says("")
    assert (await site.get("/v1/alarms"))["alarms"] == []


async def test_a_shelved_alarm_comes_back_by_itself(site: Site) -> None:
    site.says("this is another battery")
    answer = await site.post("/v1/alarms/shelve", alarm=ALARM, minutes=1, why="being replaced")
    assert answer["alarms"][0]["state"] == "SHELVED"
    assert site.changes()[0]["why"] == "being replaced"
    now_s = site.clock.boottime_s()
    assert site.book.unshelve_due(now_s + 59) == []
    assert [event.state for event in site.book.unshelve_due(now_s + 61)] == ["NEW"]


async def test_a_test_alarm_drops_the_relay_and_is_recorded(site: Site) -> None:
    assert site.lamp.lit
    answer = await site.post("/v1/alarms/test", seconds=30)
    assert not site.lamp.lit
    assert answer["relay"] == {"energised": False, "reasons": ["drill"], "trouble": ""}
    assert [change["what"] for change in site.changes()] == ["drill"]


async def test_a_test_alarm_stays_until_somebody_acknowledges_it_and_both_are_told_with_their_times(
    site: Site,
) -> None:
    site.collector = False
    await site.post("/v1/alarms/test", seconds=30)
    answer = await site.get("/v1/alarms")
    (alarm,) = answer["alarms"]
    assert (alarm["id"], alarm["severity"], alarm["state"]) == (":test:", "critical", "NEW")
    assert "nothing is wrong" in alarm["text"]
    test = answer["test"]
    assert (test["recorded"], test["collectors"], test["acknowledged"]) == (False, {}, None)
    refused = await asyncio.to_thread(follow, site.socket, 0.2)
    assert refused["trouble"] == {"main": "not within 0.2 s: it is down"}
    (event,) = [event for _, event in site.recorded if event.receipt]
    assert event.receipt
    event.receipt.seal(b"epoch", 7)
    event.receipt.settle("main", b"epoch", [6, 7], {})
    test = (await site.post("/v1/alarms/acknowledge", alarm=":test:"))["test"]
    assert (await site.get("/v1/alarms"))["alarms"] == []
    me = pwd.getpwuid(os.getuid()).pw_name
    assert (test["recorded"], test["who"], test["acknowledged"]["who"]) == (True, me, me)
    assert 0 < test["collectors"]["main"]["after_s"] <= test["acknowledged"]["after_s"]
    assert test["raised_utc_ns"] < test["collectors"]["main"]["utc_ns"] < test["acknowledged"]["utc_ns"]


async def test_alarms_of_a_book_that_is_replaced_wait_to_be_acknowledged(site: Site) -> None:
    site.says("this is another battery")
    site.site_alarms.watch("rack-1", {"identity": AlarmBook()})
    (alarm,) = (await site.get("/v1/alarms"))["alarms"]
    assert alarm["state"] == "CLEARED-NEW"
    assert (await site.post("/v1/alarms/acknowledge", alarm=ALARM))["alarms"] == []


async def test_what_the_agent_says_of_itself_is_listed_until_somebody_has_seen_it(site: Site) -> None:
    site.site_alarms.about_itself("buffer_damaged", words("a new one was begun"))
    (alarm,) = (await site.get("/v1/alarms"))["alarms"]
    assert alarm["id"] == ":buffer_damaged:"
    assert [alarm[key] for key in ("sentence", "numbers", "texts")] == [
        "words",
        {},
        {"text": "a new one was begun"},
    ]
    assert (await site.post("/v1/alarms/acknowledge", alarm=":buffer_damaged:"))["alarms"] == []
    assert site.lamp.lit  # it is not about a battery


@pytest.mark.parametrize(
    ("resource", "body", "said"),
    [
        ("/v1/alarms/acknowledge", {"alarm": ALARM}, "there is no alarm rack-1:identity:; it may be over"),
        (
            "/v1/alarms/acknowledge",
            {"alarm": "rack-1"},
            "'rack-1' is no alarm; they are called UNIT:DETECTOR:",
        ),
        ("/v1/alarms/acknowledge", {}, "alarm: a text is needed"),
        ("/v1/alarms/shelve", {"alarm": ALARM, "minutes": 1e9}, "minutes: 1e+09 is not between 0 and 1440"),
        ("/v1/alarms/shelve", {"alarm": ALARM, "minutes": True}, "minutes: a number is needed"),
        ("/v1/alarms/test", {"seconds": float("nan")}, "seconds: a number is needed"),
        ("/v1/alarms/test", {"seconds": 0}, "seconds: 0 is not between 0 and 300"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_words(
    site: Site, resource: str, body: dict[str, Any], said: str
) -> None:
    with pytest.raises(client.Refusal) as refused:
        await site.post(resource, **body)
    assert said in str(refused.value)
    assert site.changes() == []


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff\xfe", b"[" * 50_000])
async def test_a_body_that_is_no_json_object_is_refused(site: Site, body: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(str(site.socket))
    lines = ("POST /v1/alarms/test HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", "Connection: close")
    writer.write("\r\n".join((*lines, "", "")).encode() + body)
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'{"error": "the body' in answer


async def test_a_second_agent_does_not_take_the_door_of_the_first_but_that_of_a_dead_one(
    site: Site, tmp_path: Path
) -> None:
    with pytest.raises(ControlError, match="another agent answers there"):
        await ControlServer(site.socket, {}).start()
    assert (await site.get("/v1/status"))["agent"] == "agent-1"
    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(dead))
        killed.listen()
    server = ControlServer(dead, {})
    await server.start()
    await server.stop()


async def test_a_unit_that_is_not_there_is_named(site: Site) -> None:
    assert (await site.get("/v1/points?unit=rack-1"))["unit"] == "rack-1"
    with pytest.raises(client.Refusal, match="no unit 'rack-2'"):
        await site.get("/v1/points?unit=rack-2")


async def test_the_commands_say_what_happened(site: Site) -> None:
    site.says("this is another battery")
    listed = await site.run("alarm", "list")
    assert listed.exit_code == 0
    assert ALARM in listed.output
    assert "The relay is energised." in listed.output
    assert (await site.run("alarm", "ack", ALARM)).output == f"{ALARM}: acknowledged\n"
    shelved = await site.run("alarm", "shelve", ALARM, "--why", "repair", "--minutes", "5")
    assert shelved.output == f"{ALARM}: shelved for 5 min\n"
    as_json = await site.run("alarm", "list", "--json")
    assert json.loads(as_json.output)["alarms"][0]["state"] == "SHELVED"
    assert (await site.run("alarm", "unshelve", ALARM)).exit_code == 0
    tested = await site.run("alarm", "test")
    assert "The relay is dropped for 10 s" in tested.output
    assert re.search(r"On the collector's disk: acknowledged \d+ ms later\.", tested.output)
    assert tested.exit_code == 0
    unknown = await site.run("alarm", "ack", "rack-9:identity:")
    assert unknown.exit_code == 1
    assert "there is no alarm rack-9:identity:" in unknown.output


def test_without_an_agent_the_command_says_where_it_looked(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["alarm", "list", "--socket", str(tmp_path / "absent")])
    assert result.exit_code == 3
    assert (
        f"no agent answers at {tmp_path / 'absent'} (No such file or directory); is it running?"
        in result.output
    )


# ---- several at once


class Twins(Site):
    """A site whose unit has two alarms; a third comes when `late` is set."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.says("this is another battery")
        self.site_alarms.about_itself("buffer_damaged", words("a new one was begun"))


@pytest.fixture
async def twins(tmp_path: Path) -> AsyncIterator[Twins]:
    site = Twins(tmp_path)
    await site.server.start()
    yield site
    await site.server.stop()


async def test_a_list_goes_with_the_act_and_each_alarm_of_it_has_its_answer(twins: Twins) -> None:
    listed = (await twins.get("/v1/alarms"))["alarms"]
    shown = [{"id": alarm["id"], "seen": alarm["seen"]} for alarm in listed]
    twins.says("")
    twins.says("this is yet another one")
    answer = await twins.post(
        "/v1/alarms/acknowledge", alarms=[*shown, {"id": "rack-1:x:", "seen": "advice.1:1"}]
    )
    done = {one["id"]: (one["why"].partition(",")[0], one["gone"]) for one in answer["acknowledged"]}
    assert done == {
        ALARM: ("it was raised anew meanwhile", False),
        ":buffer_damaged:": ("", False),
        "rack-1:x:": ("there is no alarm rack-1:x:; it may be over already: cellwarden alarm list", True),
    }
    assert [(alarm["id"], alarm["state"]) for alarm in answer["alarms"]] == [(ALARM, "NEW")]
    assert [change["alarm"] for change in twins.changes()] == [":buffer_damaged:"]


async def test_one_alarm_with_what_was_seen_of_it_is_refused_where_it_is_another_by_now(site: Site) -> None:
    site.says("this is another battery")
    (alarm,) = (await site.get("/v1/alarms"))["alarms"]
    site.says("")
    site.says("this is yet another one")
    with pytest.raises(client.Refusal, match="raised anew meanwhile"):
        await site.post("/v1/alarms/acknowledge", alarm=ALARM, seen=alarm["seen"])
    assert site.changes() == []


@pytest.mark.parametrize(
    "listed",
    [
        None,
        {},
        [ALARM],
        [{"id": ALARM}],
        [{"id": ALARM, "seen": ""}],
        [{"id": 7, "seen": "advice.1:1"}],
        [{}] * 1001,
    ],
)
async def test_a_list_that_is_none_changes_nothing(twins: Twins, listed: Any) -> None:
    with pytest.raises(client.Refusal, match="alarms: "):
        await twins.post("/v1/alarms/acknowledge", alarms=listed)
    assert twins.changes() == []


async def test_ack_shows_several_before_it_acknowledges_them(twins: Twins) -> None:
    result = await twins.run("alarm", "ack", "--all")
    assert (result.exit_code, twins.changes()) == (2, [])
    assert "after you have seen them" in result.output
    result = await twins.run("alarm", "ack", "--all", "--yes")
    assert result.exit_code == 0, result.output
    assert "another battery" in result.output
    assert f"{ALARM}: acknowledged" in result.output
    assert len(twins.changes()) == 2
    assert "Nothing there waits" in (await twins.run("alarm", "ack", "--all")).output


@pytest.mark.parametrize(
    ("arguments", "acknowledged"),
    [
        (("--unit", "rack-1"), [ALARM]),
        (("--unit", "rack-2"), []),
        (("--cause", ":buffer_damaged:"), [":buffer_damaged:"]),
        ((ALARM, ":buffer_damaged:"), [ALARM, ":buffer_damaged:"]),
    ],
)
async def test_ack_by_unit_by_cause_or_by_ids(
    twins: Twins, arguments: tuple[str, ...], acknowledged: list[str]
) -> None:
    result = await twins.run("alarm", "ack", *arguments, "--yes", "--json")
    assert json.loads(result.output) == {"acknowledged": acknowledged, "not_acknowledged": []}
    assert result.exit_code == 0
    assert [change["alarm"] for change in twins.changes()] == acknowledged


async def test_ack_of_what_is_not_there_acknowledges_nothing_beside_it(twins: Twins) -> None:
    result = await twins.run("alarm", "ack", ALARM, "rack-1:nothing:")
    assert (result.exit_code, twins.changes()) == (1, [])
    assert "there is no alarm rack-1:nothing:" in result.output
    for wrong in ([], [ALARM, "--all"], ["--unit", "rack-1", "--all"]):
        assert (await twins.run("alarm", "ack", *wrong)).exit_code == 2


@pytest.mark.parametrize(("sentence", "limit"), [("blind", None), ("unseen", 60.0)])
async def test_the_limit_of_a_score_is_not_told_as_one_of_the_seconds_beside_it(
    site: Site, sentence: str, limit: float | None
) -> None:
    stamp = site.clock.stamp()
    t_s = stamp.boottime_ns / 1e9

    def explain(_channel: int, row: Row, _members: set[int]) -> AlarmEvent:
        shared = {"t_s": t_s, "since_s": t_s, "name": called("blind", "cell1"), "sentence": sentence}
        return AlarmEvent("blind", row.severity, "NEW", "", "", 61.0, limit or 1.0, "s", text="x", **shared)

    site.site_alarms.found(
        "rack-1", stamp, site.book.change("blind", UNSEEN_ROWS, [(0, "", 2)], t_s, explain)
    )
    (told,) = (await site.get("/v1/alarms"))["alarms"]
    assert (told["value"], told["value_unit"], told["limit"]) == (61.0, "s", limit)
