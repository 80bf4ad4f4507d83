"""Modbus frames, without I/O: the bytes of a request, and its reply found among received bytes.

    RTU  [ unit ][ function ][ byte count ][ data ... ][ CRC lo hi ]
    TCP  [ transaction id ][ 0 0 ][ length ][ unit ][ function ][ byte count ][ data ... ]

A master knows exactly what the reply to its request must look like: unit, function, byte count, and with RTU
the checksum, with TCP the transaction id. Only that is accepted; everything else on the line (echo, noise,
late or foreign frames) is passed over. pymodbus's own client accepts any reply of the unit, whatever its
function code or length, and keeps one request in flight, so only its PDU encoding and checksum are used here.
"""

import struct
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pymodbus.framer import FramerRTU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from agent.modbus.overheard import answers_to, request_at, sound
from agent.quality import Quality
from drivers.registers import Area, Read, Reply

# Touch nothing: these four requests are all that this agent can say on a bus.
REQUESTS = {
    Area.COIL: ReadCoilsRequest,
    Area.DISCRETE: ReadDiscreteInputsRequest,
    Area.HOLDING: ReadHoldingRegistersRequest,
    Area.INPUT: ReadInputRegistersRequest,
}
BIT_AREAS = frozenset({Area.COIL, Area.DISCRETE})
FUNCTIONS = frozenset(area.function_code for area in REQUESTS)
EXCEPTION_BIT = 0x80
RTU_REQUEST_BYTES = 8
EXCEPTION_BYTES = 3  # unit, function, code; an answer has as many before its data
HEADER_BYTES = 6  # of Modbus TCP: transaction id, protocol, length
# What came whole as an answer and is not sound is given up after this long, or sooner where a frame may not
# pause for so long: USB adapters hand bytes on every 16 ms, some more slowly, and what follows may mend it.
BROKEN_OFF_S = 0.1
MOST_HEARD_BYTES = 1024  # a line that never falls silent must not fill the memory


class OutOfStep(Exception):
    """What came through a connection is not Modbus TCP, and the next frame cannot be found in it.

    Its text says what is wrong with the frame; "" where there is none.
    """


@lru_cache(maxsize=4096)
def request_pdu(read: Read) -> bytes:
    """Return the request's function code and data."""
    request = REQUESTS[read.area](address=read.address, count=read.count)
    return bytes((read.area.function_code,)) + request.encode()


def data_bytes(read: Read) -> int:
    """Return the length of the data in the reply."""
    return (read.count + 7) // 8 if read.area in BIT_AREAS else 2 * read.count


def _words(read: Read, data: bytes) -> NDArray[np.uint16]:
    if read.area in BIT_AREAS:
        return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: read.count].astype(np.uint16)
    return np.frombuffer(data, ">u2").astype(np.uint16)


def reply_of(read: Read, pdu: bytes) -> Reply | None:
    """Return what a reply's function code and data say; None where they are no reply to `read`."""
    function, count = read.area.function_code, data_bytes(read)
    if len(pdu) == 2 and pdu[0] == function | EXCEPTION_BIT:
        return Reply((), Quality.REFUSED, pdu[1])
    if len(pdu) == 2 + count and pdu[0] == function and pdu[1] == count:
        return Reply(_words(read, pdu[2:]))
    return None


