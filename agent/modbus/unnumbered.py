"""A connection to a device that numbers its replies itself: nothing in a reply tells which request it is for.

So the rules of a serial line hold (docs/adr/0004), and one request is out at a time. What a line cannot do, a
connection can: where a reply is missing, it is made anew before the same unit is asked again. A gateway that
gives an old reply to whoever asks next gives it to the new one too; `Patience` sees to that.
"""

import logging

from agent.modbus.adu import tcp_frame
from agent.modbus.came import Came
from agent.modbus.ports import Answer, LateReply, clock_s
from agent.modbus.tcp import Asked, TcpPort
from agent.modbus.told_apart import of_tcp

log = logging.getLogger(__name__)


class UnnumberedPort(TcpPort):
    """One connection; a reply is for the request that waits, if it comes from its unit and fits its read."""

    has_transaction_ids = False
    _passed_over = b""  # the last frame that was no answer to what waits, nor a late one

    def _known(self, transaction: int) -> bool:
        return True

    def _received(self, transaction: int, unit_id: int, pdu: bytes) -> None:
        now_s = clock_s()
        for asked in self._waiting.values():
            reply = None if asked.answer.done() else self._reply(asked, unit_id, pdu)
            if reply is not None:
                self._settle(asked, Answer(reply, now_s - asked.sent_s), now_s)
                return
        for number, asked in self._overdue.items():
            if self._reply(asked, unit_id, pdu) is not None:
                del self._overdue[number]
                self._late.append(LateReply(asked.unit_id, now_s - asked.sent_s))
                return
        for asked in self._waiting.values():
            own = unit_id in self._accepted.ids(asked.unit_id)
            self._passed_over = tcp_frame(asked.transaction if own else transaction, unit_id, pdu)

    def _in_its_place(self, asked: Asked) -> Came:
        passed_over, self._passed_over = self._passed_over, b""
        return of_tcp(asked.request, passed_over or self._stream.rest)

    async def _get_in_step(self, unit_id: int) -> None:
        """Connect anew where a reply of this unit is missing, or the rest of one."""
        self._passed_over = b""
        ids = set(self._accepted.ids(unit_id))
        missing = any(ids.intersection(self._accepted.ids(asked.unit_id)) for asked in self._overdue.values())
        if self.is_open and (missing or self._stream.rest):
            log.debug("%s: a reply of unit id %d is missing; connecting anew", self.name, unit_id)
            self.close()
            await self.open()
