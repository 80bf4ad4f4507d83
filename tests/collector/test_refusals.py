"""What nobody could read later is refused, with a reason; what only looks odd, or is old, is not lost."""

import json
import socket
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgpack
import pytest
import zstandard

from agent.wire import (
    ACCEPT,
    ACKNOWLEDGEMENT_TYPE,
    CONTENT_TYPE,
    PATH,
    Request,
    decode_ack,
    decode_refusal,
    encode_request,
    encode_schema,
)
from agent.wire.schema import hash_of
from collector.asking import Asking
from collector.audit import audit
from collector.sqlite.archive import SqliteArchive
from tests.collector.processes import DESCRIPTION, EPOCH, SCHEMA, SCHEMA_BODY, Collector, collecting, seal

NAN, INF, HUGE = float("nan"), float("inf"), 2**64 - 1
BOOT = b"b" * 16


def squeezed(content: object) -> bytes:
    options = {"write_checksum": True, "write_content_size": True}
    packed = content if isinstance(content, bytes) else msgpack.packb(content)
    return zstandard.ZstdCompressor(**options).compress(packed)


def forged(sealed: tuple[int, bytes], **changes: object) -> tuple[int, bytes]:
    """A batch with some of its elements replaced by position (f0 ... f20)."""
    fields = msgpack.unpackb(zstandard.decompress(sealed[1]))
    for name, value in changes.items():
        fields[int(name[1:])] = value
    return sealed[0], squeezed(fields)


def event(**content: object) -> tuple[int, bytes]:
    return forged(seal(2, frames=0), f19=msgpack.packb([content]))


def twice(key: str) -> tuple[int, bytes]:
    packed = b"\x91\x82" + (msgpack.packb("kind") + msgpack.packb(key)) * 2
    return forged(seal(2, frames=0), f19=packed)


OFFSET = {"kind": "clock_offset", "boot_id": BOOT, "boottime_ns": 5}
LOST = {"kind": "lost", "frames": 5, "first_boottime_ns": 1, "last_boottime_ns": 9, "reason": "x"}
UNSOUND = {
    "a unit of two lines": (forged(seal(2), f4="rack\n\0/u1"), r"unit 'rack\x0a\x00/u1' is no name"),
    "a unit that turns text around": (forged(seal(2), f4="rack/\u202eu1"), "is no name"),
    "frames of no unit": (forged(seal(2), f4=""), "frames of no unit"),
    "boot time below 0": (forged(seal(2), f9=-5), "boot time"),
    "boot time that goes back": (forged(seal(2), f10=-(10**9)), "boot time"),
    "UTC that wraps": (forged(seal(2), f12=2**63 - 1), "UTC before 1970 or after 2262"),
    "UTC before 1970": (forged(seal(2), f12=-(2**62)), "UTC before 1970 or after 2262"),
    "a clock bit of the reader's": (forged(seal(2), f14=b"\x02" * 10), "clock: a bit that has no meaning"),
    "a nibble left over": (forged(seal(2), f20=b"\xff" * 150, f18=b"\x00"), "one is small"),
    "fewer values than its schema": (
        forged(seal(2), f8=2, f17=b"\0", f18=b"\0", f20=b"\0" * 10, f16=b"\1\x13"),
        "2 values in a frame, its schema describes 30",
    ),
    "NaN in a change": (event(kind="change", until_s=NAN), "nan is no number"),
    "inf deep inside": (event(kind="new", a=[{"b": INF}]), "inf is no number"),
    "more than int64": (event(kind="alarm", count=HUGE), "is no int64"),
    "no kind": (event(kind=""), "no kind"),
    "two kinds": (twice("gap"), "a key that stands twice"),
    "an alarm at a text": (event(kind="alarm", boottime_ns="x"), "boottime_ns is 'x'"),
    "an alarm of value text": (event(kind="alarm", value="NaN"), "value is 'NaN'"),
    "an alarm of no text": (event(kind="alarm", text=["x"]), "text is ['x']"),
    "a change by a text": (event(kind="change", uid="root"), "uid is 'root'"),
    "losses below 0": (event(**{**LOST, "frames": -5}), "frames is -5"),
    "losses that end before": (event(**{**LOST, "last_boottime_ns": 0}), "reversed"),
    "an offset beyond int64": (event(**OFFSET, offset_ns=HUGE), "is no int64"),
    "an offset before 1970": (event(**OFFSET, offset_ns=-6), "UTC before 1970 or after 2262"),
    "an offset after 2262": (event(**OFFSET, offset_ns=2**63 - 1), "UTC before 1970 or after 2262"),
    "an offset of text": (event(**OFFSET, offset_ns="5"), "offset_ns is '5'"),
    "an offset of no boot": (event(**{**OFFSET, "boot_id": "x"}, offset_ns=5), "boot_id is 'x'"),
    "half an offset": (event(**OFFSET), "no offset_ns"),
    "a gap with a map for a reason": (event(kind="gap", ranges=[[1, 1]], reason={"a": 1}), "reason is"),
}  # fmt: skip


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with collecting(tmp_path_factory.mktemp("refusals")) as running:
        running.send(seal(1), schemas=(SCHEMA_BODY,))
        yield running


