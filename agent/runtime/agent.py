"""The life of an agent: begun, told to read its configuration again, and stopped within two seconds."""

import asyncio
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any

from agent.alarms.output import Output
from agent.box import service_manager
from agent.clock import Clock, OffsetWatch
from agent.config.file import Taken
from agent.config.reload import ConfigChange, ReloadRefused, change_of
from agent.config.tables import Config
from agent.control.api import Resources
from agent.control.reading import read_routes
from agent.control.server import ControlServer
from agent.detect.explanations.said import Sentence, said
from agent.detect.table import CRITICAL, WARNING
from agent.modbus.bus import Bus
from agent.outputs.table import OUTPUTS
from agent.runtime.frame_sink import LEAST_LOOK_S, SITE
from agent.runtime.parts import Parts, must_reach, upstreams_of
from agent.runtime.report import Report
from agent.runtime.supervisor import Work, serve
from agent.runtime.tasks import cancel, supervised
from agent.store.buffer_alarms import told_of
from agent.store.errors import StoreError
from agent.store.intervals import Stretch
from agent.store.ledger import Event
from agent.store.upstream import MAIN
from agent.tls.credentials import handed_over
from drivers.profile.load import Profile

log = logging.getLogger(__name__)

CERTIFICATE_S = 86_400.0  # between two looks at when it ends
INTERVALS_S = 3600.0  # one row of evidence per unit
FLUSH_S = 1.0  # of the two seconds in which a stop must be done
BUFFER_FULL = "buffer_full"  # the alarm of what its bound makes it drop
CONFIGURATION = "configuration"  # the alarm of a key that is refused from this version on
IN_MEMORY = Sentence(
    "buffer-in-memory", "{trouble}; batches and alarms are kept in memory only, until the next start"
)
MISTAKE = Sentence("configuration", "{mistake}")
CANNOT_ACT = Sentence("output-trouble", "{trouble}")
SAYS = (IN_MEMORY, MISTAKE, CANNOT_ACT)
NAMED_AGAIN_S = 10.0  # until names of upstreams are written again that the disk refused
SIGHT_S = 1.0  # how often the outputs are told of units out of sight; by the clock of the units
Reread = Callable[[], tuple[Config, dict[str, Profile]]]  # raises ReloadRefused


def sending(upstream: str) -> str:
    """What the part is called that sends to an upstream."""
    return "uplink" if upstream == MAIN.name else f"uplink {upstream}"


