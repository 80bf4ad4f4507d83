"""Who answers after a silence: the same unit, another one, or one that does not say."""

import pytest
from simulated_line import Behaviour, Simulation, mute, sealed, well

from agent.modbus.sameness import MARK_EVERY_S
from agent.modbus.unit import Unit
from agent.quality import Quality
from drivers.connect import tells_apart
from drivers.identity import names_units, told
from drivers.profile.load import load_profile, parse_profile, shipped_profiles

SERIAL = 50
PROFILE = parse_profile(
    """
    schema = 1
    model = "named"
    gaps = "forbidden"
    [[point]]
    name = "serial_number"
    address = 50
    type = "ascii"
    registers = 2
    [[point]]
    name = "firmware"
    address = 60
    type = "ascii"
    registers = 1
    [[point]]
    name = "cell_voltage_1"
    address = 100
    """
)


def of(serial: bytes, firmware: bytes = b"v1") -> Behaviour:
    """Answer as the unit with this serial number."""
    texts = {SERIAL: serial, 60: firmware}

    def behave(request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
        text = texts.get(int.from_bytes(request[2:4], "big"))
        return well(request, sealed(reply[:3] + text[: reply[2]]) if text else reply)

    return behave


def without_serial(how: bytes) -> Behaviour:
    """Answer all but the serial number; that with these bytes, or with nothing."""

    def behave(request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
        if int.from_bytes(request[2:4], "big") != SERIAL:
            return of(b"SN-1")(request, reply)
        return [(0.01, how.replace(b"ID", request[:1]))] if how else []

    return behave


class Line(Simulation):
    """One unit, what was told of it, and how often it was asked who it is."""

    def begin(self, **rest: object) -> Unit:
        self.said: list[str] = []
        unit = self.unit(1, profile=PROFILE, exchanged=self._exchanged, **rest)
        self.behaviour[1] = of(b"SN-1")
        self.start(unit)
        self.run(5)
        return unit

    def _exchanged(self, _unit: Unit, text: str) -> None:
        self.said.append(text)
        self.told_s = self.clock.now_s

    def asked_who(self, since: int) -> int:
        return sum(ask.read.address == SERIAL for ask in self.asked[since:])

    def first_good_s(self, since_s: float) -> float:
        """When a whole good frame came after that time."""
        return next(t for t, f in self.frames if t > since_s and (f.quality == Quality.GOOD).all())


@pytest.mark.parametrize("away_s", [5.0, 20.0, 300.0])
def test_another_serial_number_is_told_once_and_the_unit_read_on(away_s: float) -> None:
    line = Line()
    line.begin()
    line.behaviour[1] = mute
    line.run(away_s)
    before, back_s = len(line.asked), line.clock.now_s
    line.behaviour[1] = of(b"SN-2")
    line.run(30)
    assert line.said == ["another unit: serial_number was SN-1, is SN-2"]
    values = next(k for k, ask in enumerate(line.asked[before:], before) if ask.purpose >= 0)
    assert line.asked_who(before) - line.asked_who(values) >= 2, "read twice before any value"
    assert line.first_good_s(back_s) - back_s < 10, "and within the safety deadline"
    line.run(60)
    assert len(line.said) == 1


def test_the_same_unit_is_asked_one_mark_and_nothing_is_told() -> None:
    line = Line()
    unit = line.begin()
    connection = unit.connection
    line.behaviour[1] = mute
    line.run(10)
    before = len(line.asked)
    line.behaviour[1] = of(b"SN-1", b"v2")  # with a new firmware
    line.run(30)
    assert line.said == []
    assert line.asked_who(before) == 1
    assert unit.connection is connection


def test_a_short_silence_and_a_long_period_are_no_absence() -> None:
    line = Line()
    line.begin(period_s=20.0)
    before = len(line.asked)
    line.run(MARK_EVERY_S - 10)
    assert line.asked_who(before) == 0


def test_a_unit_that_is_always_heard_is_asked_a_mark_every_minute_between_two_cycles() -> None:
    line = Line()
    line.begin()
    before, since_s = len(line.asked), line.clock.now_s
    line.run(600)
    assert 10 <= line.asked_who(before) <= 12
    for k, ask in enumerate(line.asked[before:], before):
        if ask.read.address == SERIAL:
            assert line.asked[k - 1].read == line.asked[before - 1].read, "after the last read of a cycle"
    assert sum(t > since_s for t, f in line.frames if (f.quality == Quality.GOOD).all()) >= 599


@pytest.mark.parametrize("at_s", [0.3, 20.0, 49.7])
@pytest.mark.parametrize("period_s", [1.0, 5.0])
def test_one_that_is_exchanged_without_any_silence_is_told_within_a_minute_and_a_cycle(
    at_s: float, period_s: float
) -> None:
    line = Line()
    line.begin(period_s=period_s)
    line.run(100 + at_s)
    swapped_s = line.clock.now_s
    line.behaviour[1] = of(b"SN-2")
    line.run(60 + period_s)
    assert line.said == ["another unit: serial_number was SN-1, is SN-2"]
    assert line.told_s - swapped_s <= 60 + period_s


@pytest.mark.parametrize(
    "how",
    [
        sealed(b"\x01\x03\x04\0\0\0\0"),  # blank
        sealed(b"\x01\x03\x04    "),
        sealed(b"\x01\x03\x040000"),  # never written
        sealed(b"\x01\x03\x04\xff\xfe\xff\xff"),  # garbled
        sealed(b"\x01\x83\x02"),  # refused
        sealed(b"\x01\x83\x04"),
        sealed(b"\x01\x83\x06"),  # busy, for ever
        b"\x01\x03\x04SN-2\0\0",  # damaged
        b"",  # no answer
    ],
)
def test_a_mark_that_does_not_say_another_name_holds_nothing_up(how: bytes) -> None:
    line = Line()
    line.begin()
    line.behaviour[1] = mute
    line.run(10)
    line.behaviour[1] = without_serial(how)
    before, back_s = len(line.asked), line.clock.now_s
    line.run(60)
    assert line.said == []
    assert line.first_good_s(back_s) - back_s < 15
    good = sum(t > back_s for t, f in line.frames if (f.quality == Quality.GOOD).all())
    assert good > 30
    assert 3 <= line.asked_who(before) <= 20, "asked on, seldom"
    line.behaviour[1] = of(b"SN-2")
    line.run(15)
    assert line.said == ["another unit: serial_number was SN-1, is SN-2"]


MODELLED = parse_profile(
    """
    schema = 1
    model = "modelled"
    gaps = "forbidden"
    [[point]]
    name = "serial_number"
    address = 50
    type = "ascii"
    registers = 2
    [[point]]
    name = "model"
    address = 60
    type = "ascii"
    registers = 1
    expect = ["M1", "M2"]
    [[point]]
    name = "cell_voltage_1"
    address = 100
    """
)


@pytest.mark.parametrize("blank", [sealed(b"\x01\x03\x04\0\0\0\0"), sealed(b"\x01\x83\x02")])
@pytest.mark.parametrize(("model", "ends"), [(b"M1", "as it was"), (b"M2", "another"), (b"X9", "mismatch")])
def test_a_unit_without_a_serial_number_is_known_by_its_model(blank: bytes, model: bytes, ends: str) -> None:
    line = Line()
    line.said = []
    unit = line.unit(1, profile=MODELLED, exchanged=lambda _unit, text: line.said.append(text))
    line.behaviour[1] = of(b"SN-1", b"M1")
    line.start(unit)
    line.run(5)
    line.behaviour[1] = mute
    line.run(10)
    back_s = line.clock.now_s
    line.behaviour[1] = lambda q, r: (
        well(q, blank) if q[2:4] == SERIAL.to_bytes(2, "big") else of(b"SN-1", model)(q, r)
    )
    line.run(60)
    assert line.said == (["another unit: model was M1, is M2"] if ends == "another" else [])
    good = [f for t, f in line.frames if t > back_s and (f.quality == Quality.GOOD).all()]
    if ends == "mismatch":
        assert not good
        assert (line.frames[-1][1].quality == Quality.MISMATCH).all()
    else:
        assert len(good) > 30


def test_a_serial_number_that_was_read_once_is_not_believed() -> None:
    line = Line()
    line.begin()
    line.behaviour[1] = mute
    line.run(10)
    wrong = iter([b"SM-1"])
    line.behaviour[1] = lambda q, r: of(next(wrong, b"SN-1") if q[3] == SERIAL and q[5] == 2 else b"SN-1")(
        q, r
    )
    line.run(20)
    assert line.said == []
    assert (line.frames[-1][1].quality == Quality.GOOD).all()


def test_a_serial_number_that_is_never_the_same_is_not_believed_and_the_unit_is_read() -> None:
    line = Line()
    line.begin()
    line.behaviour[1] = mute
    line.run(10)
    numbers = iter(range(10, 99))
    line.behaviour[1] = lambda q, r: of(b"S%d " % next(numbers) if q[3] == SERIAL and q[5] == 2 else b"SN-1")(
        q, r
    )
    since_s = line.clock.now_s
    line.run(40)
    assert line.said == []
    assert sum(t > since_s for t, f in line.frames if (f.quality == Quality.GOOD).all()) > 25


def test_one_that_was_exchanged_while_nobody_watched_is_told_at_the_start() -> None:
    line = Line()
    unit = line.begin(known={"serial_number": "SN-0"})
    assert line.said == ["another unit: serial_number was SN-0, is SN-1"]
    assert unit.marks == {"serial_number": "SN-1"}
    assert (line.frames[-1][1].quality == Quality.GOOD).all()


@pytest.mark.parametrize("known", [{"serial_number": "SN-1"}, {}])
def test_one_that_is_the_same_or_was_not_known_is_not_told(known: dict[str, str]) -> None:
    line = Line()
    line.begin(known=known)
    assert line.said == []


def test_what_tells_units_apart() -> None:
    assert [name for name in ("serial", "bms_serial", "SerialNo", "pack_sn", "model", "hardware") if not
            names_units(name, text=True)] == []  # fmt: skip
    assert not any(names_units(name, text=True) for name in ("firmware", "version", "build_date", "name"))
    assert not names_units("cell_count", text=False)
    assert [told(s) for s in ("", " ", "0000", "FFFF", "\\xff1", 0, 65535)] == [False] * 7
    assert [told(s) for s in ("SN-1", 7, "0001")] == [True] * 3


def test_shipped_profiles_that_cannot_tell_an_exchanged_unit_are_known() -> None:
    nameless = {name for name in shipped_profiles() if not tells_apart(load_profile(name))}
    assert nameless == {"huawei-ups2000", "pylontech-powercube-m2", "soltaro-rack-b"}


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 8, 10, 11, 12])
def test_who_only_refused_for_long_may_be_another_one(code: int) -> None:
    line = Line()
    line.begin()
    line.behaviour[1] = lambda q, _reply: [(0.01, sealed(bytes((1, q[1] | 0x80, code))))]
    line.run(20)  # a gateway answers for it
    back_s = line.clock.now_s
    line.behaviour[1] = of(b"SN-2")
    line.run(30)
    assert line.said == ["another unit: serial_number was SN-1, is SN-2"]
    assert line.told_s <= line.first_good_s(back_s) < back_s + 15, "before any value"
