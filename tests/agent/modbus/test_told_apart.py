"""What comes in place of an answer, by its bytes: a row for each that a line or a connection can bring."""

import struct

import pytest
from pymodbus.framer import FramerRTU

from agent.modbus.adu import RtuExchange, tcp_frame, tcp_request
from agent.modbus.came import OF_CODE, ROWS, Came, Kind, of_exception
from agent.modbus.told_apart import of_rtu, of_tcp, unasked
from drivers.registers import Area, Read

READ = Read(Area.HOLDING, 100, 2)
ON_LINE = RtuExchange(3, READ).request
ON_TCP = tcp_request(7, 3, READ)


def rtu(data: str) -> bytes:
    frame = bytes.fromhex(data)
    return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


def tcp(pdu: str, transaction: int = 7, unit_id: int = 3) -> bytes:
    return tcp_frame(transaction, unit_id, bytes.fromhex(pdu))


ANSWER = rtu("0303040CE40CE5")
LINE_ROWS = [
    ("nothing", b"", Kind.NOTHING, "does not answer"),
    ("its echo", ON_LINE, Kind.ECHO, "the request itself comes back"),
    ("unit 0", rtu("0003040CE40CE5"), Kind.OTHER_UNIT, "answers as unit id 0, polled as 3"),
    ("another unit", rtu("0903040CE40CE5"), Kind.OTHER_UNIT, "answers as unit id 9"),
    ("another unit's exception", rtu("098302"), Kind.OTHER_UNIT, "answers as unit id 9"),
    ("another function", rtu("0304040CE40CE5"), Kind.OTHER_FUNCTION, "answers with function 4 for 3"),
    ("another function's exception", rtu("038402"), Kind.OTHER_FUNCTION, "answers with function 4 for 3"),
    ("more", rtu("0303060CE40CE50CE6"), Kind.OTHER_COUNT, "more registers than were requested"),
    ("fewer", rtu("0303020CE4"), Kind.OTHER_COUNT, "fewer registers than were requested"),
    ("more behind its echo", ON_LINE + rtu("0303060CE40CE50CE6"), Kind.OTHER_COUNT, "more registers"),
    ("cut short", ANSWER[:6], Kind.CUT_SHORT, "answers too few bytes"),
    ("one byte of it", ANSWER[:1], Kind.CUT_SHORT, "answers too few bytes"),
    ("damaged", ANSWER[:-2] + b"\0\0", Kind.CHECKSUM, "a wrong checksum"),
    ("without its first byte", ANSWER[1:], Kind.NO_FIRST_BYTE, "without its first byte"),
    ("two that differ", ANSWER + rtu("0303040CE40CE6"), Kind.TWO_ANSWERS, "answers twice, and not the same"),
    ("a request of somebody", rtu("030300C80010") + ANSWER, Kind.OTHER_REQUEST, "somebody else's request"),
    ("another master", rtu("030300C80010") * 2 + ANSWER, Kind.OTHER_MASTER, "another master speaks"),
    ("frames of TCP", ON_TCP[:4] + tcp("03040CE40CE5")[4:], Kind.OTHER_FRAMES, "in frames of Modbus TCP"),
    ("SSH", b"SSH-2.0-dropbear\r\n", Kind.OTHER_SERVICE, "an SSH server answers"),
    ("noise", b"\xf0\x12\x99", Kind.NO_FRAME, "bytes come that are no frame"),
]
TCP_ROWS = [
    ("nothing", b"", Kind.NOTHING, "does not answer"),
    ("its echo", ON_TCP, Kind.ECHO, "sends the request itself back"),
    ("another transaction", tcp("03040CE40CE5", 8), Kind.OTHER_TRANSACTION, "under another transaction id"),
    ("both", tcp("03040CE40CE5", 8, 1), Kind.OTHER_TRANSACTION, "and answers as unit id 1, polled as 3"),
    ("another unit", tcp("03040CE40CE5", 7, 1), Kind.OTHER_UNIT, "answers as unit id 1, polled as 3"),
    ("unit 0", tcp("8302", 7, 0), Kind.OTHER_UNIT, "answers as unit id 0, polled as 3"),
    ("another function", tcp("04040CE40CE5"), Kind.OTHER_FUNCTION, "answers with function 4 for 3"),
    ("more", tcp("03060CE40CE50CE6"), Kind.OTHER_COUNT, "more registers than were requested"),
    ("fewer", tcp("03020CE4"), Kind.OTHER_COUNT, "fewer registers than were requested"),
    ("cut short", tcp("03040CE40CE5")[:-2], Kind.CUT_SHORT, "answers too few bytes"),
    ("a part of a header", ON_TCP[:4], Kind.CUT_SHORT, "answers too few bytes"),
    ("bytes behind it", tcp("03040CE40CE5") + b"\1\2\3", Kind.TRAILING, "bytes behind its answer"),
    (
        "a length too small",
        tcp("03040CE40CE5")[:5] + b"\6\3\3\4\x0c\xe4\x0c\xe5",
        Kind.LENGTH,
        "wrong length",
    ),
    (
        "a length too large",
        tcp("03040CE40CE5")[:5] + b"\x09\3\3\4\x0c\xe4\x0c\xe5",
        Kind.LENGTH,
        "wrong length",
    ),
    (
        "an exception, its length too small",
        b"\0\7\0\0\0\2\3\x83\2",
        Kind.LENGTH,
        "says length 2, and 3 bytes",
    ),
    ("an exception without its code", b"\0\7\0\0\0\2\3\x83", Kind.LENGTH, "says length 2, and 3 bytes"),
    ("an exception, its length too large", b"\0\7\0\0\0\6\3\x83\2", Kind.LENGTH, "says length 6, and 3"),
    ("an exception with bytes behind it", b"\0\7\0\0\0\5\3\x83\2\0\0", Kind.LENGTH, "says length 5, and 3"),
    ("an exception cut short", b"\0\7\0\0\0\3\3\x83", Kind.CUT_SHORT, "answers too few bytes"),
    ("a protocol id", struct.pack(">HHH", 7, 1, 7) + b"\3\3\4\0\0\0\0", Kind.PROTOCOL, "protocol id 1"),
    ("frames of RTU", ANSWER, Kind.OTHER_FRAMES, "in RTU frames"),
    ("HTTP", b"HTTP/1.1 400 Bad Request\r\n", Kind.OTHER_SERVICE, "a web server answers"),
    ("TLS", b"\x15\x03\x01\0\x02\x02\x46", Kind.OTHER_SERVICE, "TLS answers"),
    ("Telnet", b"\xff\xfd\x18\xff\xfd\x20", Kind.OTHER_SERVICE, "Telnet answers"),
    ("text", b"login: ", Kind.OTHER_SERVICE, "something that speaks text answers"),
    ("noise", b"\xf0\x12\x99\x01\x02\x03\x04", Kind.NO_FRAME, "what is not Modbus TCP"),
]


