"""Requests as agents send them, whole HTTP: eight units of 300 values at 1 s, in batches of 10 s."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from agent.bench.sending import an_alarm
from agent.bench.wire import batch_of, simulated
from agent.wire import Batch, Request, encode_batch, encode_request, encode_schema
from agent.wire.request import ACCEPT, CONTENT_TYPE, PATH

UNITS, FRAMES, VALUES = 8, 10, 300
SHAPES = 64  # units whose values differ; all others repeat one of them under another name
ROOM = "room"  # the unit of alarms, which have a stream's last sequences
SECOND_NS = 10**9
LATER_NS = 2_800_500_000_000  # than what is simulated: half a second after the beginning of an hour


def described(cells: int, sensors: int) -> dict[str, Any]:
    """What a schema says of a unit of so many cells and temperature sensors."""
    values = cells + sensors
    return {
        "name": ["cell_voltage"] * cells + ["temperature"] * sensors,
        "place": [f"string1/cell{n + 1}" for n in range(cells)]
        + [f"string1/sensor{n + 1}" for n in range(sensors)],
        "unit": ["V"] * cells + ["degC"] * sensors,
        "quantity": ["cell_voltage"] * cells + ["temperature"] * sensors,
        "reading": [0] * values,
        "raw_offset": [0] * values,
        "scale": [0.001] * cells + [0.1] * sensors,
        "offset": [0.0] * values,
    }


SCHEMA, SCHEMA_BODY = encode_schema(described(240, VALUES - 240))


class Agent(NamedTuple):
    """What one agent sends, in its order: whole HTTP requests."""

    name: str
    requests: list[bytes]


def agents(count: int, requests: int, seed: int = 20250926) -> list[Agent]:
    """So many agents with so many requests of eight batches each. The first of each has the schema."""
    rng = np.random.default_rng(seed)
    rows = simulated(rng, FRAMES)
    shapes = [batch_of(rng, rows + rng.integers(-1, 2, rows.shape)) for _ in range(SHAPES)]
    return [Agent(name, list(_requests(name, rng, shapes, requests))) for name in _names(count, seed)]


def alarms(count: int, seed: int = 1) -> Agent:
    """An agent that sends one alarm per request."""
    rng, (name,) = np.random.default_rng(seed), _names(1, seed)
    epoch, record, made = rng.bytes(16), an_alarm(ROOM).record, list[bytes]()
    for sequence in range(1, count + 1):
        batch = replace(batch_of(rng, simulated(rng, 1), sequence), agent=name, epoch=epoch, schema=SCHEMA)
        told = {**record, "id": f"{record['id']}{sequence}"}
        blob = encode_batch(replace(batch, unit=ROOM, events=(told,)))
        made.append(_http(Request(name, epoch, [(sequence, blob)], [SCHEMA_BODY])))
    return Agent(name, made)


def _names(count: int, seed: int) -> list[str]:
    return [f"site-{seed % 1000}-{n + 1}" for n in range(count)]


def _requests(name: str, rng: np.random.Generator, shapes: list[Batch], count: int) -> Iterator[bytes]:
    epoch, boot = rng.bytes(16), rng.bytes(16)
    for number in range(count):
        batches = []
        for unit in range(UNITS):
            sequence = number * UNITS + unit + 1
            shape = shapes[(sequence * 31 + epoch[0]) % SHAPES]
            later_ns = LATER_NS + number * FRAMES * SECOND_NS
            batch = replace(
                shape,
                agent=name,
                epoch=epoch,
                sequence=sequence,
                unit=f"rack{unit + 1}/bmu",
                schema=SCHEMA,
                boot_id=boot,
                boottime_ns=shape.boottime_ns + later_ns,
                utc_ns=shape.utc_ns + later_ns,
            )
            batches.append((sequence, encode_batch(batch)))
        yield _http(Request(name, epoch, batches, [] if number else [SCHEMA_BODY]))


def _http(request: Request) -> bytes:
    body = encode_request(request)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\nAccept: {ACCEPT}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