class RtuExchange:
    """A request to `unit_id` on a serial line, and what has been heard since.

    RTU carries no transaction id: a late reply looks like the current one's. So whoever asks listens until
    the line is silent, and `reply` is there only if exactly one sound frame, however often it came, can be
    the answer. What begins with the request itself is a two-wire adapter's echo: without the request it can
    be a sound reply (coils 768 to 1023, read 17 to 24 at once, have the same bytes).

    Another master's request spoils all that follows it: that may answer the other. So does one in `before`,
    which was heard before this one was sent, where its answer would look like ours and has not come yet.

    answering_ids: the unit ids that its answer may carry; `unit_id` alone if not said. `doubted`: frames
    that may be an answer before, sent once more (see `sent_again`): one is the reply if it comes twice, or
    alone.
    """

    def __init__(
        self, unit_id: int, read: Read, before: bytes = b"", answering_ids: Collection[int] = ()
    ) -> None:
        pdu = bytes((unit_id,)) + request_pdu(read)
        self.request = pdu + FramerRTU.compute_CRC(pdu).to_bytes(2, "big")
        self.stranger = b""  # the last request of another master
        self._strangers: list[int] = []  # where each of them ends
        self._read, self._before = read, before
        self.doubted: frozenset[bytes] = frozenset()
        self.again: set[bytes] = set()  # those of them that came
        self._answers = {
            bytes((answering,)) + prefix[1:]: size
            for prefix, size in answers_to(self.request).items()
            for answering in answering_ids or (unit_id,)
        }
        self._buffer = b""
        self._new = False  # what was heard last was not taken apart yet
        self._sound: set[bytes] = set()
        self._cut_short = False  # what was heard ends in the middle of what may be the answer
        self._strange = False  # another master asked while the answer was waited for
        self._spoiled = 0  # frames that look like the answer, and may be another's
        self._behind = 0  # where the last of the frames that look like the answer ends

    def feed(self, data: bytes) -> None:
        """Take received bytes."""
        self._buffer = (self._buffer + data)[-MOST_HEARD_BYTES:]
        self._new = True

    def _heard(self) -> bytes:
        return self._buffer.removeprefix(self.request)

    def _take_apart(self, *, whole: bool) -> None:
        """Find the frames in what was heard. whole: nothing more comes, what is cut short included."""
        if not self._new and not whole:
            return
        self._new = False
        stream, start = self._before + self._heard(), len(self._before)
        owed: dict[bytes, int] = {}  # how answers to others begin that have not come yet
        self._sound, self._spoiled, self._strange, self.stranger = set(), 0, False, b""
        self._strangers = []
        self._cut_short, self.again = False, set()
        at = self._behind = 0
        while at < len(stream):
            expected = self._answers if at >= start else owed
            prefix = next((p for p in expected if stream.startswith(p, at)), b"")
            frame = stream[at : at + expected[prefix]] if prefix else b""
            if prefix and len(frame) < expected[prefix] and at >= start and not whole:
                self._cut_short = True
                return  # what it says is not for others to be found in
            if prefix and len(frame) == expected[prefix] and sound(frame):
                at += len(frame)
                if expected is owed:
                    asked = prefix[0], prefix[1] & ~EXCEPTION_BIT
                    owed = {p: n for p, n in owed.items() if (p[0], p[1] & ~EXCEPTION_BIT) != asked}
                    continue
                self._behind = at
                if self._strange or prefix in owed:
                    self._spoiled += 1
                elif frame in self.doubted and frame not in self.again:
                    self.again.add(frame)
                else:
                    self._sound.add(frame)
            elif request := request_at(stream, at):
                at += len(request)
                if at <= start:
                    owed = owed | answers_to(request)
                elif request == self.request:
                    continue
                else:
                    self._strange = True
                self.stranger = request
                self._strangers.append(at)
            else:
                at += 1

    def end(self) -> bytes:
        """Judge what was heard, when nothing more comes; return what a next exchange must know of it."""
        self._take_apart(whole=True)
        return (self._before + self._heard())[self._behind :]

    def strangers(self, counted: int) -> int:
        """Return how many requests of other masters end behind the first `counted` bytes of what was heard.

        What was heard before this request is the beginning of it.
        """
        return sum(end > counted for end in self._strangers)

    @property
    def looks(self) -> Collection[bytes]:
        """How its answers begin."""
        return self._answers.keys()

    @property
    def doubtful(self) -> bool:
        """Whether the reply is a frame that is doubted, and came once."""
        return not self._sound and bool(self.frame)

    @property
    def heard(self) -> bytes:
        """All that was heard since the request went out, with its echo where there was one."""
        return self._buffer

    @property
    def found(self) -> bool:
        """Whether a sound frame that can be the reply is there."""
        self._take_apart(whole=False)
        return bool(self._sound)

    @property
    def answered(self) -> bool:
        """Whether what came begins as the answer must: then that has come, sound or not."""
        self._take_apart(whole=False)
        return self._spoiled > 0 or any(self._heard().startswith(prefix) for prefix in self._answers)

    @property
    def _begins(self) -> bool:
        """Whether what was heard is the first byte or two of an answer, and nothing else."""
        heard = self._heard()
        return bool(heard) and any(prefix.startswith(heard) for prefix in self._answers)

    def settles_s(
        self, heard_s: float, sent_s: float, wait_s: float, silence_s: float, inter_byte_s: float
    ) -> float:
        """Return when what was heard can be judged, if nothing more is heard until then.

        heard_s: when the last byte came. wait_s: after how long a reply that has not begun is too late.
        silence_s: what lies between two frames. inter_byte_s: how long a frame may pause; however often it
        does, it is given up another wait_s after the first.
        """
        if self.found:
            return heard_s + silence_s
        if self.again and not self._cut_short:
            return max(heard_s + silence_s, sent_s + wait_s)
        if self._strange and self._spoiled < 2:  # two answers are owed: neither must be left for the next one
            return min(heard_s, sent_s + wait_s) + wait_s
        pause_s, last_s = max(silence_s, inter_byte_s), sent_s + 2 * wait_s
        if self._cut_short:
            return min(heard_s + pause_s, last_s)
        if self.answered:
            return heard_s + max(silence_s, min(pause_s, BROKEN_OFF_S))
        return max(sent_s + wait_s, min(heard_s + pause_s, last_s)) if self._begins else sent_s + wait_s

    @property
    def reply(self) -> Reply | None:
        """The reply; None where there is none, or two that differ and nobody can tell which is the answer."""
        return reply_of(self._read, self.frame[1:-2]) if self.frame else None

    @property
    def frame(self) -> bytes:
        """The frame of the reply; b"" where there is none."""
        self._take_apart(whole=False)
        if self._sound:
            return next(iter(self._sound)) if len(self._sound) == 1 else b""
        return self._heard() if self._heard() in self.again else b""


