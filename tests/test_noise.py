"""Noise at every opening of the two processes: each stays alive, believes nothing, and keeps its size."""

import random
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.wire import PATH, Request, encode_request
from agent.wire.request import decode_refusal
from hil.run import configuration
from hil.run.processes import Child, Children, resident_mb, wait_for_status
from tests.collector.processes import EPOCH, SCHEMA_BODY, Collector, collecting, seal
from tests.until import STOPPED_S

ANSWERS = 20  # a unit that lies is asked less and less often


class Liar(socketserver.ThreadingTCPServer):
    """A BMU, and a collector, that answers whatever it is asked with noise that looks like an answer."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Lies)
        self.random = random.Random(7)
        self.answers = 0
        self.enough = threading.Event()


class Lies(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Liar)
        while request := self.request.recv(65536):
            self.request.sendall(self.lie(self.server.random, request))
            self.server.answers += 1
            if self.server.answers >= ANSWERS:
                self.server.enough.set()

    @staticmethod
    def lie(rng: random.Random, request: bytes) -> bytes:
        noise = rng.randbytes(rng.choice((1, 7, 12, 300, 5000)))
        length = rng.choice((0, 1, 2, 3, 255, 65535))
        return rng.choice(
            (
                noise,
                request,  # an echo
                # the right transaction, unit and function
                request[:4] + struct.pack(">H", length) + request[6:8] + noise,
                request[:2] + b"\x00\x00\x00\x03" + request[6:7] + bytes((request[7] | 0x80, noise[0])),
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(noise) + noise,
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + noise,
            )
        )  # fmt: skip


@pytest.fixture
def liar() -> Iterator[Liar]:
    with Liar() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(path: Path, request: bytes, hang_up: bool = True) -> bytes:
    """Send bytes to the control socket and return what comes back before it closes."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(5.0)
        door.connect(str(path))
        answer = b""
        try:
            door.sendall(request)
            if hang_up:
                door.shutdown(socket.SHUT_WR)
            while part := door.recv(65536):
                answer += part
        except (TimeoutError, ConnectionError):
            pass
        return answer


GET_STATUS = b"GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
def agent(tmp_path: Path, liar: Liar) -> Iterator[Child]:
    config = tmp_path / "agent.toml"
    port = liar.server_address[1]
    text = configuration.agent(tmp_path, f"http://127.0.0.1:{port}", store={"batch_s": 0.2})
    text += configuration.tcp_unit("rack-1", port, "pace-rtu", period_s=0.1, timeout_s=0.05)
    config.write_text(text)
    with Children(tmp_path) as children:
        child = children.start("agent", "agent.cli", "run", "--config", str(config))
        wait_for_status(child)
        yield child


@pytest.mark.long(60)
def test_an_agent_believes_none_of_a_lying_unit_a_lying_collector_and_a_noisy_door(
    tmp_path: Path, liar: Liar, agent: Child
) -> None:
    rng, door = random.Random(11), tmp_path / "control.sock"
    assert liar.enough.wait(90), f"only {liar.answers} answers"
    before_mb = resident_mb(agent.process.pid)
    for _ in range(60):
        noise = rng.randbytes(rng.choice((0, 1, 100, 20_000)))
        cut, post = GET_STATUS[: rng.randrange(60)], b"POST /v1/x HTTP/1.1\r\n" + noise
        ask(door, rng.choice((noise, cut, post, GET_STATUS)))
    assert resident_mb(agent.process.pid) < before_mb + 20
    assert agent.alive
    head, _, body = ask(door, GET_STATUS, hang_up=False).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b'"good"' not in body  # no value of this unit was ever taken for true
    assert agent.stop() < STOPPED_S
    assert agent.process.returncode == 0


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with collecting(tmp_path_factory.mktemp("collector")) as collector:
        yield collector


GOOD = encode_request(Request("site-9", EPOCH, [seal(1, agent="site-9")], [SCHEMA_BODY]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.integers(0, len(GOOD)), st.booleans())
def test_a_collector_answers_any_body_in_one_line_and_goes_on(
    collector: Collector, noise: bytes, at: int, cut: bool
) -> None:
    body = GOOD[:at] + noise + (b"" if cut else GOOD[at + len(noise) :])
    status, answer, _ = collector.http("POST", PATH, body)
    assert status in (
        200,
        400,
        409,
        413,
    )  # 200: it was one batch, refused in the acknowledgement
    assert status == 200 or "\n" not in decode_refusal(answer)
    assert collector.http("GET", "/healthz")[0] == 200
