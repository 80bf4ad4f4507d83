"""One polled unit: connecting to it, one poll cycle, and what is remembered between cycles."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from agent.clock import Clock, Stamp
from agent.frame import Frame
from agent.modbus.ports import Port
from agent.quality import Quality
from drivers.connect import ConnectError, IdentityMismatch, connect
from drivers.layout import Image, Layout
from drivers.line import Line
from drivers.plan import Cut
from drivers.profile import Profile
from drivers.quantities import Poll
from drivers.registers import Read, Reply

log = logging.getLogger(__name__)

STATE_PERIOD_S = 10.0  # points of the poll class "state"; safety points are read every cycle
BACKOFF_FLOOR_S = 1.0
BACKOFF_CEILING_S = 8.0  # a unit that is back is heard within the ten seconds of the safety deadline
# A read that touches a register the unit lacks: some answer 2, others 3, for the same mistake.
ILLEGAL_DATA = (2, 3)


@dataclass
class Counters:
    """What happened to a unit's reads since the agent started."""

    cycles: int = 0
    late_cycles: int = 0
    frames: int = 0
    reads: int = 0
    no_reply: int = 0
    refused: int = 0

    @property
    def errors(self) -> int:
        """Reads that brought no values."""
        return self.no_reply + self.refused


@dataclass
class Connection:
    """A unit that was understood: its layout, the hash of its description, and where its words arrive."""

    layout: Layout
    schema: bytes
    image: Image
    state_at_s: float = 0.0
    foreign: bool = False  # another kind of unit: its values are MISMATCH, and it is only asked who it is


@dataclass
class Unit:
    """A unit as configured, and the state of talking to it; its reads are planned for `line`.

    `connected` is called with each new layout, before any frame that is read with it, and returns the hash of
    its description; `emit` is called with every frame and its layout; `mismatch` with what is wrong when the
    unit is not what its profile describes, and with "" when it is. `instance`: which one of several behind a
    gateway that shifts addresses.
    """

    name: str
    rack: str
    unit_id: int
    profile: Profile
    line: Line
    period_s: float
    timeout_s: float
    clock: Clock
    connected: Callable[["Unit", Layout], bytes]
    emit: Callable[[Frame, Layout], None]
    mismatch: Callable[["Unit", str], None] = lambda _unit, _said: None
    instance: int = 1
    counters: Counters = field(default_factory=Counters)
    trouble: str = "has not answered yet"
    heard_s: float | None = None  # CLOCK_BOOTTIME of the last sound reply
    _connection: Connection | None = None
    _cuts: frozenset[Cut] = frozenset()  # what refusals have taught, also for the next connection
    _failures: int = 0
    _probe_at_s: float = 0.0

    async def cycle(self, port: Port | None) -> None:
        """Poll once and emit one frame.

        Without a port, or while backing off, nothing is asked and the frame says just that. A unit that was
        never understood has no frame: nobody could read one. Raises PortError where the port broke.
        """
        self.counters.cycles += 1
        stamp = self.clock.stamp()
        now_s = stamp.boottime_ns / 1e9
        if now_s < self._probe_at_s:
            port = None
        connection = self._connection
        if port is not None and (connection is None or connection.foreign):
            await self._connect(port, now_s)
            connection = self._connection
            if connection is None or not connection.foreign:
                return
        if connection is None:
            return
        connection.image.begin_cycle()
        try:
            if connection.foreign:
                connection.image.word_quality[:] = Quality.MISMATCH
            elif port is not None:
                self._connection = await self._poll(port, connection, now_s)
        finally:
            self._emit(connection, stamp)

    async def _connect(self, port: Port, now_s: float) -> None:
        conversation = connect(self.profile, line=self.line, instance=self.instance, cuts=self._cuts)
        try:
            read = next(conversation)
            while True:
                read = conversation.send(await self._ask(port, read))
        except StopIteration as done:
            layout: Layout = done.value
        except IdentityMismatch as error:
            if self._connection is None:
                schema = self.connected(self, error.layout)
                self._connection = Connection(error.layout, schema, error.layout.image(), foreign=True)
            self.mismatch(self, str(error))
            self._fell_silent(now_s, str(error))
            return
        except ConnectError as error:
            self._connection = None
            self._fell_silent(now_s, str(error))
            return
        for note in layout.notes:
            log.warning("unit %s: %s", self.name, note)
        self._connection = Connection(layout, self.connected(self, layout), layout.image())
        self.mismatch(self, "")

    async def _poll(self, port: Port, connection: Connection, now_s: float) -> Connection | None:
        """Fill the image, and return the connection to go on with: this one, a repaired one, or none."""
        layout, image = connection.layout, connection.image
        with_state = now_s >= connection.state_at_s
        after, answered = connection, False
        for index, read in enumerate(layout.plan.reads):
            if layout.plan.classes[index] is Poll.STATE and not with_state:
                continue
            reply = await self._ask(port, read, layout.plan.pauses_ms[index] / 1e3)
            image.store(index, reply)
            if reply.quality is Quality.NO_REPLY:
                break  # the rest is not asked: a silent unit must not cost the others of its bus more
            answered = True
            if after is connection and reply.exception_code in ILLEGAL_DATA:
                after = self._parted(connection, index)
        if not answered:
            self._fell_silent(now_s, "does not answer")
            return connection
        self._heard(now_s)
        if with_state:
            after.state_at_s = now_s + STATE_PERIOD_S
        if changed := layout.changed_guards(image):
            # a scale factor moved: what was read no longer means what the schema says
            log.warning("unit %s: %s; connecting anew", self.name, "; ".join(changed))
            image.begin_cycle()
            return None
        return after

    def _parted(self, connection: Connection, index: int) -> Connection:
        """Return the connection with a refused read taken apart, from the next cycle on."""
        parted = connection.layout.split(index)
        if parted is None:
            return connection
        layout, note = parted
        log.warning("unit %s: %s", self.name, note)
        self._cuts = layout.plan.cuts
        return replace(connection, layout=layout, image=layout.image())

    async def _ask(self, port: Port, read: Read, pause_s: float = 0.0) -> Reply:
        """Ask; a unit that answered last time is asked again at once, so that one bad frame costs little.

        A late answer to the first request cannot be mistaken: it says the same registers.
        """
        for _ in range(1 if self._failures else 2):
            self.counters.reads += 1
            reply = await port.ask(self.unit_id + read.unit_offset, read, self.timeout_s, pause_s)
            self.counters.no_reply += reply.quality is Quality.NO_REPLY
            self.counters.refused += reply.quality is Quality.REFUSED
            if reply.quality is not Quality.NO_REPLY:
                break
        return reply

    def _heard(self, now_s: float) -> None:
        if self._failures:
            log.info("unit %s: answers again", self.name)
        self._failures, self._probe_at_s = 0, 0.0
        self.heard_s, self.trouble = now_s, ""

    def _fell_silent(self, now_s: float, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("unit %s: %s", self.name, trouble)
        self.trouble = trouble
        wait_s = min(BACKOFF_CEILING_S, BACKOFF_FLOOR_S * 2.0**self._failures)
        self._failures += 1
        self._probe_at_s = now_s + wait_s

    def _emit(self, connection: Connection, stamp: Stamp) -> None:
        layout = connection.layout
        raw = np.zeros(layout.n, np.int64)
        quality = np.empty(layout.n, np.uint8)
        layout.decode(connection.image, raw, quality)
        self.counters.frames += 1
        self.emit(Frame(self.name, self.rack, connection.schema, stamp, raw, quality), layout)
