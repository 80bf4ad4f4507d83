"""What goes wrong between a unit and the one who asks: faults, set and cleared while the bench runs."""

import math
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hil.modbus.responder import exception


class FaultKind(StrEnum):
    """The kinds, in the order in which they are applied to a reply. Each has a row in docs/devices.md."""

    MUTE = "mute"  # no reply
    HALF_OPEN = "half_open"  # TCP: connections are accepted and kept, and nothing is ever answered
    EXCEPTION = "exception"  # exception `code` instead of the values
    WRONG_UNIT = "wrong_unit"  # the next higher unit id answers
    OTHER_ID = "other_id"  # the reply carries unit id `code`, whichever was asked
    STAND_IN = "stand_in"  # the gateway answers for the unit with what another one behind it says
    OVERLONG = "overlong"  # the reply is sound, and carries more registers than were requested
    OWN_NUMBER = "own_number"  # TCP: the gateway numbers its replies itself, from 256 * `code` on
    ONE_NUMBER = "one_number"  # TCP: every reply carries the number `code`
    LAST_NUMBER = "last_number"  # TCP: every reply carries the number of the request before
    BEHIND = "behind"  # every reply comes in the place of the next one: the unit is one request behind
    SHIFTED = "shifted"  # TCP: the same, and each reply carries the number of the request that waits
    TWO_BEHIND = "two_behind"  # TCP: the same, and the unit is two requests behind
    EXCEPTION_FIRST = "exception_first"  # TCP: as `shifted`, and exception `code` answers the first request
    AGAIN = "again"  # the unit's reply before comes once more, in front of this one
    CRC = "crc"  # RTU: the check sum is wrong
    TRUNCATE = "truncate"  # the reply ends early
    DOUBLE = "double"  # the reply comes twice, back to back
    GLUE = "glue"  # the reply is held back and comes glued in front of the next one
    NOISE = "noise"  # random bytes before and behind the reply
    FOREIGN = "foreign"  # RTU: a sound frame of another conversation comes in front of the reply
    ECHO = "echo"  # RTU: the adapter hears the request, and hands it on in front of the reply
    SECOND_MASTER = "second_master"  # RTU: another master's request to the unit and its answer come instead
    LENGTH = "length"  # TCP: the header's length is one less than the reply's
    DROP = "drop"  # TCP: the connection is closed in mid-reply
    CLOSE = "close"  # TCP: the connection is closed after the reply
    HANG_UP = "hang_up"  # TCP: the connection is closed instead of the reply
    RESET = "reset"  # TCP: the connection is reset instead of the reply
    IDLE = "idle"  # TCP: a connection on which nothing was asked for `delay_s` is closed
    SETTLE = "settle"  # TCP: what is asked in the first `delay_s` of a connection is not answered
    ONE_CLIENT = "one_client"  # TCP: the unit takes one connection, and closes any further one
    SLOW = "slow"  # the unit needs `delay_s` longer, and hears nothing meanwhile
    JITTER = "jitter"  # the same, for a random part of `delay_s`
    LATE = "late"  # this reply comes `delay_s` later, while the unit answers others
    TRICKLE = "trickle"  # the reply comes one byte at a time, spread over `delay_s`
    PAUSE = "pause"  # the reply pauses for `delay_s` after its first bytes


