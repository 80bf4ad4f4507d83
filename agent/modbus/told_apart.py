"""Which row of `came` the bytes are that came in place of an answer. Pure.

Both functions take the whole request, and what was heard since it went out; a sound answer to it is none of
their rows.
"""

import struct
from collections.abc import Iterator, Sized
from dataclasses import replace
from typing import NamedTuple

from agent.message import Message
from agent.modbus.adu import answer_bytes
from agent.modbus.came import NOTHING, Came, Frames, Kind
from agent.modbus.numbering import Numbering
from agent.modbus.overheard import (
    ANOTHER_MASTER,
    BIT_READS,
    LEAST_REQUESTS,
    WORD_READS,
    answers_to,
    described,
    request_at,
    sound,
)

EXCEPTION_BIT = 0x80
HEADER_BYTES = 6
MOST_BODY = 254
READS = (*BIT_READS, *WORD_READS)

#: How other services begin to speak, and what they are.
SERVICES = (
    (b"HTTP/", "a web server"),
    (b"SSH-", "an SSH server"),
    (b"\x15\x03", "TLS"),
    (b"\x16\x03", "TLS"),
    (b"\xff\xfb", "Telnet"),
    (b"\xff\xfd", "Telnet"),
    (b"220 ", "a mail or FTP server"),
    (b"+OK ", "a mail server"),
    (b"RFB ", "a remote desktop"),
    (b"<", "a web server"),
)
TEXT = "something that speaks text"
#: By whether there are fewer than were requested, and of bits.
COUNTS = {
    (False, False): "answers with more registers than were requested",
    (False, True): "answers with more bits than were requested",
    (True, False): "answers with fewer registers than were requested",
    (True, True): "answers with fewer bits than were requested",
}
LEAST_TEXT = 6  # so many letters in a row are no accident


class Frame(NamedTuple):
    """The answer that a frame holds: unit id, function code with its exception bit, number of data bytes."""

    unit_id: int
    function: int
    size: int


def _answers(heard: bytes) -> Iterator[tuple[Frame, bytes]]:
    """Yield the sound RTU answers among bytes, wherever they begin."""
    at = 0
    while at + 5 <= len(heard):
        unit_id, function, size = heard[at], heard[at + 1], heard[at + 2]
        length = 5 if function & EXCEPTION_BIT else 5 + size
        frame = heard[at : at + length]
        if function & ~EXCEPTION_BIT in READS and len(frame) == length and sound(frame):
            yield Frame(unit_id, function, size), frame
            at += length
        else:
            at += 1


def _wanted(pdu: bytes) -> tuple[int, int]:
    """Return function code and number of data bytes of the answer to a read."""
    count = int.from_bytes(pdu[3:5], "big")
    return pdu[0], (count + 7) // 8 if pdu[0] in BIT_READS else 2 * count


def _service(heard: bytes) -> str:
    """Return what other service speaks so; "" where it is none."""
    for begins, name in SERVICES:
        if heard.startswith(begins):
            return name
    text = heard.strip(b"\0\r\n\t ")
    readable = len(text) >= LEAST_TEXT and all(0x20 <= byte < 0x7F or byte in b"\r\n\t" for byte in text)
    return TEXT if readable else ""


def _other_service(heard: bytes, name: str) -> Came:
    shown = heard[:40].split(b"\n")[0].strip()
    begins = repr(shown.decode("ascii", "replace")) if name != "TLS" and name != "Telnet" else ""
    text = Message("is no Modbus device: {service} answers", service=Message(name))
    return Came(Kind.OTHER_SERVICE, text, begins)


def _question(function: int, size: int, wanted: tuple[int, int]) -> tuple[Kind, str, str] | None:
    """Say in what an answer is one to another question; None where it is not."""
    if function & ~EXCEPTION_BIT != wanted[0]:
        came = function & ~EXCEPTION_BIT
        text = Message("answers with function {came} for {asked}", came=came, asked=wanted[0])
        return Kind.OTHER_FUNCTION, text, ""
    if function & EXCEPTION_BIT or size == wanted[1]:
        return None
    text = Message(COUNTS[size < wanted[1], function in BIT_READS])
    return Kind.OTHER_COUNT, text, Message("{n} data bytes for {asked}", n=size, asked=wanted[1])


def of_rtu(asked: bytes, heard: bytes, stranger: bytes = b"", *, master: bool = False) -> Came:
    """Return what came on a line. heard: with the echo of the request, where there was one. stranger: a
    request of somebody else, where one was heard before; master: by now it is sure that one asks there.
    """
    rest = heard.removeprefix(asked)
    requests = [r for at in range(len(rest)) if (r := request_at(rest, at)) and r != asked]
    if other := stranger or next(iter(requests), b""):
        if master or len(requests) >= LEAST_REQUESTS:
            text = Message("is not understood: {why}", why=Message(ANOTHER_MASTER))
            return Came(Kind.OTHER_MASTER, text, described(other))
        text = Message("is not understood: somebody else's request was received")
        return Came(Kind.OTHER_REQUEST, text, described(other))
    if not rest:
        echo = Came(Kind.ECHO, Message("does not answer: the request itself comes back"))
        return echo if heard else NOTHING
    wanted = _wanted(asked[1:])
    answers = list(_answers(rest))
    mine = {frame for answer, frame in answers if any(map(frame.startswith, answers_to(asked)))}
    if len(mine) > 1:
        return Came(Kind.TWO_ANSWERS, Message("answers twice, and not the same"))
    for answer, _ in answers:
        if answer.unit_id != asked[0]:
            return _as_other(answer.unit_id, asked[0])
        if question := _question(answer.function, answer.size, wanted):
            return Came(*question)
    if _is_tcp(rest):
        return Came(Kind.OTHER_FRAMES, Message("answers in frames of Modbus TCP"))
    if name := _service(rest):
        return _other_service(rest, name)
    prefix = next((p for p in answers_to(asked) if rest.startswith(p)), b"")
    if prefix or (len(rest) < 3 and any(p.startswith(rest) for p in answers_to(asked))):
        length = answers_to(asked).get(prefix, 5 + wanted[1])
        if len(rest) < length:
            return cut_short("rtu", Message("{n} of {all}", n=len(rest), all=length))
        return Came(Kind.CHECKSUM, Message("answers with a wrong checksum"), _bytes(rest))
    if sound(asked[:1] + rest):
        return Came(Kind.NO_FIRST_BYTE, Message("answers without its first byte"))
    return Came(Kind.NO_FRAME, Message("does not answer: bytes come that are no frame"), _bytes(rest))


