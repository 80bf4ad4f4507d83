"""A collector as an agent meets it: a process behind a socket."""

import contextlib
import http.client
import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from agent.wire import (
    ACKNOWLEDGEMENT_TYPE,
    CONTENT_TYPE,
    PATH,
    Request,
    decode_refusal,
    encode_request,
    holder,
)
from tests.collector.processes import (
    COMMAND,
    EPOCH,
    SCHEMA,
    SCHEMA_BODY,
    Collector,
    collecting,
    free_port,
    rows,
    seal,
)
from tests.until import STOPPED_S


def test_batches_are_stored_once_however_often_they_come(tmp_path: Path) -> None:
    batches = [seal(n) for n in range(1, 6)]
    with collecting(tmp_path) as collector:
        for _ in range(3):
            ack = collector.send(*batches, schemas=(SCHEMA_BODY,))
            assert (ack.durable_through, ack.missing, ack.need_schema, ack.refused) == (5, [], [], [])
            assert ack.epoch == EPOCH
        assert collector.rows("SELECT sequence, blob FROM batch ORDER BY 1") == batches
        assert collector.stop() == 0
        assert collector.rows("SELECT batches, frames, value_count, duplicates FROM stream") == [
            (5, 50, 1500, 10)
        ]


def test_a_schema_is_asked_for_until_it_is_known(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        assert collector.send(seal(1)).need_schema == [SCHEMA]
        assert collector.send(seal(1)).need_schema == [SCHEMA]
        assert collector.send(schemas=(SCHEMA_BODY,)).need_schema == []
        assert collector.send(seal(2)).need_schema == []
        assert collector.rows("SELECT hash, body FROM schema") == [(SCHEMA, SCHEMA_BODY)]


def test_holes_are_named_until_they_are_filled_or_reported(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        assert collector.send(seal(9)).missing == [(1, 8)]
        ack = collector.send(seal(3), seal(4))
        assert (ack.durable_through, ack.missing) == (9, [(1, 2), (5, 8)])
        gap = {"kind": "gap", "ranges": [[1, 2], [5, 6]], "reason": "cap"}
        assert collector.send(seal(10, frames=0, events=(gap,))).missing == [(7, 8)]
        ack = collector.send(seal(7), seal(8))
        assert (ack.durable_through, ack.missing) == (10, [])


def test_a_bad_batch_is_refused_by_name_and_the_others_are_stored(tmp_path: Path) -> None:
    _, good = seal(2)
    hostile = {
        3: b"not zstd",
        4: good[:-9],
        5: good,
        6: seal(6, agent="other")[1],
        7: seal(7, epoch=b"x" * 16)[1],
    }
    with collecting(tmp_path) as collector:
        ack = collector.send(seal(1), *hostile.items(), seal(8))
        assert [sequence for sequence, _ in ack.refused] == list(hostile)
        assert dict(ack.refused)[3].startswith("NotZstd: no zstd frame")
        assert dict(ack.refused)[5] == "the batch says sequence 2, the request says 5"
        assert dict(ack.refused)[6] == "the batch says agent other, the request says site-1"
        assert (ack.durable_through, ack.missing) == (8, [(2, 7)])
        assert collector.rows("SELECT sequence FROM batch ORDER BY 1") == [(1,), (8,)]
        assert collector.rows("SELECT count(*) FROM refused") == [(5,)]
        assert len(collector.send(*hostile.items()).refused) == 5
        assert collector.rows("SELECT count(*) FROM refused") == [(5,)]


def test_the_same_key_with_other_bytes_is_a_conflict_that_overwrites_nothing(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        first = seal(1)
        collector.send(first)
        status, body, _ = collector.post(Request("site-1", EPOCH, [seal(1, seed=1), seal(2)]))
        assert status == 409
        assert b"batch 1 is stored with other bytes" in body
        assert collector.rows("SELECT blob FROM batch WHERE sequence = 1") == [(first[1],)]
        assert collector.rows("SELECT kind, times FROM incident") == [("conflict", 1)]
        assert collector.rows("SELECT sequence FROM batch") == [(1,), (2,)]  # the others are stored


def test_a_batch_that_stands_twice_in_a_request_is_one_and_with_other_bytes_a_conflict(
    tmp_path: Path,
) -> None:
    with collecting(tmp_path) as collector:
        assert collector.send(seal(2), seal(1), seal(2)).durable_through == 2
        status, _, _ = collector.post(Request("site-1", EPOCH, [seal(3), seal(3, seed=1), seal(4)]))
        assert status == 409
        assert collector.rows("SELECT sequence, blob FROM batch ORDER BY 1") == [
            seal(n) for n in (1, 2, 3, 4)
        ]
        assert collector.rows("SELECT kind FROM incident") == [("conflict",)]


def test_what_is_no_path_of_the_page_is_none_of_its_answers(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        for path in ("/", "/v1/other", PATH + "/x"):
            status, _, headers = collector.http("POST", path, b"")
            assert (status, ACKNOWLEDGEMENT_TYPE in headers["Content-Type"]) == (404, False)


def test_nothing_acknowledged_is_lost_by_a_kill_and_the_same_bytes_are_no_news(tmp_path: Path) -> None:
    batches = [seal(n) for n in range(1, 31)]
    for start in range(0, 30, 10):
        with collecting(tmp_path) as collector:
            assert collector.send(*batches[: start + 10]).durable_through == start + 10
            collector.kill()
        assert rows(tmp_path / "collector.db", "SELECT count(*) FROM batch") == [(start + 10,)]
    with collecting(tmp_path) as collector:
        assert collector.send(batches[0]).durable_through == 30
        assert collector.rows("SELECT sequence, blob FROM batch ORDER BY 1") == batches


def test_a_kill_in_mid_request_leaves_all_of_it_or_nothing(tmp_path: Path) -> None:
    batches = [seal(n) for n in range(1, 201)]
    body = encode_request(Request("site-1", EPOCH, batches))
    for delay_s in (0.0, 0.005, 0.02, 0.05):
        with collecting(tmp_path) as collector:
            sender = threading.Thread(target=_post_into_the_void, args=(collector, body))
            sender.start()
            time.sleep(delay_s)  # where in the request the kill falls does not matter to what is asserted
            collector.kill()
            sender.join()
        assert rows(tmp_path / "collector.db", "SELECT count(*) FROM batch")[0][0] in (0, 200)
    with collecting(tmp_path) as collector:
        assert collector.send(*batches).durable_through == 200
        assert collector.rows("SELECT sequence, blob FROM batch ORDER BY 1") == batches


def _post_into_the_void(collector: Collector, body: bytes) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        collector.http("POST", PATH, body)


@pytest.mark.parametrize(
    ("body", "options", "status", "said"),
    [
        (b"", {}, 400, "NotMsgpack: request"),
        (b"\x91\x07", {}, 400, "UnknownVersion: request of version 7"),
        (bytes(2 * 1024 * 1024 + 1), {}, 413, "the body is larger than 2097152 bytes"),
        (encode_request(Request("a", EPOCH, [(1, b"")] * 257)), {}, 413, "257 batches, the limit is 256"),
        (b"{}", {"content_type": "application/json"}, 415, "expected application/vnd.cellwarden"),
        (b"x", {"Content-Encoding": "gzip"}, 415, "without content encoding"),
    ],
    ids=["empty", "version", "too large", "too many", "not ours", "encoded"],
)
def test_a_request_that_cannot_be_read_is_answered_by_one_line(
    tmp_path: Path, body: bytes, options: dict[str, str], status: int, said: str
) -> None:
    with collecting(tmp_path) as collector:
        got, answer, headers = collector.http("POST", PATH, body, **options)
        assert (got, headers["Content-Type"]) == (status, ACKNOWLEDGEMENT_TYPE)
        assert said in decode_refusal(answer)
        assert collector.send(seal(1)).durable_through == 1


def test_sigterm_finishes_what_was_begun_and_exits_0_within_two_seconds(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        place = collector.url.removeprefix("http://").split(":")
        with socket.create_connection((place[0], int(place[1]))) as idle:
            idle.sendall(b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n")
            idle.sendall(b"Content-Type: " + CONTENT_TYPE.encode() + b"\r\n\r\nabc")
            assert collector.send(seal(1)).durable_through == 1
            start_s = time.monotonic()
            assert collector.stop() == 0
            assert time.monotonic() - start_s < STOPPED_S


def test_a_port_in_use_is_one_clear_line_and_exit_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = _serve("--sink", f"sqlite:{tmp_path}/c.db", "--listen", listen)
    assert done.returncode == 2
    assert done.stderr == (
        f"CW-510 --listen {listen}: in use by {holder.named(os.getpid())}; "
        "stop that process or choose another port\n"
    )


def test_two_options_on_one_port_are_told_as_that(tmp_path: Path) -> None:
    port = free_port()
    place, named = f"127.0.0.1:{port}", f"localhost:{port}"
    done = _serve("--sink", f"sqlite:{tmp_path}/c.db", "--listen", named, "--api", place)
    assert (done.returncode, done.stderr) == (
        2,
        f"CW-510 --api {place}: --listen has this port; give --api another one\n",
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--listen", "0.0.0.0:0"), "0.0.0.0 can be reached from elsewhere"),
        (("--listen", "collector.example:0"), "collector.example can be reached from elsewhere"),
        (("--listen", "8440"), "expected HOST:PORT"),
        (("--listen", "::1"), "expected HOST:PORT"),
        (("--listen", "::g:1"), "no IPv6 address"),
        (("--listen", "http://127.0.0.1:8440"), "is a URL"),
        (("--tls-cert", "x.pem"), "--tls-cert and --tls-key belong together"),
        (("--tls-cert", "x.pem", "--tls-key", "y.pem"), "the TLS files cannot be used (x.pem, y.pem)"),
        (("--sink", "sqlite:/nowhere/c.db"), "/nowhere/c.db: unable to open database file"),
        (("--sink", "postgres://x"), "expected sqlite:PATH"),
    ],
)
def test_what_cannot_be_served_is_said_clearly(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    done = _serve("--sink", f"sqlite:{tmp_path}/c.db", *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def _serve(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, "serve", *options], capture_output=True, text=True, timeout=20)


def test_health(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        collector.send(seal(1))
        status, body, _ = collector.http("GET", "/healthz")
        assert status == 200
        assert b'"ok": true' in body