#: The number that a gateway gives to a reply, of the fault, the replies so numbered, and the last request's.
NUMBERS: dict[FaultKind, Callable[["Fault", int, int], int]] = {
    FaultKind.OWN_NUMBER: lambda fault, replies, _: 256 * fault.code + replies,
    FaultKind.ONE_NUMBER: lambda fault, _, __: fault.code,
    FaultKind.LAST_NUMBER: lambda _, __, last: last,
}
#: What makes a unit come late -> by how many requests.
BEHIND_BY = {
    FaultKind.BEHIND: 1,
    FaultKind.SHIFTED: 1,
    FaultKind.TWO_BEHIND: 2,
    FaultKind.EXCEPTION_FIRST: 1,
}
#: Of these: whose late replies carry the number of the request that waits.
NUMBERED_ANEW = frozenset({FaultKind.SHIFTED, FaultKind.TWO_BEHIND, FaultKind.EXCEPTION_FIRST})
TCP_ONLY = frozenset(
    {
        FaultKind.HALF_OPEN,
        FaultKind.LENGTH,
        FaultKind.DROP,
        FaultKind.CLOSE,
        FaultKind.HANG_UP,
        FaultKind.RESET,
    }
    | {FaultKind.IDLE, FaultKind.SETTLE, FaultKind.ONE_CLIENT, *NUMBERS, *NUMBERED_ANEW}
)
RTU_ONLY = frozenset({FaultKind.CRC, FaultKind.FOREIGN, FaultKind.ECHO, FaultKind.SECOND_MASTER})
#: Transport -> what cannot happen on it.
FOREIGN = {"rtu": TCP_ONLY, "tcp": RTU_ONLY}


