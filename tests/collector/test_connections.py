"""Strangers who connect and say nothing: there is room for who does, with 400 files as with a million."""

import http.client
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agent.wire import CONTENT_TYPE, PATH, Request, encode_request
from tests.collector import processes
from tests.collector.authority import Authority
from tests.collector.processes import EPOCH, Collector, collecting, seal

ALARM = {"kind": "alarm", "severity": "critical", "text": "hot"}
FILES = 400
SMALL = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES}))"
AGENT, STRANGER = "127.0.0.5", "127.0.0.9"


def deliver(agent: http.client.HTTPConnection, sequence: int) -> int:
    body = encode_request(Request("site-1", EPOCH, [seal(sequence, frames=0, events=(ALARM,))]))
    agent.request("POST", PATH, body, {"Content-Type": CONTENT_TYPE})
    answer = agent.getresponse()
    answer.read()
    return answer.status


@contextmanager
def strangers(collector: Collector, count: int, begun: bytes) -> Iterator[None]:
    with ExitStack() as held:
        for _ in range(count):
            connection = held.enter_context(socket.socket())
            connection.bind((STRANGER, 0))
            connection.settimeout(2)
            connection.connect(("127.0.0.1", urlsplit(collector.url).port))
            connection.send(begun)
        yield


@pytest.mark.parametrize(
    ("secure", "begun"), [(False, b""), (False, b"POST /v1/bat"), (True, b""), (True, b"\x16\x03\x01")]
)
def test_an_alarm_comes_in_beside_more_connections_than_there_are_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secure: bool, begun: bytes
) -> None:
    monkeypatch.setattr(
        processes, "COMMAND", [sys.executable, "-c", f"{SMALL}; from collector.cli import main; main()"]
    )
    options: tuple[str, ...] = ()
    context: ssl.SSLContext | None = None
    if secure:
        authority = Authority(tmp_path)
        cert, key = authority.issue("collector")
        options = ("--tls-cert", str(cert), "--tls-key", str(key), "--client-ca", str(authority.path))
        context = authority.client("site-1")

    def connect() -> http.client.HTTPConnection:
        port, from_ = urlsplit(collector.url).port, (AGENT, 0)
        if context:
            return http.client.HTTPSConnection(
                "localhost", port, timeout=5, source_address=from_, context=context
            )
        return http.client.HTTPConnection("127.0.0.1", port, timeout=5, source_address=from_)

    with collecting(tmp_path, *options) as collector:
        before = connect()
        assert deliver(before, 1) == 200
        with strangers(collector, FILES + 50, begun):
            for sequence in (2, 3):
                began_s, fresh = time.monotonic(), connect()
                assert deliver(fresh, sequence) == 200
                assert time.monotonic() - began_s < 4.0
                fresh.close()
            assert deliver(before, 4) == 200  # the oldest of all, and the only one of its address
        before.close()
        collector.process.terminate()
        _, log = collector.process.communicate(timeout=20)
    warnings = [line for line in log.splitlines() if not line.startswith("INFO")]
    assert len(warnings) == 1, warnings
    assert f"the oldest of {STRANGER}" in warnings[0]
