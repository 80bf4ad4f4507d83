"""However many schemas come, what is remembered of them is bounded."""

import pytest

from agent.wire import encode_schema
from collector import archive
from collector.archive import Descriptions
from collector.latest import Latest


def test_the_oldest_is_forgotten() -> None:
    latest: Latest[int, int] = Latest(3)
    for number in (*range(9), 8):
        latest[number] = number
    assert list(latest) == [6, 7, 8]


def test_a_schema_a_minute_is_read_again_and_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "DESCRIPTIONS", 2)
    bodies = dict(encode_schema({"name": [f"made at {minute}"]}) for minute in range(9))
    asked, told = list[bytes](), list[str]()

    def body(digest: bytes) -> bytes:
        asked.append(digest)
        return bodies[digest]

    descriptions = Descriptions(body, lambda _: None, told.append)
    for _ in range(2):
        for digest in bodies:
            descriptions.of(digest)
            descriptions.of(digest)
    assert len(asked) == 2 * len(bodies)
    assert len(told) == len(bodies)
