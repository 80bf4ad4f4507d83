"""Why there is no connection, in the words that the system has for it."""

import errno
import socket

import pytest
from aiohappyeyeballs import start_connection

from agent.net.trouble import in_words


def nobody(host: str) -> tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int]]:
    """An address on which nobody listens."""
    with socket.socket() as free:
        free.bind((host, 0))
        return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", free.getsockname())


@pytest.mark.parametrize("hosts", [["127.0.0.1"], ["127.0.0.1", "127.0.0.2"]], ids=["one", "two"])
async def test_a_refused_connection_is_told_once_however_many_addresses_were_tried(hosts: list[str]) -> None:
    with pytest.raises(OSError, match="Connect call failed") as refused:
        await start_connection([nobody(host) for host in hosts], happy_eyeballs_delay=0.01, interleave=1)
    assert in_words(refused.value) == "Connection refused"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError("Multiple exceptions: [Errno 111] Connect call failed ('127.0.0.1', 1), "
                 "[Errno 113] Connect call failed ('::1', 1, 0, 0)"), "Connection refused, No route to host"),
        (OSError(errno.EHOSTUNREACH, "Connect call failed ('10.0.0.1', 1)"), "No route to host"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "Connection reset by peer"),
        (OSError("as it is"), ""),
        (None, ""),
    ],
)  # fmt: skip
def test_what_else_the_system_says_stays(error: OSError | None, words: str) -> None:
    assert in_words(error) == words
