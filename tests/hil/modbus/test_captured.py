"""A capture played back: its frames in turn, its faults, and an address that rises by two."""

import struct

import pytest

from drivers.dump import parse_dump
from drivers.registers import Area
from drivers.told import Told, told
from hil.modbus.captured import Captured
from hil.modbus.faults import FaultKind
from hil.run.captured import line_of

TEXT = """\
# What one battery unit answered, register by register. `#` begins a comment.
# device: Acme P16, firmware 2.1
# line: rtu 19200-8E1
# Columns: unit id, table, address
# 1 holding 0 to 4: exception 2 after 12 ms
# 1 holding 0 to 1: 2 values after 40 ms
1 holding 0 100
1 holding 1 200
# 1 holding 4: no answer
# 1 holding 9: the connection was closed
frame 1 0.000
# 1 holding 0 to 1: 2 values after 50 ms
1 holding 0 101
1 holding 1 200
frame 2 1.500
# 1 holding 0 to 1: answered, but nothing sound after 60 ms
frame 3 2.500
# 1 holding 0 to 1: 2 values after 70 ms
1 holding 0 103
1 holding 1 203
# end: 3 frames
"""


def request(first: int, count: int) -> bytes:
    return struct.pack(">BHH", 3, first, count)


def test_the_frames_come_in_turn_and_again_with_their_times() -> None:
    captured = Captured(parse_dump(TEXT), "rtu")
    table = captured.tables[1]
    seen = []
    for t_s in (0.0, 1.4, 1.6, 2.6, 3.7, 3.9, 5.3):  # the last frame holds for as long as one usually did
        captured.show(t_s)
        (fault, *_), words = captured.habit(1, request(0, 2)), table.read(Area.HOLDING, 0, 2)
        assert words is not None
        seen.append((words.tolist(), fault.kind.value, fault.delay_s))
    assert [words for words, *_ in seen] == [
        [101, 200], [101, 200], [101, 200], [103, 203], [103, 203], [101, 200], [101, 200],
    ]  # fmt: skip
    assert [kind for _, kind, _ in seen] == ["slow", "slow", "crc", "slow", "slow", "slow", "crc"]
    assert [delay for _, kind, delay in seen if kind == "slow"] == [0.05, 0.05, 0.07, 0.07, 0.05]


@pytest.mark.parametrize(
    ("first", "count", "transport", "kinds"),
    [
        (0, 5, "tcp", ["exception", "slow"]),
        (4, 1, "tcp", ["mute"]),
        (3, 2, "tcp", ["exception", "slow"]),  # was never asked so; what was asked has a part of it
        (9, 1, "tcp", ["hang_up"]),
        (9, 1, "rtu", ["mute"]),
        (1, 1, "rtu", ["slow"]),  # as others of the unit
        (30, 1, "rtu", ["slow"]),  # the table refuses it
    ],
)
def test_a_read_meets_the_fault_that_it_met(first: int, count: int, transport: str, kinds: list[str]) -> None:
    captured = Captured(parse_dump(TEXT), transport)
    assert [fault.kind.value for fault in captured.habit(1, request(first, count))] == kinds
    for fault in captured.habit(1, request(first, count)):
        assert fault.kind is not FaultKind.EXCEPTION or fault.code == 2


def test_a_unit_that_counts_bytes_is_served_as_it_was_asked() -> None:
    text = "# 1 input 10 to 14: 3 values after 5 ms\n" + "".join(f"1 input {a} {a}\n" for a in (10, 12, 14))
    table = Captured(parse_dump(text), "tcp").tables[1]
    words = table.read(Area.INPUT, 10, 3)
    assert words is not None
    assert words.tolist() == [10, 12, 14]
    assert table.read(Area.INPUT, 11, 1) is None


def test_what_the_head_says_and_the_line_it_was_taken_on() -> None:
    dump = parse_dump(TEXT)
    assert dump.about == {"device": "Acme P16, firmware 2.1", "line": "rtu 19200-8E1"}
    assert line_of(dump) == (19200, "E", 1)
    assert line_of(parse_dump("# line: tcp\n1 holding 0 1")) == (9600, "N", 1)


@pytest.mark.parametrize(
    "heard",
    [
        Told(1, Area.HOLDING, 0, 39, 40, "", 0.045),
        Told(247, Area.COIL, 7, 7, 1, "", 0.0),
        Told(1, Area.INPUT, 7, 9, 0, "exception 11", 0.2),
        Told(1, Area.DISCRETE, 7, 9, 0, "no answer", None),
        Told(1, Area.INPUT, 7, 9, 0, "answered, but nothing sound", 1.5),
        Told(1, Area.INPUT, 7, 9, 0, "the connection was closed", None),
    ],
)
def test_how_a_read_was_answered_is_written_and_read_back(heard: Told) -> None:
    assert told(heard.line()) == heard
    assert told(heard.line() + " or so") is None
