"""A real collector process on a real port, and an agent's side of the conversation."""

import http.client
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import numpy as np

from agent.wire import (
    CONTENT_TYPE,
    PATH,
    Acknowledgement,
    Batch,
    Request,
    decode_ack,
    encode_batch,
    encode_request,
    encode_schema,
)

EPOCH, BOOT = b"e" * 16, b"b" * 16
DESCRIPTION = {
    "name": ["cell_voltage"] * 30,
    "place": [f"string1/cell{i + 1}" for i in range(30)],
    "unit": ["V"] * 30,
    "quantity": ["cell_voltage"] * 30,
    "reading": [0] * 30,
    "raw_offset": [0] * 30,
    "scale": [0.001] * 30,
    "offset": [0.0] * 30,
}
SCHEMA, SCHEMA_BODY = encode_schema(DESCRIPTION)
COMMAND = [sys.executable, "-m", "collector.cli"]


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def seal(
    sequence: int,
    *,
    agent: str = "site-1",
    epoch: bytes = EPOCH,
    boot: bytes = BOOT,
    seed: int = 0,
    frames: int = 10,
    events: tuple[dict[str, object], ...] = (),
) -> tuple[int, bytes]:
    """A batch as an agent stores it."""
    times = (np.arange(frames) + sequence * frames) * 10**9
    raw = np.random.default_rng([sequence, seed]).integers(3299, 3302, (frames, 30 if frames else 0))
    schema = SCHEMA if frames else None
    clock, quality = np.ones(frames, np.uint8), np.zeros(raw.shape, np.uint8)
    batch = Batch(
        agent, epoch, sequence, "rack1/bmu1", schema, boot, times, times, clock, raw, quality, events
    )
    return sequence, encode_batch(batch)


class Collector:
    """A running collector."""

    def __init__(self, database: Path | str, *options: str, listen: str = "127.0.0.1:0") -> None:
        self.database = Path(database)
        self.sink = database if isinstance(database, str) else f"sqlite:{database}"
        command = [*COMMAND, "serve", "--sink", self.sink, "--listen", listen, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            assert self.process.stderr
            raise AssertionError(self.process.stderr.read())
        self.url = line.split()[-1]

    def __enter__(self) -> "Collector":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.kill()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=5)
        return self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def http(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = CONTENT_TYPE,
        context: ssl.SSLContext | None = None,
        **headers: str,
    ) -> tuple[int, bytes, dict[str, str]]:
        place = urlsplit(self.url)
        assert place.hostname
        if place.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                place.hostname, place.port, timeout=10, context=context
            )
        else:
            connection = http.client.HTTPConnection(place.hostname, place.port, timeout=10)
        try:
            connection.request(method, path, body, {"Content-Type": content_type, **headers})
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())
        finally:
            connection.close()

    def post(self, request: Request, **options: ssl.SSLContext) -> tuple[int, bytes, dict[str, str]]:
        return self.http("POST", PATH, encode_request(request), **options)

    def send(
        self,
        *batches: tuple[int, bytes],
        agent: str = "site-1",
        epoch: bytes = EPOCH,
        schemas: tuple[bytes, ...] = (),
    ) -> Acknowledgement:
        status, body, _ = self.post(Request(agent, epoch, list(batches), list(schemas)))
        assert status == 200, body
        return decode_ack(body)

    def rows(self, sql: str, *parameters: object) -> list[tuple[object, ...]]:
        return rows(self.database, sql, *parameters)


def unread(command: list[str]) -> tuple[int, bytes]:
    """Run a command whose standard output nobody reads; return its exit status, and what it complains."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60)
    finally:
        os.close(writer)
    return done.returncode, done.stderr


#: How a command ends whose output goes to a full disk.
FULL = (1, "CW-002 the output cannot be written: No space left on device\n")


def on_a_full_disk(module: str, *arguments: str) -> tuple[int, str]:
    """Run a command whose output goes to a full disk; return its exit status, and what it complains."""
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stderr


def read_by_head(command: list[str]) -> tuple[int, bytes]:
    """Run a command of whose output one line is read; return its exit status, and what it complains."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        return process.wait(60), process.stderr.read()


def rows(database: Path, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return connection.execute(sql, parameters).fetchall()
    finally:
        connection.close()


@contextmanager
def collecting(tmp_path: Path, *options: str, **listen: str) -> Iterator[Collector]:
    with Collector(tmp_path / "collector.db", *options, **listen) as collector:
        yield collector
