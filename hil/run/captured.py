"""A capture that is served: its unit ids on a TCP endpoint, on a pty, or on both, for any Modbus client."""

import asyncio
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from agent.wire.hosts import host_and_port
from drivers.dump import Dump, DumpError, parse_dump
from hil.modbus.captured import Captured
from hil.modbus.rtu import BAUDS, RtuBus
from hil.modbus.tcp import TcpEndpoint

USUAL_LISTEN = "127.0.0.1:1502"
STEP_S = 0.1  # how exactly a frame comes in its time
_LINE = re.compile(r"(?:.* )?(\d+)-8([NEO])([12])")


def load_capture(path: Path) -> Dump:
    """Read a capture. DumpError where it is none."""
    try:
        return parse_dump(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DumpError([f"{path}: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise DumpError([f"{path}: not text: {error}"]) from error
    except DumpError as error:
        raise DumpError([f"{path}: {problem}" for problem in error.problems]) from error


class ServedCapture:
    """One capture, played on each wire that is asked for. `start`, `run` until stopped, `close`.

    listen: HOST:PORT. link: the path of a pty, at the speed at which the capture was taken, else 9600 8N1.
    ValueError where `listen` is no address.
    """

    def __init__(self, name: str, dump: Dump, listen: str | None, link: Path | None) -> None:
        self.name, self.about = name, dump.about
        self._playing: list[tuple[Captured, TcpEndpoint | RtuBus]] = []
        if listen is not None:
            address = host_and_port(listen)
            if address is None:
                raise ValueError(f"{listen!r} is no HOST:PORT; port 0 takes any free one")
            captured = Captured(dump, "tcp")
            self._playing.append((captured, TcpEndpoint(*address, captured.tables)))
        if link is not None:
            captured = Captured(dump, "rtu")
            baud, parity, stop_bits = line_of(dump)
            bus = RtuBus(
                link, baud, captured.tables, parity=parity, stop_bits=stop_bits, turnaround_s=0.0
            )  # fmt: skip
            self._playing.append((captured, bus))
        for captured, wire in self._playing:
            for unit_id in captured.tables:
                wire.faults.habits[unit_id] = partial(captured.habit, unit_id)

    async def start(self) -> None:
        """Open each wire. CannotListen where one is taken: then none stays open."""
        try:
            for _, wire in self._playing:
                if isinstance(wire, TcpEndpoint):
                    await wire.start()
                else:
                    wire.start()
        except BaseException:
            await self.close()
            raise

    async def run(self, stop: asyncio.Event, announce: Callable[[dict[str, Any]], None]) -> None:
        """Announce where it is, then play until `stop` is set."""
        start_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        announce({"ready": True, "boottime_s": start_s, "units": self.describe()})
        while not stop.is_set():
            for captured, _ in self._playing:
                captured.show(time.clock_gettime(time.CLOCK_BOOTTIME) - start_s)
            try:
                await asyncio.wait_for(stop.wait(), STEP_S)
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Close all wires and remove the link."""
        for _, wire in self._playing:
            if isinstance(wire, TcpEndpoint):
                await wire.stop()
            else:
                wire.stop()

    def describe(self) -> list[dict[str, Any]]:
        """Where a client finds each unit id."""
        return [
            {
                "name": self.name,
                "transport": "tcp" if isinstance(wire, TcpEndpoint) else "rtu",
                **wire.place,
                "unit_id": unit_id,
                "profile": self.about.get("profile", ""),
                "frames": captured.frames,
            }
            for captured, wire in self._playing
            for unit_id in sorted(captured.tables)
        ]


def line_of(dump: Dump) -> tuple[int, str, int]:
    """Return speed, parity and stop bits of the line that it was taken on; 9600 8N1 if it does not say."""
    found = _LINE.fullmatch(dump.about.get("line", ""))
    if found is None or int(found[1]) not in BAUDS:
        return 9600, "N", 1
    return int(found[1]), found[2], int(found[3])
