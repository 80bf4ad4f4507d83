"""What listens, and how many connections are taken in one round of the event loop; over loopback."""

import asyncio
import contextlib
import errno
import socket
from typing import Any

import pytest

from agent.wire.listening import AT_ONCE, Listener, listen


async def test_every_address_of_a_host_is_listened_at_and_an_empty_one_is_all_of_this_machine() -> None:
    for host, addresses in (("127.0.0.1", {"127.0.0.1"}), ("", {"0.0.0.0", "::"}), ("::1", {"::1"})):
        taken = await listen(host, 0, 5)
        assert {listener.getsockname()[0] for listener in taken} == addresses
        for listener in taken:
            assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
            if listener.family == socket.AF_INET6:
                assert listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
            listener.close()


async def test_a_host_without_an_address_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: Any, **__: Any) -> list[Any]:
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", none)
    with pytest.raises(OSError, match="no address") as caught:
        await listen("ups.example", 0, 5)
    assert caught.value.errno == errno.EADDRNOTAVAIL


def left(listener: Listener) -> int:
    """Take what waits, and return how many that were in this round."""
    for count in range(3 * AT_ONCE):
        try:
            connection, address = listener.accept()
        except BlockingIOError:
            return count
        assert (connection.address, connection.crowd) == (address[0], listener.crowd)
        connection.close()
    raise AssertionError("there is no end of them")


async def test_so_many_are_taken_in_a_round_and_the_rest_in_the_next() -> None:
    (listener,) = await listen("127.0.0.1", 0, 500)
    listener.setblocking(False)
    with contextlib.closing(listener), contextlib.ExitStack() as clients:

        def connect(count: int) -> None:
            for _ in range(count):
                clients.enter_context(socket.create_connection(listener.getsockname()))

        connect(1)
        listener.accept()[0].close()
        await asyncio.sleep(0)
        connect(2 * AT_ONCE + 1)
        rounds = []
        for _ in range(4):
            rounds.append(left(listener))
            await asyncio.sleep(0)
        assert rounds == [AT_ONCE, AT_ONCE, 1, 0]


async def test_a_copy_of_a_connection_is_none_that_counts() -> None:
    (listener,) = await listen("127.0.0.1", 0, 1)
    with contextlib.closing(listener), socket.create_connection(listener.getsockname()) as first:
        taken, _ = listener.accept()
        taken.dup().close()
        with socket.create_connection(listener.getsockname()):
            other, _ = listener.accept()
            first.settimeout(5.0)
            assert first.recv(1) == b"", "it made room: there may be one"
            other.close()
        taken.close()