PAUSED_AFTER = 6  # bytes
Encode = Callable[[int, bytes], bytes]  # unit id and PDU -> frame


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `unit_id = None` means every unit; `times = None` means until cleared."""

    kind: FaultKind
    unit_id: int | None = None
    probability: float = 1.0
    times: int | None = None
    delay_s: float = 0.5
    code: int = 4


@dataclass(slots=True)
class OutgoingReply:
    """A reply on its way out: what to send, after how long, and whether the connection ends with it."""

    unit_id: int
    pdu: bytes
    encode: Encode
    request: bytes = b""  # the PDU that it answers
    open_s: float = math.inf  # how long its connection has been open
    frame: bytes = b""
    spread_s: float = 0.0  # its bytes come one at a time, this long from first to last
    busy_s: float = 0.0  # the unit does nothing else meanwhile
    late_s: float = 0.0  # the reply comes this much later; the unit answers others meanwhile
    pause_s: float = 0.0  # after its first PAUSED_AFTER bytes it pauses so long
    close: bool = False
    reset: bool = False
    silent: bool = False


def _silence(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.silent = True


def _exception(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.pdu = exception(delivery.pdu[0] & 0x7F, fault.code)


def _wrong_unit(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.unit_id = delivery.unit_id % 247 + 1


def _other_id(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.unit_id = fault.code


def _overlong(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    pdu = delivery.pdu
    if not pdu[0] & 0x80 and pdu[1] <= 250:
        extra = 2 * dice.randrange(1, 3)
        delivery.pdu = bytes((pdu[0], pdu[1] + extra)) + pdu[2:] + dice.randbytes(extra)


def _crc(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.frame = delivery.frame[:-1] + bytes((delivery.frame[-1] ^ dice.randrange(1, 256),))


def _truncate(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.frame = delivery.frame[: dice.randrange(1, len(delivery.frame))]


def _double(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.frame *= 2


def _noise(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.frame = (
        dice.randbytes(dice.randrange(1, 9)) + delivery.frame + dice.randbytes(dice.randrange(1, 9))
    )


def _foreign(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    words = dice.randbytes(len(delivery.pdu) - 2)
    delivery.frame = delivery.encode(delivery.unit_id % 247 + 1, delivery.pdu[:2] + words) + delivery.frame


def _echo(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.frame = delivery.encode(delivery.unit_id, delivery.request) + delivery.frame


def _second_master(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    code, count = delivery.request[0], delivery.request[4:5]
    asked = bytes((code,)) + dice.randbytes(2) + b"\0" + count
    answer = delivery.pdu[:2] + dice.randbytes(len(delivery.pdu) - 2)
    delivery.frame = delivery.encode(delivery.unit_id, asked) + delivery.encode(delivery.unit_id, answer)


def _length(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    length = int.from_bytes(delivery.frame[4:6], "big") - 1
    delivery.frame = delivery.frame[:4] + length.to_bytes(2, "big") + delivery.frame[6:]


def _drop(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    _truncate(delivery, fault, dice)
    delivery.close = True


def _close(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.close = True


def _hang_up(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.frame, delivery.close = b"", True


def _reset(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.frame, delivery.close, delivery.reset = b"", True, True


def _settle(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.silent |= delivery.open_s < fault.delay_s


def _slow(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.busy_s += fault.delay_s


def _jitter(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.busy_s += fault.delay_s * dice.random()


def _late(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.late_s += fault.delay_s


def _trickle(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.spread_s += fault.delay_s


def _pause(delivery: OutgoingReply, fault: Fault, dice: random.Random) -> None:
    delivery.pause_s += fault.delay_s


_Effect = Callable[[OutgoingReply, Fault, random.Random], None]
_ON_PDU: dict[FaultKind, _Effect] = {
    FaultKind.MUTE: _silence,
    FaultKind.HALF_OPEN: _silence,
    FaultKind.EXCEPTION: _exception,
    FaultKind.WRONG_UNIT: _wrong_unit,
    FaultKind.OTHER_ID: _other_id,
    FaultKind.OVERLONG: _overlong,
    FaultKind.SETTLE: _settle,
}
_ON_FRAME: dict[FaultKind, _Effect] = {
    FaultKind.CRC: _crc,
    FaultKind.TRUNCATE: _truncate,
    FaultKind.DOUBLE: _double,
    FaultKind.NOISE: _noise,
    FaultKind.FOREIGN: _foreign,
    FaultKind.ECHO: _echo,
    FaultKind.SECOND_MASTER: _second_master,
    FaultKind.LENGTH: _length,
    FaultKind.DROP: _drop,
    FaultKind.CLOSE: _close,
    FaultKind.HANG_UP: _hang_up,
    FaultKind.RESET: _reset,
    FaultKind.SLOW: _slow,
    FaultKind.JITTER: _jitter,
    FaultKind.LATE: _late,
    FaultKind.TRICKLE: _trickle,
    FaultKind.PAUSE: _pause,
}


class FaultTable:
    """The faults of one endpoint or bus. Safe to change while a bus thread uses it."""

    def __init__(self, transport: str, seed: int = 0) -> None:
        self.transport = transport
        self._foreign = FOREIGN[transport]
        self._dice = random.Random(seed)
        self._faults: dict[tuple[FaultKind, int | None], Fault] = {}
        self._left: dict[tuple[FaultKind, int | None], int] = {}
        self._held = b""
        self._asked = self._numbered = 0  # the last number, and how many replies have another
        self._said: dict[int, bytes] = {}  # the last frame of each unit
        self._behind: dict[int, deque[bytes]] = {}  # frames whose turn comes with the unit's later requests
        #: Unit id -> the faults of its own that a request PDU meets, beside those that are set.
        self.habits: dict[int, Callable[[bytes], Sequence[Fault]]] = {}
        self._lock = threading.Lock()

    def set(self, fault: Fault) -> None:
        """Begin a fault, in place of one of its kind and unit. ValueError where the transport has none."""
        if fault.kind in self._foreign:
            raise ValueError(f"{fault.kind}: there is no such fault on {self.transport}")
        key = (fault.kind, fault.unit_id)
        with self._lock:
            self._faults[key] = fault
            self._left.pop(key, None)
            if fault.times is not None:
                self._left[key] = fault.times

    def clear(self, kind: FaultKind | None = None, unit_id: int | None = None) -> None:
        """End the faults of this kind and unit; None stands for all."""
        with self._lock:
            for key in list(self._faults):
                if kind in (None, key[0]) and unit_id in (None, key[1]):
                    del self._faults[key]

    def active(self, kind: FaultKind) -> bool:
        """Whether a fault of this kind is set for any unit."""
        return self.delay_s(kind) is not None

    def answering(self, unit_id: int, units: Iterable[int]) -> int:
        """Return which of `units` answers what `unit_id` is asked: itself, or who stands in for it."""
        with self._lock:
            stands_in = any((FaultKind.STAND_IN, of) in self._faults for of in (None, unit_id))
        others = (other for other in units if other != unit_id)
        return min(others, default=unit_id) if stands_in else unit_id

    def delay_s(self, kind: FaultKind) -> float | None:
        """The `delay_s` of a fault of this kind, of whichever unit; None: there is none."""
        with self._lock:
            return next((fault.delay_s for key, fault in self._faults.items() if key[0] is kind), None)

    def deliver(
        self, unit_id: int, pdu: bytes, encode: Encode, request: bytes = b"", open_s: float = math.inf
    ) -> OutgoingReply | None:
        """Turn a reply into what goes out; None: nothing does. `encode` makes a frame of unit id and PDU.

        request: the PDU that is answered. open_s: how long the connection has been open.
        """
        habit = self.habits.get(unit_id)
        own = habit(request) if habit else ()
        with self._lock:
            struck = [*own, *self._strike(unit_id)]
            delivery = OutgoingReply(unit_id, pdu, encode, request, open_s)
            for fault in struck:
                if effect := _ON_PDU.get(fault.kind):
                    effect(delivery, fault, self._dice)
            if delivery.silent:
                return None
            delivery.frame = encode(delivery.unit_id, delivery.pdu)
            if self.transport == "tcp":
                self._number(delivery, struck)
            if not self._come_in_turn(
                unit_id, delivery, [fault for fault in struck if fault.kind in BEHIND_BY]
            ):
                return None
            said, self._said[unit_id] = self._said.get(unit_id, b""), delivery.frame
            if any(fault.kind is FaultKind.AGAIN for fault in struck):
                delivery.frame = said + delivery.frame
            for fault in struck:
                if effect := _ON_FRAME.get(fault.kind):
                    effect(delivery, fault, self._dice)
            if any(fault.kind is FaultKind.GLUE for fault in struck) and not self._held:
                self._held = delivery.frame
                return None
            delivery.frame = self._held + delivery.frame
            self._held = b""
            return delivery

    def _number(self, delivery: OutgoingReply, faults: Sequence[Fault]) -> None:
        """Give a reply the number that a gateway makes up for it."""
        asked, last = int.from_bytes(delivery.frame[:2], "big"), self._asked
        self._asked = asked
        for fault in faults:
            if fault.kind not in NUMBERS:
                continue
            number = NUMBERS[fault.kind](fault, self._numbered, last) & 0xFFFF
            delivery.frame = number.to_bytes(2, "big") + delivery.frame[2:]
            self._numbered += 1

    def _come_in_turn(self, unit_id: int, delivery: OutgoingReply, faults: Sequence[Fault]) -> bool:
        """Put the reply whose turn it is in the place of one of a unit that is behind; False: it is none."""
        if not faults:
            self._behind.pop(unit_id, None)
            return True
        held, now = self._behind.setdefault(unit_id, deque()), delivery.frame
        held.append(now)
        if len(held) <= max(BEHIND_BY[fault.kind] for fault in faults):
            first = next((fault for fault in faults if fault.kind is FaultKind.EXCEPTION_FIRST), None)
            if first is not None:
                _exception(delivery, first, self._dice)
                delivery.frame = delivery.encode(delivery.unit_id, delivery.pdu)
            return first is not None
        before = held.popleft()
        numbered = any(fault.kind in NUMBERED_ANEW for fault in faults)
        delivery.frame = now[:2] + before[2:] if numbered else before
        return True

    def _strike(self, unit_id: int) -> list[Fault]:
        """The faults that hit this reply, in the order of their kinds."""
        struck = []
        for kind in FaultKind:
            for key in ((kind, None), (kind, unit_id)):
                fault = self._faults.get(key)
                if fault is None or (fault.probability < 1.0 and self._dice.random() >= fault.probability):
                    continue
                struck.append(fault)
                if key in self._left:
                    self._left[key] -= 1
                    if self._left[key] <= 0:
                        del self._faults[key], self._left[key]
        return struck
