"""Requests of another master, found among the bytes that were heard on a serial line. Pure.

A unit answers whoever asked, and an answer does not say whom. So on a line with a second master (a BMS that
is one itself, an inverter, a gateway that was forgotten) only the request in front of it tells whose it is.
"""

from collections import deque
from collections.abc import Iterator
from math import inf

from pymodbus.framer import FramerRTU

from agent.message import Message

ANOTHER_MASTER = "another master speaks on this line"
REMEDY = "their answers destroy each other: stop it, or give it a line of its own"

# Bytes of a whole request by its function code; where one has a byte count: its place, and the bytes beside
# what it counts. Modbus application protocol V1.1b3, section 6. Without 7, 11 and 12: of four bytes, half of
# them checksum, noise makes one too easily, and no poller sends them.
FIXED = {1: 8, 2: 8, 3: 8, 4: 8, 5: 8, 6: 8, 8: 8, 17: 4, 22: 10, 24: 6, 43: 7}
COUNTED = {15: (6, 9), 16: (6, 9), 20: (2, 5), 21: (2, 5), 23: (10, 13)}
BIT_READS, WORD_READS = (1, 2), (3, 4)
MOST_READ = {1: 2000, 2: 2000, 3: 125, 4: 125}
ADDRESSED = (1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 24)
LEAST_REQUESTS = 2  # within STRANGER_FOR_S: eight bytes of noise are a sound request once in hours
STRANGER_FOR_S = 600.0  # another master that was not heard for so long has gone
MINUTE_S = 60.0


def sound(frame: bytes) -> bool:
    """Whether the checksum at the end of an RTU frame is that of the bytes before it."""
    return bool(FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big")))


def request_at(heard: bytes, at: int) -> bytes:
    """Return the sound request that begins at `at`; b"" where none does."""
    function = heard[at + 1] if at + 1 < len(heard) else 0
    size = FIXED.get(function, 0)
    if function in COUNTED:
        place, beside = COUNTED[function]
        size = heard[at + place] + beside if at + place < len(heard) else 0
    frame = heard[at : at + size]
    if not size or len(frame) < size or not sound(frame):
        return b""
    count = int.from_bytes(frame[4:6], "big")
    if function in MOST_READ and not 1 <= count <= MOST_READ[function]:
        # another unit's answer of three bytes of bits, which has the length of a request; or one of one
        # register before a byte that is 0: its checksum holds for both together
        return b""
    return frame


def requests_in(heard: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each sound request, and where it ends; what looks like its answer is passed over."""
    owed: dict[bytes, int] = {}
    at = 0
    while at < len(heard):
        prefix = next((p for p in owed if heard.startswith(p, at)), b"")
        answer = heard[at : at + owed[prefix]] if prefix else b""
        if prefix and len(answer) == owed[prefix] and sound(answer):
            at, owed = at + len(answer), {}
        elif request := request_at(heard, at):
            at, owed = at + len(request), answers_to(request)
            yield at, request
        else:
            at += 1


def answers_to(request: bytes) -> dict[bytes, int]:
    """Return how the answers to a read begin, and their lengths; none for what is no read, or a broadcast."""
    unit_id, function, count = request[0], request[1], int.from_bytes(request[4:6], "big")
    size = (count + 7) // 8 if function in BIT_READS else 2 * count
    if unit_id == 0 or function not in (*BIT_READS, *WORD_READS) or size > 0xFF:
        return {}
    return {bytes((unit_id, function, size)): 5 + size, bytes((unit_id, function | 0x80)): 5}


def described(request: bytes) -> Message:
    """Say what a request asks for, in words."""
    asks: dict[str, object] = {"id": request[0], "function": request[1]}
    if request[1] not in ADDRESSED:
        return Message("unit id {id}, function {function}", **asks)
    address = int.from_bytes(request[2:4], "big")
    return Message("unit id {id}, function {function}, address {address}", address=address, **asks)


class Strangers:
    """The requests of other masters that were heard on one line lately."""

    def __init__(self) -> None:
        self._last_s, self._request, self._times = -inf, b"", 0
        self._heard: deque[tuple[float, int]] = deque()  # in the last minute: when, and how many

    def heard(self, request: bytes, times: int, now_s: float) -> None:
        """Note the last request that was heard, and how many new ones there were."""
        lately = self._times if now_s - self._last_s < STRANGER_FOR_S else 0
        self._last_s, self._request, self._times = now_s, request, lately + times
        self._heard.append((now_s, times))
        self._drop(now_s)

    def present(self, now_s: float) -> bool:
        """Whether another master was heard in the last ten minutes, and not once."""
        return now_s - self._last_s < STRANGER_FOR_S and self._times >= LEAST_REQUESTS

    def per_minute(self, now_s: float) -> int:
        """Return how many requests of others were heard in the last minute."""
        self._drop(now_s)
        return sum(times for _, times in self._heard)

    def said(self, now_s: float) -> str:
        """Say that another master is there, what it asks and how often; "" where none is."""
        if not self.present(now_s):
            return ""
        often = self.per_minute(now_s)
        rate = f"{often} requests in the last minute" if often else f"last {now_s - self._last_s:.0f} s ago"
        return f"{ANOTHER_MASTER} ({described(self._request)}; {rate}); {REMEDY}"

    def _drop(self, now_s: float) -> None:
        while self._heard and now_s - self._heard[0][0] > MINUTE_S:
            self._heard.popleft()
