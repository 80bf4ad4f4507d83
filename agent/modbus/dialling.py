"""A TCP connection to one host and port: the name is looked up, each of its addresses is tried."""

import asyncio
import errno
import os
import socket

from aiohappyeyeballs import start_connection

from agent.message import Message, joined
from agent.modbus.came import Came, Frames, Kind
from agent.modbus.ports import PortError
from agent.net.names import LOOK_UP_S, Addresses
from agent.net.trouble import in_words

CONNECT_TIMEOUT_S = 3.0  # for a handshake
STAGGER_S = 0.25  # after which the next address of a name is tried beside it (RFC 8305, 5)
# A connection whose other end vanished without a word answers nothing and never fails by itself: the kernel
# is asked to find out while it is idle.
KEEPALIVE = {socket.TCP_KEEPIDLE: 5, socket.TCP_KEEPINTVL: 2, socket.TCP_KEEPCNT: 3}


class Dialling:
    """What it takes to connect, again and again. name, frames: of the port, as its errors say it."""

    def __init__(self, name: str, host: str, port: int, frames: Frames = "tcp") -> None:
        self._name, self._frames = name, frames
        self._addresses = Addresses(host, port)

    async def connected(self) -> socket.socket:
        """Return a socket to the first of the addresses that answers. Raises PortError with the reason."""
        try:
            addresses = await self._addresses.get()
        except TimeoutError:
            late = Message("no name server has answered within {time:g} s", time=LOOK_UP_S)
            raise self._unknown(late) from None
        except OSError as error:
            raise self._unknown(error.strerror or str(error)) from error
        except ValueError as error:  # what no resolver takes: a label of 64 characters, a NUL
            raise self._unknown(Message("is no name of a machine ({why})", why=str(error))) from error
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S + STAGGER_S * (len(addresses) - 1)):
                sock = await start_connection(addresses, happy_eyeballs_delay=STAGGER_S, interleave=1)
        except TimeoutError:
            self._addresses.doubt()
            of = ", ".join(str(address[0]) for *_, address in addresses)
            within: dict[str, object] = {"time": CONNECT_TIMEOUT_S, "addresses": of}
            why = Message("no connection within {time:g} s", **within)
            if len(addresses) > 1:
                why = Message("no connection within {time:g} s with any of {addresses}", **within)
            raise self._none(why) from None
        except OSError as error:
            self._addresses.doubt()
            raise self._none(in_words(error) or str(error)) from error
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE.items():
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        return sock

    def _unknown(self, why: str) -> PortError:
        """Return why the name leads to no address."""
        return PortError(
            joined(": ", [self._name, why]), Came(Kind.NO_NAME, Message("has no address"), why, self._frames)
        )

    def _none(self, why: str) -> PortError:
        """Return what tells why there is no connection: the machine refuses it, or nothing is heard of it."""
        refused = os.strerror(errno.ECONNREFUSED) in why
        kind = Kind.NOT_TAKEN if refused else Kind.NO_CONNECTION
        text = Message("refuses connections" if refused else "cannot be connected to")
        return PortError(joined(": ", [self._name, why]), Came(kind, text, why, self._frames))
