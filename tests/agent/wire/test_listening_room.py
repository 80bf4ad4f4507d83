"""Who makes room where connections are many, and how many there may be; without a socket."""

import logging
import resource
from typing import Any

import pytest

from agent.wire import listening
from agent.wire.listening import AT_ONCE, BACKLOG, SAID_AGAIN_S, SPARE, room


class Stranger:
    """A connection that says when it is hung up on."""

    def __init__(self, address: str, gone: bool = False) -> None:
        self.address, self.gone, self.ended = address, gone, 0

    def shutdown(self, how: int) -> None:
        self.ended += 1
        if self.gone:
            raise OSError


class Clock:
    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(listening, "time", clock)
    return clock


def entered(crowd: Any, *addresses: str) -> list[Stranger]:
    strangers = [Stranger(address) for address in addresses]
    for stranger in strangers:
        crowd.enter(stranger)
    return strangers


@pytest.mark.usefixtures("clock")
def test_the_oldest_of_who_has_most_makes_room() -> None:
    crowd = listening._Crowd(3)
    strangers = entered(crowd, "a", "b", "b")
    assert [s.ended for s in strangers] == [0, 0, 0]
    strangers += entered(crowd, "c")
    assert [s.ended for s in strangers] == [0, 1, 0, 0]
    strangers += entered(crowd, "c")
    assert [s.ended for s in strangers] == [0, 1, 0, 1, 0]
    for stranger in strangers:
        crowd.leave(stranger)  # those who were hung up on leave a second time
    strangers = entered(crowd, "a", "a", "a")
    assert [s.ended for s in strangers] == [0, 0, 0]
    entered(crowd, "d")
    assert [s.ended for s in strangers] == [1, 0, 0]


@pytest.mark.usefixtures("clock")
def test_who_has_gone_by_itself_makes_room_all_the_same() -> None:
    crowd = listening._Crowd(1)
    crowd.enter(gone := Stranger("a", gone=True))
    crowd.enter(other := Stranger("b"))
    assert (gone.ended, other.ended) == (1, 0)
    crowd.leave(Stranger("nobody"))
    crowd.leave(other)
    assert [s.ended for s in entered(crowd, "c")] == [0]


def test_it_is_said_once_a_minute(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    crowd = listening._Crowd(1)
    for now_s, said in ((0.0, 1), (59.9, 1), (60.0, 2), (119.9, 2), (120.0, 3)):
        clock.now_s = now_s
        entered(crowd, "192.0.2.1", "192.0.2.1")
        assert len(caplog.records) == said, now_s
    assert caplog.messages[0] == "1 connections: the oldest of 192.0.2.1, who has 2 of them, make room"


def record(error: BaseException | None) -> logging.LogRecord:
    told = (type(error), error, None) if error else None
    return logging.LogRecord("aiohttp.server", logging.ERROR, "x.py", 1, "Error %s", ("here",), told)  # type: ignore[arg-type]


def test_what_is_no_http_is_a_line_once_a_minute(clock: Clock) -> None:
    no_http = type("BadHttp", (Exception,), {"__module__": "aiohttp.http_exceptions"})
    only = listening._NoHttp()
    assert only.filter(record(None))
    assert only.filter(record(ValueError("a mistake")))
    for now_s, let in ((0.0, True), (59.9, False), (60.0, True), (119.9, False), (120.0, True)):
        clock.now_s = now_s
        one = record(no_http("a\n  b \x1b"))
        assert only.filter(one) is let, now_s
    assert one.getMessage() == r"Error here: a b \x1b; said once a minute"
    assert (one.exc_info, one.args, one.levelno, one.levelname) == (None, None, logging.WARNING, "WARNING")


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "most", "raised"),
    [
        (5000, 9000, 1000, 1000, None),
        (1000 + SPARE, 9000, 1000, 1000, None),
        (999 + SPARE, 9000, 1000, 1000, 1000 + SPARE),
        (300, 1000 + SPARE - 1, 1000, 999, 1000 + SPARE - 1),
        (300, 400, 1000, 400 - SPARE, 400),
        (100, 100, 1000, 1, 100),
        (300, 9000, 0, 1, None),
    ],
)
def test_as_many_connections_as_there_are_files(
    soft: int, hard: int, wanted: int, most: int, raised: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits, asked = [soft, hard], []

    def setrlimit(what: int, pair: tuple[int, int]) -> None:
        assert what == resource.RLIMIT_NOFILE
        asked.append(pair)
        limits[:] = pair

    monkeypatch.setattr(resource, "getrlimit", lambda what: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    assert room(wanted) == most
    assert asked == ([] if raised is None else [(raised, hard)])


@pytest.mark.parametrize("error", [OSError, ValueError])
def test_a_limit_that_must_not_be_raised_stays(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def setrlimit(what: int, pair: tuple[int, int]) -> None:
        raise error

    monkeypatch.setattr(resource, "getrlimit", lambda what: (300, 9000))
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    assert room(1000) == 300 - SPARE


def test_what_is_kept_for_strangers() -> None:
    assert (BACKLOG, AT_ONCE, SPARE, SAID_AGAIN_S) == (128, 32, 256, 60.0)
