"""The parts of an agent, made as its configuration says."""

import logging
import os
import tempfile
from collections.abc import Iterable, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from agent.alarms.site import Person, SiteAlarms
from agent.clock import Clock
from agent.config.reload import ReloadRefused
from agent.config.tables import Config, UnitTable, UpstreamTable
from agent.detect.explanations.said import Said
from agent.modbus.bus import Bus
from agent.modbus.ports import Port
from agent.modbus.unit import Unit
from agent.outputs.table import outputs_of
from agent.runtime.frame_sink import SITE, Watching
from agent.runtime.tasks import Background
from agent.store.account import BufferSettings
from agent.store.errors import DiskTrouble, StoreError
from agent.store.estimate import history_mb
from agent.store.ledger import Event
from agent.store.recorder import Recorder
from agent.store.store import Store
from agent.store.upstream import MAIN, Upstream
from agent.store.writer import Writer
from agent.tls.contexts import TlsError, client_context
from agent.tls.credentials import handed_over
from agent.transport.table import AnyBus
from agent.uplink.pace import Pace
from agent.uplink.proxy import LoginError, Proxy
from agent.uplink.uplink import Uplink
from agent.wire.hosts import is_loopback
from agent.wire.request import About
from drivers.profile.load import Profile

if TYPE_CHECKING:
    from agent.web.server import Look, Page

log = logging.getLogger(__name__)

VERSION = metadata.version("cellwarden")
MEMORY_BYTES = 64 << 20  # of a buffer that no disk would take


