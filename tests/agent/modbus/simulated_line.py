"""A serial line in simulated time: real requests, real frames, no clock but its own.

The line settles an exchange by the same rule as `agent.modbus.rtu_port`; only bytes and times are made up.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from pymodbus.framer import FramerRTU

from agent.clock import Stamp
from agent.frame import Frame
from agent.modbus.adu import RTU_REQUEST_BYTES, RtuExchange, data_bytes
from agent.modbus.ports import NO_REPLY, Answer
from agent.modbus.read_request import ReadRequest
from agent.modbus.schedule import Schedule
from agent.modbus.unit import Unit
from agent.quality import Quality
from drivers.layout import Layout
from drivers.line import Line
from drivers.profile.load import Profile, parse_profile

# Two reads of equal shape, and one of state points; a register holds its own address, the last of each read
# the hundredths of a second in which it was read.
PROFILE = parse_profile(
    """
    schema = 1
    model = "simulated"
    gaps = "forbidden"
    [[point]]
    name = "cell_voltage_1"
    address = 100
    [[point]]
    name = "cell_voltage_2"
    address = 101
    [[point]]
    name = "cell_voltage_3"
    address = 200
    [[point]]
    name = "cell_voltage_4"
    address = 201
    [[point]]
    name = "soc_1"
    address = 300
    poll = "state"
    """
)
ADDRESSES = (100, 101, 200, 201, 300)
CLOCKS = frozenset({101, 201})


class SimulatedClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def boottime_s(self) -> float:
        return self.now_s

    def stamp(self) -> Stamp:
        return Stamp(round(self.now_s * 1e9), 0, True)


#: What a unit does with a request: (seconds after it, bytes) of everything that comes of it.
Behaviour = Callable[[bytes, bytes], list[tuple[float, bytes]]]


def well(_request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
    return [(0.01, reply)]


def mute(_request: bytes, _reply: bytes) -> list[tuple[float, bytes]]:
    return []


def sealed(frame: bytes) -> bytes:
    return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


@dataclass
class Simulation:
    """Units on one line, polled by the real schedule."""

    baud: int = 9600
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    frames: list[tuple[float, Frame]] = field(default_factory=list)
    asked: list[ReadRequest] = field(default_factory=list)
    behaviour: dict[int, Behaviour] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.character_s = 10 / self.baud
        self.silence_s = 3.5 * self.character_s
        self._on_wire: list[tuple[float, bytes]] = []  # arrival of the last byte, bytes
        self._heard_s = 0.0
        self._before = b""

    def unit(self, unit_id: int, period_s: float = 1.0, **rest: object) -> Unit:
        profile = rest.pop("profile", PROFILE)
        assert isinstance(profile, Profile)
        return Unit(
            name=f"unit-{unit_id}",
            rack="rack",
            unit_id=unit_id,
            profile=profile,
            line=Line.rtu(self.baud),
            period_s=period_s,
            timeout_s=float(rest.pop("timeout_s", 0.5)),  # type: ignore[arg-type]
            has_transaction_ids=bool(rest.pop("has_transaction_ids", False)),
            clock=self.clock,  # type: ignore[arg-type]
            connected=lambda _unit, _layout: bytes(16),
            emit=self._emit,
            **rest,  # type: ignore[arg-type]
        )

    def _emit(self, frame: Frame, _layout: Layout) -> None:
        self.frames.append((self.clock.now_s, frame))

    def start(self, *units: Unit) -> None:
        for unit in units:
            self.behaviour.setdefault(unit.unit_id, well)
        self.schedule = Schedule(units, self.clock.now_s)

    def run(self, seconds: float) -> None:
        end_s = self.clock.now_s + seconds
        while self.clock.now_s < end_s:
            self._come_late()
            chosen = self.schedule.next(self.clock.now_s)
            if isinstance(chosen, float):
                self.clock.now_s = min(chosen, end_s)
                continue
            unit, ask = chosen
            self.asked.append(ask)
            answer = self._carry(ask)
            self.schedule.took(unit, ask, answer, self.clock.now_s)
            unit.answered(ask, answer, self.clock.now_s)

    def _come_late(self) -> None:
        """Hand on the replies that have come after their time-outs."""

    def _carry(self, ask: ReadRequest) -> Answer:
        self._fall_silent()
        exchange = RtuExchange(ask.unit_id, ask.read, self._before)
        sent_s = self.clock.now_s + RTU_REQUEST_BYTES * self.character_s
        reply_s = (5 + data_bytes(ask.read)) * self.character_s
        self._answer(exchange.request, sent_s)
        wait_s = ask.timeout_s + reply_s
        while True:
            until_s = exchange.settles_s(self._heard_s, sent_s, wait_s, self.silence_s, ask.timeout_s)
            if not self._on_wire or self._on_wire[0][0] > until_s:
                break
            self._heard_s, data = self._on_wire.pop(0)
            exchange.feed(data)
        self.clock.now_s = until_s
        self._before = exchange.end()
        if exchange.reply is not None:
            response_s = max(0.0, self._heard_s - sent_s - reply_s)
            return Answer(exchange.reply, response_s, stranger=exchange.stranger)
        return Answer(NO_REPLY, damaged=exchange.answered, stranger=exchange.stranger)

    def _fall_silent(self) -> None:
        while True:
            while self._on_wire and self._on_wire[0][0] <= self.clock.now_s:
                self._heard_s, data = self._on_wire.pop(0)
                self._before += data
            if self._heard_s + self.silence_s <= self.clock.now_s + 1e-9:
                return
            self.clock.now_s = self._heard_s + self.silence_s

    def _answer(self, request: bytes, sent_s: float) -> None:
        unit_id, address, count = request[0], *_numbers(request)
        words = [round(sent_s * 100) & 0xFFFF if a in CLOCKS else a for a in range(address, address + count)]
        data = b"".join(word.to_bytes(2, "big") for word in words)
        reply = sealed(bytes((unit_id, request[1], len(data))) + data)
        for after_s, sent in self.behaviour[unit_id](request, reply):
            self._on_wire.append((sent_s + after_s + len(sent) * self.character_s, sent))
        self._on_wire.sort(key=lambda item: item[0])

    def times(self, unit: Unit, quality: Quality = Quality.GOOD) -> list[float]:
        """When frames of `unit` came whose safety points all have this quality."""
        return [t for t, f in self.frames if f.unit == unit.name and (f.quality[:4] == quality).all()]

    def assert_nothing_wrong(self) -> None:
        """Every value that is called good is its own register's, and no older than its stamp says."""
        for at_s, frame in self.frames:
            for address, raw, quality in zip(ADDRESSES, frame.raw, frame.quality, strict=True):
                if quality != Quality.GOOD:
                    continue
                if address in CLOCKS:
                    asked = round(frame.stamp.boottime_ns / 1e7) & 0xFFFF
                    lasted = round(at_s * 100 - frame.stamp.boottime_ns / 1e7) + 1
                    assert 0 <= (int(raw) - asked) & 0xFFFF <= lasted
                else:
                    assert raw == address


def _numbers(request: bytes) -> tuple[int, int]:
    return int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