class TcpStream:
    """The frames in what a connection brings.

    Modbus TCP has no checksum, and a reply that was cut short would be filled up from the next one. So what
    follows a frame must itself begin like a frame that is waited for, or not have come yet; `known` says
    which transaction ids are. In front of one that is, an answer under another number is passed over: some
    devices send their last answer once more, also one that another connection had.
    """

    def __init__(self, known: Callable[[int], bool]) -> None:
        self._known = known
        self._buffer = b""

    @property
    def rest(self) -> bytes:
        """What came behind the last whole frame."""
        return self._buffer

    def feed(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Take received bytes; yield (transaction id, unit id, PDU) of each whole frame. Raises OutOfStep."""
        self._buffer += data
        while len(self._buffer) >= HEADER_BYTES:
            _check_length(int.from_bytes(self._buffer[4:6], "big"), self._buffer[HEADER_BYTES:])
            self._pass_over()
            transaction, length = self._header(self._buffer)
            rest = self._buffer[HEADER_BYTES + length :]
            if len(self._buffer) < HEADER_BYTES + length or 0 < len(rest) < HEADER_BYTES:
                return
            if rest:
                self._header(rest)
            unit_id, pdu = self._buffer[HEADER_BYTES], self._buffer[HEADER_BYTES + 1 : HEADER_BYTES + length]
            self._buffer = rest
            yield transaction, unit_id, pdu

    def _pass_over(self) -> None:
        """Drop a whole answer under a number that is not known, where one that is follows at once."""
        transaction, protocol, length = struct.unpack_from(">HHH", self._buffer)
        if protocol or self._known(transaction):
            return
        rest = self._buffer[HEADER_BYTES + length :]
        if len(rest) < HEADER_BYTES:
            return
        whole = answer_bytes(self._buffer[HEADER_BYTES:]) == length
        if whole and self._known(int.from_bytes(rest[:2], "big")):
            self._header(rest)
            self._buffer = rest

    def _header(self, data: bytes) -> tuple[int, int]:
        transaction, protocol, length = struct.unpack_from(">HHH", data)
        if protocol != 0 or not 2 < length <= 254 or not self._known(transaction):
            raise OutOfStep
        return transaction, length


def _check_length(length: int, body: bytes) -> None:
    """Raise OutOfStep where the length of a header is not that of the answer to a read behind it.

    An exception that is longer, and has come whole, is no answer, and leads to the next frame all the same.
    """
    belong = answer_bytes(body)
    if (
        belong
        and length != belong
        and not (belong == EXCEPTION_BYTES and EXCEPTION_BYTES < length <= len(body))
    ):
        raise OutOfStep(f"a header says length {length}, and {belong} bytes belong to its answer")


def answer_bytes(body: bytes) -> int:
    """Return how many bytes behind a header belong to the answer that begins so; 0: that is not known."""
    if len(body) < 2 or body[1] & ~EXCEPTION_BIT not in FUNCTIONS:
        return 0
    if body[1] & EXCEPTION_BIT:
        return EXCEPTION_BYTES
    return EXCEPTION_BYTES + body[2] if len(body) >= EXCEPTION_BYTES else 0


def tcp_request(transaction: int, unit_id: int, read: Read) -> bytes:
    """Return a whole request."""
    return tcp_frame(transaction, unit_id, request_pdu(read))


def tcp_frame(transaction: int, unit_id: int, pdu: bytes) -> bytes:
    """Return a PDU with its header."""
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit_id) + pdu