class Parts:
    """Everything between the buses and the collectors. `config`, `profiles`, `buses` and `uplinks` are
    replaced when the configuration is read again; all else lasts as long as the process.
    """

    def __init__(self, config: Config, profiles: dict[str, Profile], clock: Clock) -> None:
        self.config, self.profiles, self.clock = config, profiles, clock
        self.background = Background()
        self.writer = Writer()
        self.site_alarms = self._site_alarms()
        self.disk_trouble = ""
        self.store = self._store()
        self.uplinks = {table.name: self.new_uplink(table) for table in config.upstream}
        self.recorder = Recorder(self.store, self.writer, config.store.batch_frames, self._wake)
        self.watching = Watching(
            self.site_alarms, self.recorder, self.store, self.writer, self.background, clock, self._kept()
        )
        self.recorder.keeper = self.watching.restart_state
        self.watching.expect(config)
        self.buses = {bus.name: self.new_bus(bus) for bus in config.bus}

    @property
    def units(self) -> dict[str, Unit]:
        """Every unit, by its name."""
        return {unit.name: unit for bus in self.buses.values() for unit in bus.units}

    def racks(self) -> dict[str, str]:
        """Return the rack of every unit, and the site."""
        return {**{unit.path: unit.rack or unit.name for unit in self.config.unit}, SITE: ""}

    def labels(self) -> dict[str, str]:
        """Return what people call units, of those that have such a name."""
        return {unit.path: unit.label for unit in self.config.unit if unit.label}

    def record(self, rack: str, events: Sequence[Event]) -> None:
        """Have events recorded, with the open batches of a rack; nothing where there are none."""
        if events:
            self.background(self.recorder.seal(rack, events))

    def _wake(self, urgent: bool) -> None:
        for uplink in self.uplinks.values():
            uplink.wake(urgent)

    def new_uplink(self, upstream: UpstreamTable) -> Uplink:
        """Make the uplink to a collector of the configuration."""
        # files that cannot be used keep batches on the box, never the agent from watching: the uplink says so
        ca, cert, key = map(handed_over, (upstream.ca, upstream.cert, upstream.key))
        return Uplink(
            upstream.name,
            upstream.url,
            self.config.agent.id,
            self.store,
            self.writer,
            Pace(upstream.backlog_share),
            partial(client_context, ca, cert, key),
            partial(self._uplink_says, "" if upstream.name == MAIN.name else upstream.name),
            proxy_of(upstream),
            lambda: About(self.config.agent.site, VERSION, clock_synchronised=self.clock.synchronised()),
        )

    def _uplink_says(self, location: str, detector: str, told: Said | None) -> None:
        tell = (
            partial(self.site_alarms.about_itself, detector, told)
            if told
            else partial(self.site_alarms.over, detector)
        )
        self.record("", tell(location=location))

    def new_bus(self, bus: AnyBus) -> Bus:
        """Make a bus of the configuration, with its units."""
        tables = [table for table in self.config.unit if table.bus == bus.name]
        port = bus.new_port(self.profiles[tables[0].profile])
        units = [self._unit(table, bus, port) for table in tables]
        return Bus(bus.name, port, units, self.clock)

    def new_page(self, view: "Look") -> "Page | None":
        """Make the status page, where there is to be one."""
        table = self.config.web
        if not table.address:
            return None
        from agent.web.server import Page  # not without one: 1 MB of memory

        cert, key, token = map(handed_over, (table.cert, table.key, table.token_file))
        tls = (cert, key) if cert and key else None
        said = {"name": self.config.agent.id, "site": self.config.agent.site, "version": VERSION}
        on_network = table.announce and not is_loopback(table.address[0])
        announced = said if on_network else None
        return Page(*table.address, view, self.store.path, tls, token, announced, self._acknowledge)

    def _acknowledge(self, shown: Sequence[tuple[str, str]], who: str) -> list[tuple[str, str]]:
        """Acknowledge alarms for somebody at the page, whom the kernel does not know: it is this process."""
        done = self.site_alarms.acknowledge(shown, Person(os.getuid(), who))
        return [(one.id, one.why) for one in done]

    def _site_alarms(self) -> SiteAlarms:
        racks = self.racks()
        outputs = outputs_of(self.config, (unit for unit in racks if unit), self.clock.boottime_s)
        made = SiteAlarms(racks, outputs, self.record, self.clock)
        made.call(self.labels())
        return made

    def _store(self) -> Store:
        store = self.config.store
        upstreams = upstreams_of(self.config)
        names = self.config.agent.id, self.clock.boot_id, upstreams, self.site_alarms.about_itself
        settings = BufferSettings(
            max_bytes=int(store.max_mb * 1e6),
            history_bytes=int(history_mb(store.path, store.max_mb, store.history_mb) * 1e6),
            units=len(self.config.unit),
        )
        try:
            return Store(store.path, *names, settings)
        except DiskTrouble as error:
            # the room is watched with a broken card too; what memory holds is delivered, or lost
            log.critical("%s; the buffer is in memory", error)
            self.disk_trouble = str(error)
            folder = os.environ.get("RUNTIME_DIRECTORY", "/dev/shm")
            path = Path(tempfile.mkdtemp(prefix="buffer-", dir=folder), store.path.name)
            return Store(path, *names, BufferSettings(max_bytes=MEMORY_BYTES, history_bytes=0))

    def _kept(self) -> dict[str, bytes]:
        try:
            return self.store.snapshots()
        except StoreError as error:
            log.error("%s; what was kept over the restart cannot be read", error)
            return {}

    def _unit(self, table: UnitTable, bus: AnyBus, port: Port) -> Unit:
        profile = self.profiles[table.profile]
        return Unit(
            name=table.path,
            rack=table.rack or table.name,
            unit_id=table.unit_id,
            profile=profile,
            line=bus.line(profile),
            period_s=table.period_s,
            timeout_s=table.timeout_s or bus.timeout_s(profile),
            has_transaction_ids=port.has_transaction_ids,
            deadline_s=self.config.agent.safety_deadline_s,
            clock=self.clock,
            connected=self.watching.connected,
            emit=self.watching.frame,
            mismatch=self.watching.mismatch,
            exchanged=self.watching.exchanged,
            refuses=self.watching.refuses,
            learned=self.watching.restart_state.refused.learned(table.path),
            known=self.watching.restart_state.marks.get(table.path, {}),
            instance=table.instance,
            unseen=self.watching.restart_state.unseen(table.path),
        )


def upstreams_of(config: Config) -> list[Upstream]:
    """Return whom the buffer is for."""
    return [Upstream(one.name, one.role == "required", one.what == "all") for one in config.upstream]


def proxy_of(upstream: UpstreamTable) -> Proxy | None:
    """Return the proxy before an upstream, if any."""
    return Proxy(upstream.proxy, handed_over(upstream.proxy_login)) if upstream.proxy else None


def must_reach(upstreams: Iterable[UpstreamTable]) -> None:
    """Raise ReloadRefused where the files of new upstreams cannot be used."""
    for upstream in upstreams:
        if not upstream.url.startswith("https:"):
            continue
        try:
            ca, cert, key = map(handed_over, (upstream.ca, upstream.cert, upstream.key))
            client_context(ca, cert, key)
            if proxy := proxy_of(upstream):
                proxy.login()
        except (TlsError, LoginError) as error:
            raise ReloadRefused(str(error)) from error