@pytest.mark.parametrize(
    ("came", "kind", "says"), [row[1:] for row in LINE_ROWS], ids=[r[0] for r in LINE_ROWS]
)
def test_what_comes_on_a_line_is_told_apart(came: bytes, kind: Kind, says: str) -> None:
    told = of_rtu(ON_LINE, came)
    assert (told.kind, told.frames) == (kind, "rtu")
    assert says in told.seen


@pytest.mark.parametrize(
    ("came", "kind", "says"), [row[1:] for row in TCP_ROWS], ids=[r[0] for r in TCP_ROWS]
)
def test_what_comes_through_a_connection_is_told_apart(came: bytes, kind: Kind, says: str) -> None:
    told = of_tcp(ON_TCP, came)
    assert (told.kind, told.frames) == (kind, "tcp")
    assert says in told.seen
    assert "parity" not in f"{told.words} {told.row.likely}"


def test_the_key_that_reads_it_is_named() -> None:
    assert "accept = { unit_id = 0 } in its [[bus]]" in of_rtu(ON_LINE, rtu("0003040CE40CE5")).words
    assert 'accept = { transaction = "any" } in its [[bus]]' in of_tcp(ON_TCP, tcp("03040CE40CE5", 8)).words
    both = of_tcp(ON_TCP, tcp("03040CE40CE5", 8, 1)).words
    assert 'accept = { transaction = "any", unit_id = 1 } in its [[bus]]' in both


def test_a_journal_says_the_same_of_each_such_answer() -> None:
    first, second = (of_tcp(ON_TCP, tcp("03040CE40CE5", 8 + i)) for i in range(2))
    assert first.words == second.words
    assert first.seen != second.seen


def test_what_nobody_asked_for_is_no_answer() -> None:
    assert unasked(b"SSH-2.0-x\r\n").text == "is no Modbus device: an SSH server answers"
    assert unasked(b"\xf0\x12\x99\x01\x02\x03\x04").kind is Kind.NO_FRAME


def test_every_exception_has_its_words() -> None:
    for code in range(256):
        told = of_exception(code, "tcp")
        assert told.row
        assert f"(exception {code})" in told.text
        assert (told.kind is Kind.FAILED) or code in OF_CODE


def test_every_row_says_what_is_likely_or_what_to_do_and_goes_through_json_unharmed() -> None:
    for frames, rows in ROWS.items():
        for kind, row in rows.items():
            assert row.likely
            came = Came(kind, "x", "y", frames, "{ unit_id = 1 }")
            assert Came.of_json(came.as_json()) == came
            assert "{accept}" not in came.words