class Agent:
    """Everything of one running agent. Made, run once, and thrown away."""

    def __init__(
        self,
        config: Config,
        profiles: dict[str, Profile],
        reread: Reread | None = None,
        clock: Clock | None = None,
        taken: Sequence[Taken] = (),
    ) -> None:
        self.parts = parts = Parts(config, profiles, clock or Clock())
        self._reread, self._taken = reread, taken
        self._notifier = service_manager.Notifier()
        self._report = report = Report(parts, lambda: self._page)
        self._page = parts.new_page(report.view)
        self._offsets = OffsetWatch(parts.clock.boot_id, parts.store.clock_offset_ns())
        self._control = ControlServer(
            config.control.socket,
            {
                **Resources(
                    parts.site_alarms,
                    report.status,
                    report.points,
                    report.brief,
                    parts.clock.boottime_s,
                    report.look,
                ).routes(),
                **read_routes(parts.site_alarms, lambda: parts.buses.values()),
            },
        )
        self._metrics = report.new_metrics(config.metrics.listen)
        self._polling: dict[str, asyncio.Task[None]] = {}
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._stopping, self._reloading = asyncio.Event(), asyncio.Lock()
        self._unnamed = set[str]()  # upstreams that a reload changed, which the disk did not take yet

    async def run(self) -> None:
        """Poll, judge, store and forward until SIGTERM or SIGINT; then stop within two seconds.

        SIGHUP reads the configuration again; see `reload`.
        """
        parts, loop = self.parts, asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: parts.background(self.reload()))
        self._control.must_be_free()
        self._serve("control", self._control.run)
        log.info(
            "agent %s, process %d, epoch %s: %d units on %d buses",
            parts.config.agent.id,
            os.getpid(),
            parts.store.epoch.hex()[:8],
            len(parts.units),
            len(parts.buses),
        )
        if parts.disk_trouble:
            told = said(IN_MEMORY, trouble=parts.disk_trouble)
            parts.record(SITE, parts.site_alarms.about_itself("buffer_in_memory", told))
        else:
            parts.record(SITE, parts.site_alarms.over("buffer_in_memory"))
        self._tell_taken(self._taken)
        for bus in parts.buses.values():
            self._poll(bus)
        batch_s = parts.config.store.batch_s / parts.clock.scale
        self._begin("recorder", parts.recorder.run(batch_s, self._clock_events))
        self._begin("buffer's files", parts.recorder.watch())
        self._begin("watchdog", self._feed_watchdog())
        self._begin("sight", self._look_around())
        self._begin("room", self._tell_of_room(2 * batch_s))
        for name in parts.uplinks:
            self._send(name)
        self._serve("certificate", self._watch_certificates)
        self._serve("intervals", self._record_intervals)
        self._serve("trends", self._report.remember)
        if self._metrics:
            self._serve("metrics", self._metrics.run)
        if self._page:
            self._serve("page", self._page.run)
            self._serve("announcement", self._page.announce)
        for name, output in parts.site_alarms.outputs.items():
            self._serve(f"{name}'s driver", output.run)
            self._serve(f"{name}'s trouble", partial(self._tell_of_trouble, name, output))
        for name in OUTPUTS.keys() - parts.site_alarms.outputs.keys():
            parts.record(SITE, parts.site_alarms.over(f"{name}_trouble"))
        await self._stopping.wait()
        log.info("stopping")
        self._notifier.send("STOPPING=1")
        await self._stop()

    def _poll(self, bus: Bus) -> None:
        self._polling[bus.name] = supervised(bus.run(), self._stopping.set)

    def _begin(self, part: str, work: Coroutine[Any, Any, Any]) -> None:
        """Run a part that watches: one that ends by itself ends the agent, and systemd starts it anew."""
        self._running[part] = supervised(work, self._stopping.set)

    def _send(self, upstream: str) -> None:
        self._serve(sending(upstream), lambda: self.parts.uplinks[upstream].run())

    def _serve(self, part: str, work: Work) -> None:
        """Run a part that serves: what it raises is an alarm, and it is begun anew."""
        self._running[part] = asyncio.create_task(
            serve(part, work, partial(self.parts.site_alarms.part_failed, part))
        )

    async def _stop(self) -> None:
        """Stop polling, then seal, then try to send, so that everything that was read is accounted for."""
        parts = self.parts
        control = self._running.pop("control")
        failures = await cancel(self._polling.values()) + await cancel(self._running.values())
        await parts.background.done()
        await self._keep_intervals()
        parts.watching.restart_state.keep_all()
        await parts.recorder.seal()
        flushed = await asyncio.gather(
            *(uplink.flush(FLUSH_S) for uplink in parts.uplinks.values()), return_exceptions=True
        )
        for error in flushed:  # whatever a collector does, the buffer is closed
            if isinstance(error, Exception):
                log.error("what is pending waits for the next start", exc_info=error)
        try:
            await parts.writer(parts.store.close)
        except StoreError as error:
            log.error("%s; what the collector acknowledged last is asked for again", error)
        parts.writer.close()
        if parts.disk_trouble:
            shutil.rmtree(parts.store.path.parent, ignore_errors=True)
        await cancel([control])
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
        self._notifier.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            config, profiles = await asyncio.to_thread(reread)
            change = change_of(self.parts.config, config, self.parts.profiles, profiles)
            if change.upstreams:
                changed = [table for table in config.upstream if table.name in change.upstreams]
                await asyncio.to_thread(must_reach, changed)
        except ReloadRefused as error:
            log.error("the new configuration is not used, the old one goes on: %s", error)
        else:
            log.info("configuration read again; %s", change)
            await self._apply(config, profiles, change)
            self._tell_taken(())
        self._notifier.send("READY=1")

    def _tell_taken(self, taken: Sequence[Taken]) -> None:
        """Raise an alarm for each mistake that only this version refuses; end those of mended keys."""
        site_alarms, keys = self.parts.site_alarms, {one.key for one in taken}
        for event in site_alarms.own.active():
            if event.detector == CONFIGURATION and event.location not in keys:
                self.parts.record(SITE, site_alarms.over(CONFIGURATION, event.location))
        for one in taken:
            severity, told = CRITICAL if one.critical else WARNING, said(MISTAKE, mistake=one.text)
            events = site_alarms.about_itself(CONFIGURATION, told, severity=severity, location=one.key)
            self.parts.record(SITE, events)

    async def _apply(self, config: Config, profiles: dict[str, Profile], change: ConfigChange) -> None:
        parts = self.parts
        await self._keep_intervals()
        ended = change.changed | change.gone
        await cancel([self._polling.pop(name) for name in ended])
        parts.watching.begin_anew(unit for name in ended for unit in parts.buses[name].units)
        parts.config, parts.profiles = config, profiles
        parts.site_alarms.call(parts.labels())
        parts.site_alarms.expect(parts.racks())
        parts.watching.expect(config)
        begun = change.changed | change.added
        parts.buses = {
            bus.name: parts.new_bus(bus) if bus.name in begun else parts.buses[bus.name] for bus in config.bus
        }
        for name in begun:
            self._poll(parts.buses[name])
        await cancel([self._running["watchdog"]])
        self._begin("watchdog", self._feed_watchdog())
        if change.upstreams:
            await self._reach(change.upstreams)

    async def _reach(self, changed: Iterable[str]) -> None:
        """Send to the upstreams of a new configuration; those that are as they were go on undisturbed. Where
        the disk does not take their names, the buffer is for those of before, and it is tried again.
        """
        parts = self.parts
        changed, self._unnamed = self._unnamed.union(changed), set()
        running = [part for name in changed if (part := self._running.pop(sending(name), None))]
        await cancel([*running, self._running["certificate"]])
        try:
            await parts.writer(parts.store.name_upstreams, upstreams_of(parts.config))
        except StoreError as error:
            log.error("%s; until it can be written the buffer is for the upstreams of before", error)
            self._unnamed = changed
            self._running["upstreams"] = asyncio.create_task(self._reach_again())
        for name in changed:
            parts.uplinks.pop(name, None)
        for table in parts.config.upstream:
            if table.name in changed:
                parts.uplinks[table.name] = parts.new_uplink(table)
                self._send(table.name)
        self._serve("certificate", self._watch_certificates)

    async def _reach_again(self) -> None:
        await asyncio.sleep(NAMED_AGAIN_S)
        async with self._reloading:
            if self._unnamed:
                await self._reach(())

    async def _feed_watchdog(self) -> None:
        """Say that the agent is ready, and feed the watchdog for as long as it polls and commits."""
        self._notifier.send("READY=1")
        buses = self.parts.buses.values()
        await service_manager.feed(
            self._notifier,
            service_manager.Stall(
                {b.name: service_manager.limit_s(u.period_s for u in b.units) for b in buses}
            ),
            lambda: {b.name: sum(u.counters.cycles for u in b.units) for b in buses},
            partial(self.parts.writer, int),  # works in order: it answers when it is done with the rest
            self._report.summary,
            self.parts.clock.boottime_s,
        )

    async def _watch_certificates(self) -> None:
        """Say once a day that a certificate of this agent is about to end, or that its time has not come."""
        certs = {cert for table in self.parts.config.upstream if (cert := handed_over(table.cert))}
        while certs:
            # not without one: 8 MB of memory
            from agent.tls.certificate import CertificateError, validity_warning

            for cert in sorted(certs):
                try:
                    warning = validity_warning(cert, time.time())
                except CertificateError as error:
                    warning = str(error)
                if warning:
                    log.warning(warning)
            await asyncio.sleep(CERTIFICATE_S)
        await asyncio.Future()

    async def _record_intervals(self) -> None:
        """Put on record, hour by hour, how often every unit was really read."""
        while True:
            await asyncio.sleep(INTERVALS_S)
            await self._keep_intervals()

    async def _keep_intervals(self) -> None:
        parts = self.parts
        stamp = parts.clock.stamp()
        taken = [(u.name, *u.intervals.take(stamp.boottime_ns / 1e9)) for u in parts.units.values()]
        stretches = [
            Stretch(name, parts.clock.boot_id, round(since_s * 1e9), stamp.boottime_ns, stamp.utc_ns, tally)
            for name, since_s, tally in taken
        ]
        await parts.writer(parts.store.add_intervals, stretches)

    async def _look_around(self) -> None:
        """Judge, and tell the outputs, which units are out of sight."""
        while True:
            self.parts.watching.look_around(self.parts.buses.values())
            await asyncio.sleep(max(SIGHT_S / self.parts.clock.scale, LEAST_LOOK_S))

    async def _tell_of_trouble(self, name: str, output: Output) -> None:
        """Raise the alarm of an output that cannot act, and end it when it can."""
        site_alarms = self.parts.site_alarms
        while True:
            if trouble := output.lasting_trouble():
                told = said(CANNOT_ACT, trouble=trouble)
                self.parts.record(SITE, site_alarms.about_itself(f"{name}_trouble", told))
            elif not output.trouble:
                self.parts.record(SITE, site_alarms.over(f"{name}_trouble"))
            await asyncio.sleep(SIGHT_S)

    async def _tell_of_room(self, every_s: float) -> None:
        """Raise the alarm of a buffer that drops what nobody has, and end it when there is room; every_s: in
        which there is a commit, which shows it.
        """
        site_alarms = self.parts.site_alarms
        while True:
            await asyncio.sleep(every_s)
            if full := self.parts.store.full:
                events = site_alarms.about_itself(BUFFER_FULL, told_of(full), severity=WARNING)
            else:
                events = site_alarms.over(BUFFER_FULL)
            self.parts.record(SITE, events)

    def _clock_events(self) -> list[Event]:
        record = self._offsets.offer(self.parts.clock.stamp())
        return [Event("", record)] if record else []