def _bytes(heard: Sized) -> Message:
    return Message("{n} bytes", n=len(heard))


def _is_tcp(heard: bytes) -> bool:
    if len(heard) < HEADER_BYTES + 3:
        return False
    _, protocol, length = struct.unpack_from(">HHH", heard)
    return protocol == 0 and length == len(heard) - HEADER_BYTES and heard[7] & ~EXCEPTION_BIT in READS


def _as_other(unit_id: int, asked_id: int) -> Came:
    text = Message("answers as unit id {id}, polled as {asked}", id=unit_id, asked=asked_id)
    return Came(Kind.OTHER_UNIT, text, accept=f"{{ unit_id = {unit_id} }}", unit_id=unit_id)


def cut_short(frames: Frames, detail: str = "") -> Came:
    """Return that less came than belongs to the answer."""
    return Came(Kind.CUT_SHORT, Message("answers too few bytes"), detail, frames)


def unasked(heard: bytes) -> Came:
    """Return what came through a connection through which nothing is asked."""
    name = _service(heard)
    return replace(_other_service(heard, name), frames="tcp") if name else _no_frame(heard)


def of_tcp(asked: bytes, heard: bytes, numbering: Numbering | None = None) -> Came:
    """Return what came through a connection, beginning where a frame must begin.

    numbering: of its answers under other numbers, of which this may be one.
    """
    if not heard:
        return replace(NOTHING, frames="tcp")
    if heard.startswith(asked):
        return _tcp(Kind.ECHO, Message("sends the request itself back"))
    if name := _service(heard):
        return replace(_other_service(heard, name), frames="tcp")
    if any(heard.startswith(frame) for _, frame in _answers(heard)):
        return _tcp(Kind.OTHER_FRAMES, Message("answers in RTU frames, without the header of Modbus TCP"))
    if len(heard) < HEADER_BYTES:
        if heard[2:4] == bytes(len(heard[2:4])):
            return cut_short("tcp", Message("{n} of a header", n=len(heard)))
        return _no_frame(heard)
    return _wrong_header(asked, heard) or _other_numbers(asked, heard, numbering or Numbering())


def _tcp(kind: Kind, text: str, detail: str = "", accept: str = "") -> Came:
    return Came(kind, text, detail, "tcp", accept)


def _no_frame(heard: bytes) -> Came:
    return _tcp(Kind.NO_FRAME, Message("answers what is not Modbus TCP"), _bytes(heard))


def _wrong_header(asked: bytes, heard: bytes) -> Came | None:
    """Say what is wrong with a header, or how much is missing behind it; None: nothing."""
    _, protocol, length = struct.unpack_from(">HHH", heard)
    body = heard[HEADER_BYTES:]
    if protocol and (length == len(body) or heard[:2] == asked[:2]):
        text = Message("answers with protocol id {id} in its header; Modbus has 0", id=protocol)
        return _tcp(Kind.PROTOCOL, text)
    belong = 0 if protocol else answer_bytes(body)
    if belong and length != belong:
        detail = Message(
            "a header says length {length}, and {n} bytes belong to its answer", length=length, n=belong
        )
        return _tcp(Kind.LENGTH, Message("answers with a wrong length in its header"), detail)
    if protocol or not 2 < length <= MOST_BODY:
        return _no_frame(heard)
    if len(body) < length:
        return cut_short("tcp", Message("{n} of {all} behind its header", n=len(body), all=length))
    return None


def _other_numbers(asked: bytes, heard: bytes, numbering: Numbering) -> Came:
    """Say in what a whole frame differs from the answer."""
    transaction, _, length = struct.unpack_from(">HHH", heard)
    asked_as, unit_id = int.from_bytes(asked[:2], "big"), heard[6]
    other_unit = _as_other(unit_id, asked[6])
    if transaction != asked_as:
        text, accept = numbering.text, 'transaction = "any"'
        if unit_id != asked[6]:
            text = Message("{one}, and {other}", one=text, other=other_unit.text)
            accept = f"{accept}, unit_id = {unit_id}"
        detail = numbering.detail or Message("{came} for {asked}", came=transaction, asked=asked_as)
        return _tcp(Kind.OTHER_TRANSACTION, text, detail, f"{{ {accept} }}")
    if unit_id != asked[6]:
        return replace(other_unit, frames="tcp")
    if question := _question(heard[7], heard[8], _wanted(asked[7:])):
        return _tcp(*question)
    rest = len(heard) - HEADER_BYTES - length
    text = Message("sends bytes behind its answer that are no frame")
    return _tcp(Kind.TRAILING, text, Message("{n} bytes", n=rest))
