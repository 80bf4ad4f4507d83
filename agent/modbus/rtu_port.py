"""RTU over any carrier of bytes: silence before each request, listening until silence after.

RTU (Modbus over serial line V1.02, 2.5.1.1): frames are apart by 3.5 characters of silence. Adapters and
networks bring them in pieces, with pauses of their own: so where a frame ends is told by its length and
checksum, and silence tells no more than when the line is free for the next one.
"""

import asyncio
from dataclasses import replace

from agent.modbus.accepted import STRICT, Accepted
from agent.modbus.adu import MOST_HEARD_BYTES, RTU_REQUEST_BYTES, RtuExchange, data_bytes
from agent.modbus.came import AGAIN, NOTHING, Came
from agent.modbus.carrier import Carrier
from agent.modbus.overheard import Strangers, requests_in
from agent.modbus.ports import NO_REPLY, Answer, LateReply, PortError, Tap, clock_s
from agent.modbus.sent_again import SentAgain
from agent.modbus.told_apart import of_rtu
from drivers.line import bits_per_character
from drivers.registers import Read

SILENT_CHARACTERS = 3.5
OVERDUE_S = 10.0  # how long a late reply is still recognised as such


class RtuPort:
    """One serial line, here or far away; one request at a time.

    baud, parity, stop_bits: how the bits stand on the line. pause_s: the least silence after each answer.
    inter_byte_s: how long a frame may pause; None: as long as its unit may take to begin one. accepted: which
    replies count.
    """

    has_transaction_ids = False
    in_flight = 1

    def __init__(
        self,
        carrier: Carrier,
        baud: int,
        parity: str = "N",
        stop_bits: int = 1,
        *,
        pause_s: float = 0.0,
        inter_byte_s: float | None = None,
        accepted: Accepted = STRICT,
    ) -> None:
        self.name = carrier.name
        self.tap: Tap | None = None
        self._carrier = carrier
        self._character_s = bits_per_character(parity, stop_bits) / baud
        # above 19200 baud the standard fixes the silence at 1.75 ms
        self._silence_s = SILENT_CHARACTERS * self._character_s if baud <= 19200 else 0.00175
        self._least_pause_s = pause_s
        self._inter_byte_s = inter_byte_s
        self._accepted = accepted
        self._free_at_s = 0.0
        self._heard_s = 0.0
        self._before = b""  # bytes that were heard outside an exchange,
        self._counted = 0  # the first of them, in which requests of other masters are counted,
        self._strangers = 0  # how many were, since the last answer,
        self._stranger = b""  # and the last of them
        self._masters = Strangers()  # whether they are another master's
        self._sent_again = SentAgain()
        self._exchange: RtuExchange | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._sent_s = self._wait_s = self._gap_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._overdue: list[tuple[RtuExchange, int, float]] = []
        self._late: list[LateReply] = []
        self._late_came = False  # while the last answer was waited for: what was heard was another's

    @property
    def is_open(self) -> bool:
        """Whether the line can be asked now."""
        return self._carrier.is_open

    @property
    def hung_up(self) -> PortError | None:
        """Why it is not open any more, where the other side ended it."""
        return self._carrier.hung_up

    async def open(self) -> None:
        """Open the carrier; raise PortError with the reason."""
        self._overdue.clear()
        self._sent_again = SentAgain()
        self._before, self._counted, self._strangers, self._stranger = b"", 0, 0, b""
        await self._carrier.open(self._take, self._lost)

    def close(self) -> None:
        """Close the carrier."""
        self._carrier.close()
        self._lost(PortError(f"{self.name}: was closed from here"))

    def _lost(self, error: PortError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def _take(self, data: bytes) -> None:
        now_s = clock_s()
        if self._exchange is None:
            self._overhear(data, now_s)
        self._heard_s = now_s
        if self.tap:
            self.tap(False, data)
        for overdue in list(self._overdue):
            self._feed_overdue(overdue, data)
        if self._exchange is not None:
            self._exchange.feed(data)
            self._watch()

    def _recent(self, now_s: float) -> bytes:
        """Return the bytes heard since the last exchange: a request among them may still be answered."""
        if now_s - self._heard_s >= OVERDUE_S:
            self._forget_before()
        return self._before

    def _overhear(self, data: bytes, now_s: float) -> None:
        """Keep what is heard outside an exchange; before it gets too long, count what is asked in it."""
        if len(self._recent(now_s)) > MOST_HEARD_BYTES // 2:
            self._forget_before(MOST_HEARD_BYTES // 4)
        self._before = (self._before + data)[-MOST_HEARD_BYTES:]

    def _forget_before(self, kept: int = 0) -> None:
        """Count the requests of other masters in what was heard, and keep the last bytes."""
        for end, request in requests_in(self._before):
            if end > self._counted:
                self._strangers, self._stranger = self._strangers + 1, request
        self._before = self._before[len(self._before) - kept :] if kept else b""
        self._counted = len(self._before)

    def _feed_overdue(self, overdue: tuple[RtuExchange, int, float], data: bytes) -> None:
        exchange, unit_id, since_s = overdue
        exchange.feed(data)
        if exchange.found:
            self._late.append(LateReply(unit_id, self._heard_s - since_s))
            self._late_came = True
        if exchange.found or self._heard_s - since_s > OVERDUE_S:
            self._overdue.remove(overdue)

    async def ask(self, unit_id: int, read: Read, timeout_s: float, pause_s: float = 0.0) -> Answer:
        """Carry one request; see `Port.ask`. The time the bytes need on the wire is added to the time-out."""
        await self._silence()
        loop = asyncio.get_running_loop()
        before, ids = self._recent(clock_s()), self._accepted.ids(unit_id)
        exchange = RtuExchange(unit_id, read, before, ids)
        if not self._late_came:
            self._sent_again.overheard(before)
        exchange.doubted = self._sent_again.doubted(exchange.request, exchange.looks)
        # who asks for the same again takes the reply of before for lost: what comes now answers this
        self._overdue = [one for one in self._overdue if one[0].request != exchange.request]
        answer: asyncio.Future[Answer] = loop.create_future()
        request_s = RTU_REQUEST_BYTES * self._character_s
        reply_s = (5 + data_bytes(read)) * self._character_s
        self._carrier.send(exchange.request)
        self._exchange, self._answer, self._late_came = exchange, answer, False
        try:
            if self.tap:
                self.tap(True, exchange.request)
            self._sent_s = sent_s = clock_s() + request_s
            self._wait_s = timeout_s + reply_s
            self._gap_s = timeout_s if self._inter_byte_s is None else self._inter_byte_s
            self._watch()
            result = await answer
            if result.reply is NO_REPLY:
                if not result.damaged:
                    self._overdue.append((exchange, unit_id, sent_s + reply_s))
                    self._carrier.unanswered()
                return result
            self._carrier.answered()
            return replace(result, response_s=max(0.0, self._heard_s - sent_s - reply_s))
        finally:
            self._exchange = self._answer = None
            if self._timer is not None:
                self._timer.cancel()
            self._free_at_s = clock_s() + max(pause_s, self._least_pause_s)

    def late(self) -> list[LateReply]:
        """Return late replies, once; see `Port.late`."""
        late, self._late = self._late, []
        return late

    async def _silence(self) -> None:
        """Wait until the line has been quiet for long enough; what a late unit still says is dropped."""
        # a loop, because every late byte moves the end of the silence
        while (wait_s := max(self._free_at_s, self._heard_s + self._silence_s) - clock_s()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(wait_s)

    def _watch(self) -> None:
        """Settle the exchange once what was heard can be judged, or look again when that may be so."""
        exchange, answer = self._exchange, self._answer
        if exchange is None or answer is None or answer.done():
            return
        # not looked into before the line falls silent: on one that never does, that would cost much
        until_s = min(self._heard_s + self._silence_s, self._sent_s + self._wait_s)
        if until_s <= clock_s():
            until_s = exchange.settles_s(
                self._heard_s, self._sent_s, self._wait_s, self._silence_s, self._gap_s
            )
        wait_s = until_s - clock_s()
        if self._timer is not None:
            self._timer.cancel()
        if wait_s > 0:
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._watch)
            return
        self._exchange, self._before = None, exchange.end()
        stranger = exchange.stranger or self._stranger
        strangers = self._strangers + exchange.strangers(self._counted)
        if stranger:
            self._masters.heard(stranger, strangers, clock_s())
        self._strangers, self._stranger, self._counted = 0, b"", len(self._before)
        reply = exchange.reply
        if reply is not None and self._sent_again.answered(
            exchange.request, exchange.frame, again=bool(exchange.again), doubted=exchange.doubtful
        ):
            answer.set_result(Answer(reply, stranger=stranger, strangers=strangers))
            return
        came = NOTHING if self._late_came else self._in_its_place(exchange, stranger)
        answer.set_result(Answer(NO_REPLY, None, exchange.answered, stranger, strangers, came))

    def _in_its_place(self, exchange: RtuExchange, stranger: bytes) -> Came:
        """Return what came in place of an answer; what was said before, and comes once more, is none."""
        heard = exchange.heard.removeprefix(exchange.request)
        rest = self._sent_again.overheard(heard)
        if heard and not rest and not stranger:
            return AGAIN
        master = self._masters.present(clock_s())
        return of_rtu(exchange.request, exchange.heard.removesuffix(heard) + rest, stranger, master=master)
