"""A connection to a Modbus TCP endpoint: one unit, or a gateway with several behind it.

Replies find their requests by number. Not each gateway's numbers are true, see `in_step`.
"""

import asyncio
import contextlib
import logging
import random
from collections import deque
from dataclasses import dataclass, replace
from math import inf

from agent.message import Message, joined, told_by
from agent.modbus.accepted import STRICT, Accepted
from agent.modbus.adu import OutOfStep, TcpStream, reply_of, tcp_frame, tcp_request
from agent.modbus.came import BEHIND, NOTHING, Came, Kind
from agent.modbus.dialling import Dialling
from agent.modbus.hearing import Hearing
from agent.modbus.in_step import InStep
from agent.modbus.numbering import Numbering
from agent.modbus.ports import NO_REPLY, Answer, HungUp, LateReply, PortError, Tap, clock_s
from agent.modbus.settling import Settling
from agent.modbus.told_apart import cut_short, of_tcp, unasked
from agent.modbus.verdict import UNHEARD, Verdict, verdict_of
from agent.wire.hosts import authority
from drivers.registers import Read, Reply

log = logging.getLogger(__name__)

CLOSED = Message("the connection was closed by the other side")
SILENT_S = 5.0  # without an answer: the connection is made anew
BEHIND_S = 1.0  # between two connections to one that is an answer behind
# The first number is none that a device is likely to count from, or to have for all its answers.
FIRST_LEAST, FIRST_MOST = 0x1000, 0xF000
OVERDUE_KEPT = 64  # time-outs whose late replies, and answers whose repetitions, are still recognised


@dataclass(slots=True)
class Asked:
    """A request that went out, and where its answer goes. behind: what had come of a frame by then."""

    transaction: int
    unit_id: int
    read: Read
    sent_s: float
    answer: asyncio.Future[Answer]
    behind: bytes = b""

    @property
    def request(self) -> bytes:
        """Its bytes."""
        return tcp_request(self.transaction, self.unit_id, self.read)


