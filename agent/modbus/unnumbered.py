"""A connection to a device that numbers its replies itself: nothing in a reply tells which request it is for.

So the rules of a serial line hold (docs/adr/0004), and one request is out at a time; what was said before and
comes once more is told as there (`sent_again`). What a line cannot do, a connection can: where a reply is
missing, it is made anew before the same unit is asked again. A gateway that gives an old reply to whoever
asks next gives it to the new one too; `Patience` sees to that.
"""

import logging
from collections import deque
from dataclasses import replace
from functools import cached_property

from agent.modbus.adu import request_pdu, tcp_frame
from agent.modbus.came import AGAIN
from agent.modbus.owed import MOST
from agent.modbus.ports import NO_REPLY, Answer, LateReply, clock_s
from agent.modbus.sent_again import LOOK, SentAgain
from agent.modbus.tcp import Asked, TcpPort
from agent.modbus.told_apart import of_tcp

log = logging.getLogger(__name__)

SAID_BEFORE = replace(AGAIN, frames="tcp")


class UnnumberedPort(TcpPort):
    """One connection; a reply is for the request that waits, if it comes from its unit and fits its read."""

    has_transaction_ids = False
    _passed_over = b""  # the last frame that was no answer to what waits, nor a late one
    _again = False  # an answer before has come once more while this one was waited for,
    _doubted: tuple[bytes, Answer] | None = None  # and looks like it

    @cached_property
    def _sent_again(self) -> SentAgain:
        """What was said last; a new connection does not empty it."""
        return SentAgain()

    @cached_property
    def _lost(self) -> deque[Asked]:
        """What was not answered on the connections before: some gateways answer it on this one."""
        return deque(maxlen=MOST)

    def _known(self, transaction: int) -> bool:
        return True

    def _received(self, transaction: int, unit_id: int, pdu: bytes) -> None:
        now_s, frame = clock_s(), bytes((unit_id,)) + pdu
        for asked in self._waiting.values():
            reply = None if asked.answer.done() else self._reply(asked, unit_id, pdu)
            if reply is not None:
                answer = Answer(reply, now_s - asked.sent_s)
                if self._is_doubted(asked, frame) and self._doubted is None:
                    self._again, self._doubted = True, (frame, answer)
                    self._settling.answered()
                    return
                self._sent_again.answered(_question(asked), frame, again=self._again, doubted=False)
                self._settle(asked, answer, now_s)
                return
        for number, asked in self._overdue.items():
            if self._reply(asked, unit_id, pdu) is not None and not self._is_doubted(asked, frame):
                del self._overdue[number]
                self._late.append(LateReply(asked.unit_id, now_s - asked.sent_s))
                return
        if missing := next((one for one in self._lost if self._reply(one, unit_id, pdu) is not None), None):
            self._lost.remove(missing)
            return
        if self._sent_again.repeated(frame):
            self._again = True
            return
        for asked in self._waiting.values():
            own = unit_id in self._accepted.ids(asked.unit_id)
            self._passed_over = tcp_frame(asked.transaction if own else transaction, unit_id, pdu)

    def _is_doubted(self, asked: Asked, frame: bytes) -> bool:
        return frame in self._sent_again.doubted(_question(asked), (frame[:LOOK],))

    def _at_last(self, asked: Asked) -> Answer:
        rest, again = self._passed_over or self._stream.rest, self._again
        if self._doubted is not None and not rest:
            frame, answer = self._doubted
            if self._sent_again.answered(_question(asked), frame, again=True, doubted=True):
                return answer
        came = SAID_BEFORE if again and not rest else of_tcp(asked.request, rest)
        return Answer(NO_REPLY, damaged=self._doubted is not None, unheard=came)

    async def _get_in_step(self, unit_id: int) -> None:
        """Connect anew where a reply of this unit is missing, or the rest of one."""
        self._passed_over, self._again, self._doubted = b"", False, None
        ids = set(self._accepted.ids(unit_id))
        missing = any(ids.intersection(self._accepted.ids(asked.unit_id)) for asked in self._overdue.values())
        if self.is_open and (missing or self._stream.rest):
            self._lost.extend(self._overdue.values())
            log.debug("%s: a reply of unit id %d is missing; connecting anew", self.name, unit_id)
            self.close()
            await self.open()


def _question(asked: Asked) -> bytes:
    """Return a request as its answer is like it: unit id and what is asked."""
    return bytes((asked.unit_id,)) + request_pdu(asked.read)
