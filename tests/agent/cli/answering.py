"""Devices that answer each request with the bytes that a function makes of it: on a pty, and over TCP."""

import os
import pty
import select
import socket
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pymodbus.framer import FramerRTU

#: Makes the answer of a request; None: the connection is closed instead.
Answer = Callable[[bytes], bytes | None]


def sealed(data: bytes) -> bytes:
    """Return an RTU frame: with its checksum."""
    return data + FramerRTU.compute_CRC(data).to_bytes(2, "big")


@contextmanager
def on_a_line(link: Path, answer: Answer) -> Iterator[str]:
    """Answer on a pty; yield its device."""
    master, slave = pty.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    link.symlink_to(os.ttyname(slave))
    over = threading.Event()

    def serve() -> None:
        heard = b""
        while not over.is_set():
            if select.select([master], [], [], 0.02)[0]:
                heard += os.read(master, 4096)
            while len(heard) >= 8:
                request, heard = heard[:8], heard[8:]
                os.write(master, answer(request) or b"")

    server = threading.Thread(target=serve)
    server.start()
    try:
        yield str(link)
    finally:
        over.set()
        server.join()
        os.close(master)
        os.close(slave)


@contextmanager
def over_tcp(answer: Answer, greeting: bytes | None = b"") -> Iterator[str]:
    """Answer over TCP; yield HOST:PORT. greeting: what is said first; None: the connection is closed."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.02)
    over = threading.Event()

    def converse(connection: socket.socket) -> None:
        connection.settimeout(0.02)
        with connection, suppress(ConnectionError):
            connection.sendall(greeting or b"")
            while not over.is_set() and greeting is not None:
                with suppress(TimeoutError):
                    request = connection.recv(4096)
                    said = answer(request) if request else None
                    if said is None:
                        return
                    connection.sendall(said)

    def serve() -> None:
        conversations = []
        while not over.is_set():
            with suppress(TimeoutError):
                conversations.append(threading.Thread(target=converse, args=(listening.accept()[0],)))
                conversations[-1].start()
        for conversation in conversations:
            conversation.join()

    server = threading.Thread(target=serve)
    server.start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        server.join()
        listening.close()