@pytest.mark.parametrize(("sealed", "said"), UNSOUND.values(), ids=UNSOUND)
def test_what_nobody_could_read_later_is_refused(
    collector: Collector, sealed: tuple[int, bytes], said: str
) -> None:
    ack = collector.send(sealed)
    assert [sequence for sequence, _ in ack.refused] == [2], ack
    reason = ack.refused[0][1]
    assert said in reason
    assert reason.isprintable()
    assert len(reason) <= 300
    assert ack.durable_through == 1


def test_a_batch_is_held_against_its_schema_whenever_that_came(tmp_path: Path) -> None:
    odd = {name: column[:4] for name, column in DESCRIPTION.items()}
    digest, body = encode_schema(odd)
    with collecting(tmp_path) as collector:
        # in the same request, and before
        assert collector.send(forged(seal(1), f5=digest), schemas=(body,)).refused
        assert collector.send(forged(seal(1), f5=digest)).refused
        # before anybody knew: it is stored and acknowledged; the audit says that nobody can read it
        assert collector.send(seal(1)).durable_through == 1
        late = {**DESCRIPTION, "profile": "late"}
        digest, body = encode_schema({name: column[:7] for name, column in late.items()})
        assert collector.send(forged(seal(2), f5=digest)).need_schema == [digest]
        assert collector.send(schemas=(body,)).durable_through == 2


@pytest.mark.parametrize("record", [{"value": NAN, "limit": INF, "t_s": -INF}, {"value": None}, {}], ids=str)
def test_an_alarm_without_a_number_is_taken_and_said_in_json(
    collector: Collector, record: dict[str, object]
) -> None:
    """0.1.0 sealed what it had: an alarm that is refused is worse than one without a value."""
    epoch = repr(record).encode().ljust(16)[:16]
    alarm = {"kind": "alarm", "text": "hot", **record}
    assert collector.send(seal(1, frames=0, epoch=epoch, events=(alarm,)), epoch=epoch).durable_through == 1
    rows = collector.rows("SELECT record, json_extract(record, '$.value') FROM event WHERE epoch = ?", epoch)
    assert [value for _, value in rows] == [None]
    json.loads(str(rows[0][0]), parse_constant=pytest.fail)


def test_what_a_version_before_seals_is_taken(tmp_path: Path) -> None:
    buffer = sqlite3.connect(Path(__file__).parents[1] / "vectors/0.1.0/buffer.db")
    (agent_blob,) = buffer.execute("SELECT blob FROM batch LIMIT 1").fetchone()
    (epoch,) = buffer.execute("SELECT epoch FROM account").fetchone()
    batches = buffer.execute("SELECT sequence, blob FROM batch ORDER BY sequence").fetchall()
    schemas = [body for (body,) in buffer.execute("SELECT body FROM schema")]
    buffer.close()
    agent = msgpack.unpackb(zstandard.decompress(agent_blob))[1]
    with collecting(tmp_path) as collector:
        for start in range(0, len(batches), 100):
            ack = collector.send(*batches[start : start + 100], agent=agent, epoch=epoch, schemas=(*schemas,))
            assert not ack.refused
            assert not ack.need_schema


