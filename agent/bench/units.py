"""Simulated TCP units in a process of their own: `python -m agent.bench.units PORT:BEHAVIOUR...`.

No more than a benchmark needs: any register holds a noisy value, requests are answered at once, and some
units misbehave. Port 0 takes a free one; the ports are printed as one JSON line.
"""

import asyncio
import json
import random
import struct
import sys

VOLTS_MV, NOISE_MV = 3300, 2
GARBAGE = "garbage"  # answers what is not Modbus
MUTE = "mute"  # accepts, and never answers
SLOW = "slow"  # needs SLOW_S for each answer
ABSENT = "absent"  # nobody listens
WELL = "well"
SLOW_S = 0.9


class Unit(asyncio.Protocol):
    """One connection to one unit."""

    def __init__(self, behaviour: str, noise: bytes) -> None:
        self.behaviour, self._noise = behaviour, noise
        self._buffer = b""
        self._at = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer whole requests."""
        self._buffer += data
        while len(self._buffer) >= 12:
            request, self._buffer = self._buffer[:12], self._buffer[12:]
            if self.behaviour == MUTE:
                continue
            if self.behaviour == SLOW:
                asyncio.get_running_loop().call_later(SLOW_S, self._send, self._reply(request))
            else:
                self._send(self._reply(request))

    def _reply(self, request: bytes) -> bytes:
        if self.behaviour == GARBAGE:
            return random.randbytes(20)
        (count,) = struct.unpack(">H", request[10:12])
        size = 2 * count
        self._at = (self._at + 2 * 37) % (len(self._noise) - size)
        words = self._noise[self._at : self._at + size]
        return request[:4] + struct.pack(">HBBB", size + 3, request[6], request[7], size) + words

    def _send(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


async def _serve(asked: list[tuple[int, str]]) -> None:
    dice = random.Random(1)
    noise = b"".join(struct.pack(">H", VOLTS_MV + dice.randint(-NOISE_MV, NOISE_MV)) for _ in range(20_000))
    loop = asyncio.get_running_loop()
    ports = []
    for port, behaviour in asked:
        server = await loop.create_server(lambda b=behaviour: Unit(b, noise), "127.0.0.1", port)  # type: ignore[misc]
        ports.append(server.sockets[0].getsockname()[1])
        if behaviour == ABSENT:
            server.close()
    print(json.dumps(ports), flush=True)
    await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(_serve([(int(p), b) for p, _, b in (a.partition(":") for a in sys.argv[1:])]))