class TcpPort(asyncio.Protocol):
    """One connection; replies find their requests by transaction id, in whatever order they come.

    accepted: which replies count. in_flight: more than one where the numbers of its replies can be relied on.
    """

    has_transaction_ids = True

    def __init__(
        self,
        host: str,
        port: int,
        *,
        in_flight: int = 1,
        pause_s: float = 0.0,
        settle_s: float = 0.0,
        accepted: Accepted = STRICT,
    ) -> None:
        self.name = authority(host, port)
        self.in_flight = in_flight
        self.tap: Tap | None = None
        self.hung_up: PortError | None = None
        self._dialling, self._settling = Dialling(self.name, host, port), Settling(settle_s)
        self._pause_s, self._accepted = pause_s, accepted
        self._transport: asyncio.Transport | None = None
        self._settled = self._asked = False
        self._stream = TcpStream(self._known)
        self._waiting: dict[int, Asked] = {}
        self._overdue: dict[int, Asked] = {}
        self._late: list[LateReply] = []
        self._answered: deque[int] = deque(maxlen=OVERDUE_KEPT)  # their replies may come once more
        self._transaction = random.randrange(FIRST_LEAST, FIRST_MOST)
        self._numbering = Numbering()
        self._in_step = InStep()
        self._is_behind = False  # as the last answer showed: what it holds back may go with the connection
        self._renewed_s = -inf  # when it was made anew for that
        self._hearing = Hearing(SILENT_S)
        self._free_at_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a connection stands, and the device has had its pause."""
        return self._transport is not None and self._settled

    async def open(self) -> None:
        """Look the host up, connect to the first of its addresses that answers, and leave it its pause.

        Raises PortError with the reason.
        """
        self._settled = False
        await self._connect()
        if pause_s := self._settling.opened():
            log.debug("%s: is left alone for %g s", self.name, pause_s)
            await asyncio.sleep(pause_s)
            if self._transport is None:
                raise self.hung_up or HungUp(f"{self.name}: {CLOSED}")
        self._settled = True

    async def _connect(self) -> None:
        sock = await self._dialling.connected()
        await asyncio.get_running_loop().create_connection(lambda: self, sock=sock)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the new connection (asyncio calls this)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._stream = transport, TcpStream(self._known)
        self._hearing.begin(clock_s())
        self._overdue.clear()
        self.hung_up, self._asked = None, False

    def close(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.abort()
            self._fail(PortError(joined(": ", [self.name, Message("the connection was closed from here")])))

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone (asyncio calls this)."""
        if self._transport is not None and self._transport.is_closing():
            self._transport = None
            why = str(exc) if exc else CLOSED
            came = Came(Kind.CLOSED, Message("closes the connection instead of answering"), why, "tcp")
            if not self._asked:
                why = Message("{why} before any request", why=why)
                came = Came(
                    Kind.CLOSED_UNASKED, Message("closes the connection before any request"), why, "tcp"
                )
            self.hung_up = HungUp(joined(": ", [self.name, why]), came)
            self._fail(self.hung_up)

    def _fail(self, error: PortError) -> None:
        for asked in self._waiting.values():
            if not asked.answer.done():
                asked.answer.set_exception(type(error)(told_by(error), error.came))
        self._waiting.clear()
        self._overdue.clear()

    def data_received(self, data: bytes) -> None:
        """Give each reply to its request (asyncio calls this)."""
        if self.tap:
            self.tap(False, data)
        try:
            for transaction, unit_id, pdu in self._stream.feed(data):
                self._received(transaction, unit_id, pdu)
        except OutOfStep:
            if self._transport is not None:
                self._transport.abort()
                self._transport = None
            came = self._told_apart(self._stream.rest)
            self.hung_up = PortError(joined(": ", [self.name, came.words]), came)
            self._fail(self.hung_up)

    def _told_apart(self, heard: bytes) -> Came:
        """Return what came behind the last frame, as an answer to the oldest request that waits for one.

        What begins as the answer to one whose time is over was cut short, and filled up from the next.
        """
        waiting = [asked for asked in self._waiting.values() if not asked.answer.done()]
        if int.from_bytes(heard[:2], "big") in self._overdue or any(asked.behind for asked in waiting):
            return cut_short("tcp")
        for asked in waiting:
            came = of_tcp(asked.request, heard)
            if came.kind is not Kind.OTHER_TRANSACTION:
                return came
            self._numbering.other(asked.transaction, int.from_bytes(heard[:2], "big"))
            return of_tcp(asked.request, heard, self._numbering)
        return unasked(heard)

    def _known(self, transaction: int) -> bool:
        return transaction in self._waiting or transaction in self._overdue or transaction in self._answered

    def _received(self, transaction: int, unit_id: int, pdu: bytes) -> None:
        now_s = clock_s()
        if (overdue := self._overdue.pop(transaction, None)) is not None:
            said = Answer(self._reply(overdue, unit_id, pdu) or NO_REPLY)
            verdict = verdict_of(said)
            self._in_step.came_late(overdue.unit_id, overdue.read, verdict)
            self._hearing.heard(now_s, overdue.unit_id)
            self._late.append(LateReply(overdue.unit_id, now_s - overdue.sent_s, verdict is Verdict.GATEWAY))
            return
        asked = self._waiting.get(transaction)
        if asked is None or asked.answer.done():
            return
        self._answered.append(transaction)
        self._numbering.own(transaction)
        if (reply := self._reply(asked, unit_id, pdu)) is not None:
            answer = Answer(reply, now_s - asked.sent_s)
            self._in_step.answered(asked.unit_id, asked.read, asked.sent_s, verdict_of(answer))
            self._settle(asked, answer, now_s)
            return
        came = of_tcp(asked.request, tcp_frame(transaction, unit_id, pdu))
        own = unit_id in self._accepted.ids(asked.unit_id)
        if own and self.in_flight == 1 and self._in_step.is_behind(asked.unit_id, pdu):
            came, self._is_behind = BEHIND, True
        self._in_step.unanswered(asked.unit_id, asked.read, asked.sent_s)
        self._settle(asked, Answer(NO_REPLY, damaged=True, unheard=came), now_s)

    def _reply(self, asked: Asked, unit_id: int, pdu: bytes) -> Reply | None:
        return reply_of(asked.read, pdu) if unit_id in self._accepted.ids(asked.unit_id) else None

    def _settle(self, asked: Asked, answer: Answer, now_s: float) -> None:
        """Give a request its answer: somebody is there."""
        self._hearing.heard(now_s, asked.unit_id)
        self._settling.answered()
        asked.answer.set_result(answer)

    async def ask(self, unit_id: int, read: Read, timeout_s: float, pause_s: float = 0.0) -> Answer:
        """Carry one request; see `Port.ask`."""
        one_at_a_time = self.has_transaction_ids and self.in_flight == 1
        first = self._in_step.first(unit_id, read) if one_at_a_time else None
        if first is None:
            return await self._carry(unit_id, read, timeout_s, pause_s)
        shown = await self._show(unit_id, first, timeout_s, pause_s)
        if self.is_open and self._in_step.first(unit_id, read) is None:
            with contextlib.suppress(HungUp):  # it closes after each answer, and has given one
                return await self._carry(unit_id, read, timeout_s, pause_s)
        return replace(shown, reply=NO_REPLY, unheard=shown.came, asked=False)

    async def _show(self, unit_id: int, first: Read, timeout_s: float, pause_s: float) -> Answer:
        """Ask what must be answered before another read; who closes the connection instead has not."""
        closed = False
        try:
            shown = await self._carry(unit_id, first, timeout_s, pause_s)
        except HungUp as error:
            closed, shown = True, Answer(NO_REPLY, unheard=error.came or NOTHING)
            self._in_step.unanswered(unit_id, first, clock_s())
        heard = shown.damaged or verdict_of(shown) not in UNHEARD
        self._in_step.shown(unit_id, first, heard=heard, closed=closed)
        return shown

    async def _carry(self, unit_id: int, read: Read, timeout_s: float, pause_s: float) -> Answer:
        # a loop, because another request may have gone out during the pause
        while (wait_s := self._free_at_s - clock_s()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(wait_s)
        await self._get_in_step(unit_id)
        if self._transport is None:
            raise self.hung_up or PortError(joined(": ", [self.name, Message("not connected")]))
        loop = asyncio.get_running_loop()
        self._transaction = transaction = self._transaction % 0xFFFF + 1
        future: asyncio.Future[Answer] = loop.create_future()
        asked = Asked(transaction, unit_id, read, clock_s(), future, self._stream.rest)
        self._waiting[transaction] = asked
        request = asked.request
        self._transport.write(request)
        self._asked = True
        if self.tap:
            self.tap(True, request)
        timer = loop.call_later(timeout_s, self._timed_out, transaction)
        try:
            return await future
        finally:
            timer.cancel()
            self._waiting.pop(transaction, None)
            if future.cancelled():  # whoever asked has gone; its answer may come all the same
                self._overdue[transaction] = asked
                self._in_step.unanswered(unit_id, read, asked.sent_s)
            if pause_s or self._pause_s:
                self._free_at_s = clock_s() + max(pause_s, self._pause_s)

    def _at_last(self, asked: Asked) -> Answer:
        """Return what came of a request whose time is over."""
        rest, behind = self._stream.rest, asked.behind
        cut = behind and rest != behind and rest.startswith(behind)
        came = cut_short("tcp") if cut else of_tcp(asked.request, rest.removeprefix(behind))
        return Answer(NO_REPLY, unheard=came)

    async def _get_in_step(self, unit_id: int) -> None:
        """Make sure that no reply can be taken for that to the next request: the numbers do, where they are
        true, and who is behind is connected to anew, though not all the time, for many stay so.
        """
        if self._is_behind:
            self._is_behind, due_s = False, self._renewed_s + BEHIND_S
            if self.is_open and clock_s() >= due_s:
                self._renewed_s = clock_s()
                self.close()
                await self.open()

    def late(self) -> list[LateReply]:
        """Return late replies, once; see `Port.late`."""
        late, self._late = self._late, []
        return late

    def _timed_out(self, transaction: int) -> None:
        asked = self._waiting.get(transaction)
        if asked is None or asked.answer.done():
            return
        answer = self._at_last(asked)
        if answer.reply is not NO_REPLY:
            self._settle(asked, answer, clock_s())
            return
        asked.answer.set_result(answer)
        self._overdue[transaction] = asked
        self._in_step.unanswered(asked.unit_id, asked.read, asked.sent_s)
        while len(self._overdue) > OVERDUE_KEPT:
            self._overdue.pop(next(iter(self._overdue)))
        if self._transport is not None and (why := self._hearing.missed(clock_s(), asked.unit_id)):
            log.info("%s: %s; connecting anew", self.name, why)
            with contextlib.suppress(PortError):
                self.close()