def test_a_unit_may_be_all_of_a_rack(collector: Collector) -> None:
    epoch = b"r" * 16
    assert not collector.send(forged(seal(1, epoch=epoch), f4="rack1"), epoch=epoch).refused


@pytest.mark.parametrize("sequence", [0, -1, 2**40 + 1, 2**63 - 1, 2**63])
def test_a_sequence_that_cannot_be_is_no_request_and_nothing_is_dropped(
    collector: Collector, sequence: int
) -> None:
    """A refusal of the batch would make 0.1.0 drop it, say so in a batch of its own, and so on for ever."""
    status, body, _ = collector.post(Request("site-1", EPOCH, [(sequence, seal(1)[1])]))
    assert status == 400
    assert f"sequence {sequence} is not in 1 ... {2**40}" in decode_refusal(body)


def test_the_highest_sequence_is_taken(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        ack = collector.send(seal(2**40, frames=0))
        assert (ack.durable_through, ack.missing) == (2**40, [(1, 2**40 - 1)])


@pytest.mark.parametrize("agent", ["", "a\nb", "a\x1b[31m", "a\u2028b", "\u202ea", "a\0"])
def test_a_name_of_more_than_one_line_is_no_request(collector: Collector, agent: str) -> None:
    status, body, _ = collector.post(Request(agent, EPOCH, [seal(1, agent=agent)]))
    assert status == 400
    assert decode_refusal(body).isprintable()


UNUSABLE = {
    "a list": ([1, 2], "no array of version and description"),
    "no keys": ({}, "no name"),
    "unequal": ({**DESCRIPTION, "place": ["a"]}, "lists of unequal length"),
    "no list": ({**DESCRIPTION, "scale": 0.001}, "scale is float, expected a list"),
    "text for a number": ({**DESCRIPTION, "scale": ["1"] * 30}, "scale of value 0 is '1'"),
    "a number for text": ({**DESCRIPTION, "name": [1] * 30}, "name of value 0 is 1"),
    "NaN": ({**DESCRIPTION, "scale": [NAN] * 30}, "scale of value 0 is nan"),
    "inf": ({**DESCRIPTION, "offset": [INF] * 30}, "offset of value 0 is inf"),
    "scale 0": ({**DESCRIPTION, "scale": [0] * 30}, "scale of value 0 is 0"),
    "reading 6": ({**DESCRIPTION, "reading": [6] * 30}, "reading of value 0 is 6"),
    "reading -1": ({**DESCRIPTION, "reading": [-1] * 30}, "reading of value 0 is -1"),
    "reading true": ({**DESCRIPTION, "reading": [True] * 30}, "reading of value 0 is True"),
    "reading 1.0": ({**DESCRIPTION, "reading": [1.0] * 30}, "reading of value 0 is 1.0"),
    "reading huge": ({**DESCRIPTION, "reading": [HUGE] * 30}, "reading of value 0 is 18446744073709551615"),
    "heartbeats": ({**DESCRIPTION, "changes_within_s": {"0": NAN}}, "changes_within_s"),
}


@pytest.mark.parametrize(("description", "said"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_schema_is_told_and_not_asked_for_at_once_and_its_batches_are_kept(
    collector: Collector, description: object, said: str
) -> None:
    body = squeezed([1, description])
    digest = epoch = hash_of(body) or b""
    sealed = forged(seal(1, epoch=epoch), f5=digest)
    for _ in range(2):
        ack = collector.send(sealed, epoch=epoch, schemas=(body,))
        assert (ack.durable_through, ack.refused, ack.need_schema) == (1, [], [])
    request = encode_request(Request("site-1", epoch, [], [body]))
    ((name, why, pause_s),) = decode_ack(
        collector.http("POST", PATH, request, Accept=ACCEPT)[1]
    ).refused_schemas
    assert (name, said in why, pause_s) == (digest, True, 60.0)
    assert collector.rows("SELECT 1 FROM schema WHERE hash = ?", digest) == []
    rows = collector.rows("SELECT kind, times, text FROM incident WHERE epoch = ?", epoch)
    assert [row[:2] for row in rows] == [(f"schema {digest.hex()}", 3)]
    assert said in str(rows[0][2])
    metrics = collector.http("GET", "/metrics")[1]
    assert b'incidents_total{agent="site-1",kind="schema"}' in metrics
    told: list[str] = []
    archive = SqliteArchive(collector.database, told.append)
    assert archive.description(digest) is None
    assert [line for line in told if said in line] == told
    (account,) = (one for one in audit(archive) if one.epoch == epoch.hex())
    assert (account.balanced, account.fine, len(account.unreadable)) == (True, False, 1)
    archive.close()


def test_a_schema_is_mended_by_a_usable_one_under_the_same_agent(collector: Collector) -> None:
    ack = collector.send(seal(1), schemas=(b"no zstd", SCHEMA_BODY))
    assert (ack.need_schema, ack.refused) == ([], [])


def test_an_unusable_schema_is_asked_for_once_a_minute() -> None:
    asking, other = Asking(), b"o" * 16
    asking.refused("site-1", [SCHEMA], 0.0)
    assert asking.due("site-1", [SCHEMA, other], 1.0) == [other]
    assert asking.due("site-2", [SCHEMA], 1.0) == [SCHEMA]
    assert asking.due("site-1", [SCHEMA], 60.0) == [SCHEMA]
    asking.refused("site-1", [SCHEMA], 61.0)
    assert asking.due("site-1", [SCHEMA], 119.0) == []
    assert asking.due("site-1", [SCHEMA], 120.0) == [SCHEMA]
    asking.refused("site-1", [None], 121.0)  # one without a hash: nobody knows which it is
    assert asking.due("site-1", [other, SCHEMA], 130.0) == []
    assert asking.due("site-1", [other, SCHEMA], 190.0) == [other, SCHEMA]


@pytest.mark.parametrize("narrow", [b"\0", b""], ids=["of no bytes each", "empty"])
def test_a_batch_of_events_alone_may_write_its_empty_lists_both_ways(
    collector: Collector, narrow: bytes
) -> None:
    epoch = narrow.ljust(16, b"n")
    events = forged(
        seal(1, frames=0, epoch=epoch, events=({"kind": "alarm"},)),
        f11=narrow, f13=narrow, f16=narrow, f17=narrow, f18=narrow,
    )  # fmt: skip
    assert collector.send(events, epoch=epoch).durable_through == 1
    assert collector.send(forged(seal(2, frames=0), f20=b"\0")).refused


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", PATH, {}, 405),
        ("PUT", PATH, {}, 405),
        ("POST", PATH + "/", {}, 404),
        ("POST", "/collector" + PATH, {}, 404),
        ("POST", PATH, {"Expect": "a-miracle"}, 417),
        ("POST", PATH, {"Content-Type": "text/plain"}, 415),
    ],
)
def test_every_answer_about_batches_is_the_collectors_own_word(
    collector: Collector, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    kind = headers.pop("Content-Type", CONTENT_TYPE)
    got, body, said = collector.http(method, path, b"x", content_type=kind, **headers)
    assert (got, said["Content-Type"]) == (status, ACKNOWLEDGEMENT_TYPE)
    assert decode_refusal(body)


def test_a_body_that_is_no_http_is_answered_in_the_collectors_own_word(collector: Collector) -> None:
    place = urlsplit(collector.url)
    with socket.create_connection((place.hostname, place.port), timeout=10) as raw:
        raw.sendall(
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\n"
            "Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode()
        )
        answer = raw.recv(4096)
    assert b" 400 " in answer
    assert f"Content-Type: {ACKNOWLEDGEMENT_TYPE}".encode() in answer


def test_a_request_without_anything_is_still_answered(collector: Collector) -> None:
    status, body, _ = collector.http("POST", PATH, encode_request(Request("new", EPOCH, [])))
    assert (status, decode_ack(body).durable_through) == (200, 0)
