"""The agent as one process: the only place where its parts are wired together."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from agent import notify
from agent.alarm import record_of
from agent.clock import Clock, OffsetWatch
from agent.config import Config, RtuBus, TcpBus, UnitTable, is_loopback
from agent.control.api import alarms_of, relay_of, routes
from agent.control.reading import read_routes
from agent.control.server import ControlServer
from agent.credentials import handed_over
from agent.desk import Desk
from agent.detect import identity
from agent.detect.book import AlarmBook
from agent.detect.knowledge import Knowledge, knowledge
from agent.detect.settings import Settings as DetectorSettings
from agent.detect.together import Heard, Together
from agent.detect.unit import UnitJudges
from agent.frame import Frame
from agent.headline import headline
from agent.line import line_of, serial_of, timeout_of
from agent.metrics import MetricsServer, exposition
from agent.modbus.bus import Bus
from agent.modbus.ports import Port
from agent.modbus.serial_line import SerialPort
from agent.modbus.tcp import TcpPort
from agent.modbus.unit import Unit
from agent.outputs.annunciator import Annunciator
from agent.outputs.drivers import driver_of
from agent.outputs.journal import Journal
from agent.outputs.relay import Relay
from agent.reload import Change, ReloadRefused, change_of
from agent.seen import TREND_STEP_S, LastGood, Trends
from agent.status import Latest, bus_report, health, points, unit_report
from agent.store.errors import DiskTrouble, StoreError
from agent.store.intervals import Stretch
from agent.store.ledger import Event
from agent.store.recorder import Recorder
from agent.store.room import Settings
from agent.store.store import Store
from agent.store.writer import Writer
from agent.uplink.pace import Pace
from agent.uplink.tls import client_context
from agent.uplink.uplink import Uplink
from agent.view.site import view
from agent.web.server import Page
from agent.wire.schema import encode_schema
from drivers.layout import Layout
from drivers.profile import Profile

log = logging.getLogger(__name__)

UPSTREAM = "main"  # whose cursor it is: a collector that moves to another URL is still the same
CERTIFICATE_S = 86_400.0  # between two looks at when it ends
Reread = Callable[[], tuple[Config, dict[str, Profile]]]  # raises ReloadRefused
SITE = ""  # whose alarms are of no single unit
INTERVALS_S = 3600.0  # one row of evidence per unit
VERSION = metadata.version("cellwarden")
FLUSH_S = 1.0  # of the two seconds in which a stop must be done
MEMORY_BYTES = 64 << 20  # of a buffer that no disk would take
SIGHT_S = 1.0  # how often the outputs are told of units out of sight


class Agent:
    """Everything of one running agent. Made, run once, and thrown away."""

    def __init__(
        self,
        config: Config,
        profiles: dict[str, Profile],
        reread: Reread | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config, self.profiles, self._reread = config, profiles, reread
        self.clock = clock or Clock()
        self.writer = Writer()
        self.notifier = notify.Notifier()
        self.desk = self._desk()
        self._disk_trouble = ""
        self.store = self._store()
        self.uplink = self._uplink()
        self.recorder = Recorder(
            self.store, self.writer, config.store.batch_frames, lambda urgent: self.uplink.wake(urgent)
        )
        self.offsets = OffsetWatch(self.clock.boot_id, self.store.clock_offset_ns())
        self.control = ControlServer(
            config.control.socket,
            {
                **routes(self.desk, self.status, self._points, self.view, self.clock.boottime_s),
                **read_routes(self.desk, lambda: self.buses.values()),
            },
        )
        self.page = self._page()
        listen = config.metrics.listen
        self.metrics = MetricsServer(listen, self._metrics) if listen else None
        self.buses = {bus.name: self._bus(bus) for bus in config.bus}
        self.judges: dict[str, UnitJudges] = {}
        self.together = Together()
        self.desk.watch(SITE, {"together": self.together.book})
        self._schemas: dict[str, bytes] = {}
        self.identities: dict[str, AlarmBook] = {}
        for name in self.units:
            self._identify(name)
        self.latest: dict[str, Latest] = {}
        self.trends = Trends()
        self._began_s = self.clock.boottime_s()
        self._last_account: dict[str, Any] = asdict(self.store.account())
        self._tasks: set[asyncio.Task[None]] = set()
        self._polling: dict[str, asyncio.Task[None]] = {}
        self._parts: dict[str, asyncio.Task[Any]] = {}
        self._stopping, self._reloading = asyncio.Event(), asyncio.Lock()

    @property
    def units(self) -> dict[str, Unit]:
        """Every unit, by its name."""
        return {unit.name: unit for bus in self.buses.values() for unit in bus.units}

    def _uplink(self) -> Uplink:
        upstream = self.config.upstream
        # files that cannot be used keep batches on the box, never the agent from watching: the uplink says so
        ca, cert, key = map(handed_over, (upstream.ca, upstream.cert, upstream.key))
        return Uplink(
            upstream.url,
            self.config.agent.id,
            self.store,
            self.writer,
            Pace(upstream.backlog_share),
            partial(client_context, ca, cert, key),
            self._conflict,
        )

    def _identify(self, unit: str) -> None:
        self.identities[unit] = AlarmBook()
        self.desk.watch(unit, {"identity": self.identities[unit]})

    def _racks(self) -> dict[str, str]:
        return {unit.path: unit.rack or unit.name for unit in self.config.unit}

    def _desk(self) -> Desk:
        racks = self._racks()
        relay = None
        if table := self.config.relay:
            relay = Relay(Annunciator(racks), driver_of(table), self.clock.boottime_s)
        journal = Journal.find(self.config.journal.syslog)
        return Desk({**racks, SITE: ""}, journal, relay, self._record, self.clock)

    def _page(self) -> Page | None:
        table = self.config.web
        if not table.address:
            return None
        cert, key, token = map(handed_over, (table.cert, table.key, table.token_file))
        tls = (cert, key) if cert and key else None
        said = {"name": self.config.agent.id, "site": self.config.agent.site, "version": VERSION}
        on_network = table.announce and not is_loopback(table.address[0])
        return Page(
            *table.address, self.view, self.store.path, tls, token, announced=said if on_network else None
        )

    def _store(self) -> Store:
        store = self.config.store
        names = self.config.agent.id, self.clock.boot_id, UPSTREAM, self.desk.about_itself
        settings = Settings(max_bytes=int(store.max_mb * 1e6), history_bytes=int(store.history_mb * 1e6))
        try:
            return Store(store.path, *names, settings)
        except DiskTrouble as error:
            # the room is watched with a broken card too; what memory holds is delivered, or lost
            log.critical("%s; the buffer is in memory", error)
            self._disk_trouble = f"{error}; batches and alarms are kept in memory only, until the next start"
            folder = os.environ.get("RUNTIME_DIRECTORY", "/dev/shm")
            path = Path(tempfile.mkdtemp(prefix="buffer-", dir=folder), store.path.name)
            return Store(path, *names, Settings(max_bytes=MEMORY_BYTES, history_bytes=0))

    def _unit(self, table: UnitTable, profile: Profile, bus: TcpBus | RtuBus) -> Unit:
        return Unit(
            name=table.path,
            rack=table.rack or table.name,
            unit_id=table.unit_id,
            profile=profile,
            line=line_of(bus, profile),
            period_s=table.period_s,
            timeout_s=timeout_of(bus, table, profile),
            deadline_s=self.config.agent.safety_deadline_s,
            clock=self.clock,
            connected=self._connected,
            emit=self._frame,
            mismatch=self._mismatch,
            instance=table.instance,
        )

    def _bus(self, bus: TcpBus | RtuBus) -> Bus:
        units = [
            self._unit(unit, self.profiles[unit.profile], bus)
            for unit in self.config.unit
            if unit.bus == bus.name
        ]
        return Bus(bus.name, _port(bus, units), units, self.clock)

    async def run(self) -> None:
        """Poll, judge, store and forward until SIGTERM or SIGINT; then stop within two seconds.

        SIGHUP reads the configuration again; see `reload`.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._in_background(self.reload()))
        await self.control.start()
        if self.metrics:
            await self.metrics.start()
        log.info(
            "agent %s, process %d, epoch %s: %d units on %d buses",
            self.config.agent.id,
            os.getpid(),
            self.store.epoch.hex()[:8],
            len(self.units),
            len(self.buses),
        )
        if self._disk_trouble:
            self._record(SITE, [self.desk.about_itself("buffer_in_memory", self._disk_trouble)])
        for bus in self.buses.values():
            self._poll(bus)
        batch_s = self.config.store.batch_s / self.clock.scale
        self._begin("recorder", self.recorder.run(batch_s, self._clock_events))
        self._begin("uplink", self.uplink.run())
        self._begin("service manager", self._tell_service_manager())
        self._begin("outputs", self._tell_outputs())
        self._begin("certificate", self._watch_certificate())
        self._begin("intervals", self._record_intervals())
        self._begin("trends", self._remember())
        if self.page:
            self._begin("page", self.page.run())
        if self.desk.relay:
            self._begin("relay", self.desk.relay.run())
        await self._stopping.wait()
        log.info("stopping")
        self.notifier.send("STOPPING=1")
        await self._stop()

    def _poll(self, bus: Bus) -> None:
        self._polling[bus.name] = self._supervised(bus.run())

    def _begin(self, part: str, work: Coroutine[Any, Any, Any]) -> None:
        self._parts[part] = self._supervised(work)

    def _supervised(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run what must not end: a part that ends by itself ends the agent, and systemd starts it anew."""
        task = asyncio.create_task(work)
        task.add_done_callback(lambda done: None if done.cancelled() else self._stopping.set())
        return task

    async def _stop(self) -> None:
        """Stop polling, then seal, then try to send, so that everything that was read is accounted for."""
        failures = await _cancel(self._polling.values()) + await _cancel(self._parts.values())
        await asyncio.gather(*self._tasks)
        await self._keep_intervals()
        await self.recorder.seal()
        await self.uplink.flush(FLUSH_S)
        try:
            await self.writer(self.store.close)
        except StoreError as error:
            log.error("%s; what the collector acknowledged last is asked for again", error)
        self.writer.close()
        if self._disk_trouble:
            shutil.rmtree(self.store.path.parent, ignore_errors=True)
        await self.control.stop()
        if self.metrics:
            await self.metrics.stop()
        if failures:
            raise failures[0]

    async def reload(self) -> None:
        """Read the configuration again and begin anew what is different in it; all else goes on undisturbed.

        A file that cannot be used changes nothing, and neither does one that needs a restart.
        """
        if self._reread is None or self._stopping.is_set():
            return
        async with self._reloading:
            await self._reload(self._reread)

    async def _reload(self, reread: Reread) -> None:
        self.notifier.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            config, profiles = await asyncio.to_thread(reread)
            change = change_of(self.config, config, self.profiles, profiles)
        except ReloadRefused as error:
            log.error("the new configuration is not used, the old one goes on: %s", error)
        else:
            log.info("configuration read again; %s", change)
            await self._apply(config, profiles, change)
        self.notifier.send("READY=1")

    async def _apply(self, config: Config, profiles: dict[str, Profile], change: Change) -> None:
        await self._keep_intervals()
        before = set(self.units)
        ended = change.changed | change.gone
        await _cancel([self._polling.pop(name) for name in ended])
        for unit in [unit for name in ended for unit in self.buses[name].units]:
            self._schemas.pop(unit.name, None)  # its detectors begin anew
            self.latest.pop(unit.name, None)
        self.config, self.profiles = config, profiles
        self.desk.expect({**self._racks(), SITE: ""})
        self.buses = {
            bus.name: self._bus(bus) if bus.name in change.changed | change.added else self.buses[bus.name]
            for bus in config.bus
        }
        for name in set(self.units) - before:
            self._identify(name)
        for name in change.changed | change.added:
            self._poll(self.buses[name])
        await _cancel([self._parts["service manager"]])
        self._begin("service manager", self._tell_service_manager())
        if change.upstream:
            await _cancel([self._parts["uplink"], self._parts["certificate"]])
            self.uplink = self._uplink()
            self._begin("uplink", self.uplink.run())
            self._begin("certificate", self._watch_certificate())

    def _metrics(self) -> bytes:
        now_s = self.clock.boottime_s()
        known = {name: self._known(unit, now_s) for name, unit in self.units.items()}
        return exposition(list(self.buses.values()), known, now_s)

    async def _tell_service_manager(self) -> None:
        """Say that the agent is ready, and feed the watchdog for as long as it polls and commits."""
        self.notifier.send("READY=1")
        await notify.feed(
            self.notifier,
            notify.Stall({b.name: notify.limit_s(u.period_s for u in b.units) for b in self.buses.values()}),
            lambda: {b.name: sum(u.counters.cycles for u in b.units) for b in self.buses.values()},
            partial(self.writer, int),  # the writer works in order: it answers when it is done with the rest
            self._summary,
            self.clock.boottime_s,
        )

    async def _watch_certificate(self) -> None:
        """Say once a day that this agent's certificate is about to end."""
        cert = handed_over(self.config.upstream.cert)
        while cert:
            from agent.certificate import CertificateError, expiry_warning  # not without one: 8 MB of memory

            try:
                warning = expiry_warning(cert, time.time())
            except CertificateError as error:
                warning = str(error)
            if warning:
                log.warning(warning)
            await asyncio.sleep(CERTIFICATE_S)
        await asyncio.Future()

    def _summary(self) -> str:
        """Return one line for `systemctl status`."""
        states = Counter(self._knowledge().values())
        units = ", ".join(f"{count} {state}" for state, count in states.most_common())
        return f"{units}; collector {'reached' if self.uplink.status.reached else 'not reached'}"

    async def _record_intervals(self) -> None:
        """Put on record, hour by hour, how often every unit was really read."""
        while True:
            await asyncio.sleep(INTERVALS_S)
            await self._keep_intervals()

    async def _keep_intervals(self) -> None:
        stamp = self.clock.stamp()
        taken = [(u.name, *u.intervals.take(stamp.boottime_ns / 1e9)) for u in self.units.values()]
        stretches = [
            Stretch(name, self.clock.boot_id, round(since_s * 1e9), stamp.boottime_ns, stamp.utc_ns, tally)
            for name, since_s, tally in taken
        ]
        await self.writer(self.store.add_intervals, stretches)

    def _connected(self, unit: Unit, layout: Layout) -> bytes:
        """Take a unit's layout: its description onto disk, and fresh detectors for its values."""
        digest, body = encode_schema(layout.describe())
        # the writer works in order: the schema is on disk before any batch that needs it
        self._in_background(self.writer(self.store.add_schema, digest, body))
        if digest != self._schemas.get(unit.name):  # the same values again: what was learned still holds
            self._schemas[unit.name] = digest
            judges = UnitJudges(layout, unit.period_s, self._detection(unit.name))
            self.judges[unit.name] = judges
            self.desk.watch(unit.name, judges.books)
        reads = len(layout.plan.reads)
        log.info("unit %s: %s, %d values in %d reads", unit.name, layout.profile_model, layout.n, reads)
        return digest

    def _detection(self, unit: str) -> DetectorSettings:
        table = next(table for table in self.config.unit if table.path == unit)
        return self.config.detection.settings(table.chemistry)

    def _frame(self, frame: Frame, layout: Layout) -> None:
        """Take one frame: keep it, judge it, and let nothing that was found wait for the disk."""
        t_s = frame.stamp.boottime_ns / 1e9
        judges = self.judges[frame.unit]
        found = judges.mark(t_s, frame.raw, frame.quality)
        full = self.recorder.add(frame)
        si = np.empty(layout.n)
        layout.to_si(frame.raw, frame.quality, si)
        before = self.latest.get(frame.unit)
        known = before is not None and before.frame.schema == frame.schema
        last = before.last if before and known else LastGood(layout.n)
        last.take(t_s, si)
        self.latest[frame.unit] = Latest(frame, layout, si, last)
        found += judges.judge(t_s, frame.raw, si, frame.quality)
        shadow = [Event(frame.unit, record_of(e, frame.stamp)) for e in found if e.shadow]
        found = [event for event in found if not event.shadow]
        if shadow:
            self._record(frame.rack, shadow)
        if found:
            self.desk.found(frame.unit, frame.stamp, found)
        elif full:
            self._in_background(self.recorder.seal())

    def _mismatch(self, unit: Unit, said: str) -> None:
        """Announce that a unit is not what its profile describes, or ("") that it is now."""
        stamp = self.clock.stamp()
        found = identity.judge(self.identities[unit.name], said, stamp.boottime_ns / 1e9)
        self.desk.found(unit.name, stamp, found)

    def _record(self, rack: str, events: Sequence[Event]) -> None:
        self._in_background(self.recorder.seal(rack, events))

    def _conflict(self, text: str) -> None:
        self._record("", [self.desk.about_itself("uplink_conflict", text)])

    async def _tell_outputs(self) -> None:
        """Tell the outputs which units are out of sight."""
        while True:
            self.desk.sights((name, known) for name, known in self._knowledge().items())
            stamp = self.clock.stamp()
            heard = {
                unit.name: Heard(unit.heard_s, unit.pace_s, bus.name)
                for bus in self.buses.values()
                for unit in bus.units
            }
            self.desk.found(SITE, stamp, self.together.judge(stamp.boottime_ns / 1e9, heard))
            await asyncio.sleep(SIGHT_S)

    def _knowledge(self) -> dict[str, str]:
        now_s = self.clock.boottime_s()
        return {name: self._known(unit, now_s) for name, unit in self.units.items()}

    def _known(self, unit: Unit, now_s: float) -> Knowledge:
        judges, latest = self.judges.get(unit.name), self.latest.get(unit.name)
        age_s = None if unit.heard_s is None else now_s - unit.heard_s
        quality = latest.frame.quality if latest else None
        return knowledge(age_s, unit.pace_s, quality, judges.liveness.sight() if judges else None)

    def _clock_events(self) -> list[Event]:
        record = self.offsets.offer(self.clock.stamp())
        return [Event("", record)] if record else []

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _account(self) -> dict[str, Any]:
        """The account; the last one that could be read while the disk refuses."""
        with contextlib.suppress(StoreError):
            self._last_account = asdict(await self.writer(self.store.account))
        return self._last_account

    async def status(self) -> dict[str, Any]:
        """Return what `GET /v1/status` answers."""
        now_s = self.clock.boottime_s()
        status: dict[str, Any] = {
            "agent": self.config.agent.id,
            "epoch": self.store.epoch.hex(),
            "boottime_s": now_s,
            "clock_synchronised": self.clock.synchronised(),
            "units": [
                {
                    **unit_report(u, self.latest.get(u.name), self._known(u, now_s), now_s),
                    "port": bus.port.name,
                }
                for bus in self.buses.values()
                for u in bus.units
            ],
            "buses": [bus_report(bus) for bus in self.buses.values()],
            "alarms": alarms_of(self.desk, now_s),
            "log": [
                {**e.record, "unit": e.unit, "recorded": e not in self.recorder.unrecorded}
                for e in list(self.desk.log)
            ],
            "account": await self._account(),
            "open_frames": self.recorder.open.frames,
            "store": {"trouble": self.recorder.trouble},
            "upstream": asdict(self.uplink.status),
            "relay": relay_of(self.desk),
            "web": {
                "port": self.page.port if self.page else None,
                "trouble": self.page.trouble if self.page else "",
            },
        }
        head = headline(status["units"], status["alarms"])
        return {"headline": head, **status, "health": health(status)}

    def _points(self, unit: str) -> dict[str, Any] | None:
        latest = self.latest.get(unit)
        return points(latest, self.clock.boottime_s()) if latest else None

    async def view(self, unit: str | None = None) -> dict[str, Any]:
        """Return what `GET /v1/view` answers, with the values of one unit, or (None) of all."""
        status = await self.status()
        return await asyncio.to_thread(self._view, status, [unit] if unit else list(self.units))

    def _view(self, status: dict[str, Any], names: list[str]) -> dict[str, Any]:
        values = {name: said for name in names if (said := self._points(name))}
        up_s = self.clock.boottime_s() - self._began_s
        site = {"site": self.config.agent.site, "version": VERSION, "up_s": up_s}
        return view(status, values, self.trends, site, datetime.now().astimezone())

    async def _remember(self) -> None:
        """Keep the figures of the last hour for those who look later."""
        while True:
            await asyncio.sleep(TREND_STEP_S)
            self.trends.take(self.clock.boottime_s(), (await self.view())["units"])


def _port(bus: TcpBus | RtuBus, units: list[Unit]) -> Port:
    if isinstance(bus, TcpBus):
        return TcpPort(bus.host, bus.port, in_flight=bus.in_flight, pause_s=bus.pause_ms / 1e3)
    serial = serial_of(bus, units[0].profile)
    return SerialPort(
        str(bus.device),
        serial.baud,
        serial.parity,
        serial.stop_bits,
        pause_s=bus.pause_ms / 1e3,
        settle_s=serial.settle_s if bus.settle_s is None else bus.settle_s,
    )


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> list[BaseException]:
    """Cancel tasks and return what those had raised that failed by themselves."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return [r for r in results if isinstance(r, BaseException) and not isinstance(r, asyncio.CancelledError)]
