"""Every reply comes in the place of the next one, for an hour: whatever is asked, no value is another's.

In simulated time with each plan and each kind of answer, of which most are followed for ten minutes of the
hour; over real sockets and ptys in scaled time.
"""

import asyncio
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from simulated_line import CLOCKS, Simulation, sealed, well

from agent.clock import Clock
from agent.frame import Frame
from agent.modbus.accepted import Accepted
from agent.modbus.bus import Bus
from agent.modbus.owed import Owed
from agent.modbus.ports import Port
from agent.modbus.serial_line import SerialPort
from agent.modbus.tcp import TcpPort
from agent.modbus.timing import BACKOFF_S
from agent.modbus.unit import Unit
from agent.modbus.unnumbered import UnnumberedPort
from agent.quality import Quality
from drivers.layout import Layout
from drivers.line import Line
from drivers.profile.load import Profile, load_profile, parse_profile
from drivers.registers import Area, Read
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.rtu import RtuBus
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint
from tests.breadth import sampled

HOUR_S = 3600.0
SCALE = 1200.0  # of the tests over sockets

#: Addresses of single registers; neighbours are one read.
PLANS = {
    "two reads of one register": (100, 200),
    "two reads of two registers": (100, 101, 200, 201),
    "one register and two": (100, 200, 201),
    "two, two and one": (100, 101, 200, 201, 300),
    "three and three": (100, 101, 102, 200, 201, 202),
}
Answer = Callable[[bytes, bytes], bytes]


def refused(request: bytes, code: int) -> bytes:
    return sealed(bytes((request[0], request[1] | 0x80, code)))


def now_and_then(every: int, code: int) -> Answer:
    numbers = count()
    return lambda q, r: r if next(numbers) % every else refused(q, code)


#: How the unit answers, apart from when.
ANSWERS: dict[str, Callable[[], Answer]] = {
    "with values": lambda: lambda _q, r: r,
    "with an exception each third time": lambda: now_and_then(3, 2),
    "busy each other time": lambda: now_and_then(2, 6),
}


def profile_of(addresses: tuple[int, ...]) -> Profile:
    points = (
        f'[[point]]\nname = "cell_voltage_{k + 1}"\naddress = {address}\n'
        for k, address in enumerate(addresses)
    )
    return parse_profile('schema = 1\nmodel = "m"\ngaps = "forbidden"\n' + "".join(points))


def wrong(frame: Frame, addresses: tuple[int, ...]) -> list[int]:
    """Return the addresses whose good values are not their own."""
    said = zip(addresses, frame.raw, frame.quality, strict=True)
    return [a for a, raw, quality in said if quality == Quality.GOOD and a not in CLOCKS and raw != a]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("from_the_start", [True, False])
def test_no_value_is_anothers(plan: str, answer: str, from_the_start: bool) -> None:
    addresses, answered = PLANS[plan], ANSWERS[answer]()
    line, held = Simulation(), list[bytes]()
    unit = line.unit(1, profile=profile_of(addresses))
    line.start(unit)
    line.run(0 if from_the_start else 10)
    read_before = len(line.times(unit))

    def behind(request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
        held.append(answered(request, reply))
        return [(0.01, held.pop(0))] if len(held) > 1 else []

    line.behaviour[1] = behind
    line.run(HOUR_S if plan == "two, two and one" and answer == "with values" else sampled(600.0, HOUR_S))
    assert read_before or from_the_start
    assert [(at, bad) for at, frame in line.frames if (bad := wrong(frame, addresses))] == []
    line.behaviour[1] = well
    line.run(4 * BACKOFF_S[-1])
    assert line.times(unit)[-1] > line.clock.now_s - 1.5, "it is read again"
    assert not any(wrong(frame, addresses) for _, frame in line.frames)


@pytest.mark.parametrize("every", [7, 40])
def test_nor_of_a_block_that_is_refused_and_given_in_place_of_the_next(every: int) -> None:
    addresses, held, numbers = PLANS["two reads of two registers"], list[bytes](), count()
    line = Simulation()
    unit = line.unit(1, profile=profile_of(addresses))
    line.start(unit)
    line.run(10)

    def refusing(request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
        if held:
            return [(0.01, held.pop())]
        if next(numbers) % every < every - 1:
            return [(0.01, reply)]
        held.append(reply)
        return [(0.01, refused(request, 2))]

    line.behaviour[1] = refusing
    line.run(sampled(300.0, HOUR_S))
    assert [(at, bad) for at, frame in line.frames if (bad := wrong(frame, addresses))] == []
    assert len(line.times(unit)) > 30


TWO_UNITS = {"two reads": profile_of(PLANS["two reads of two registers"]), "a pack": load_profile("pace-rtu")}


@pytest.mark.parametrize("code", [1, 2, 3, 4])
@pytest.mark.parametrize("lost_s", [0, 1], ids=["at once", "after a lost reply"])
@pytest.mark.parametrize("profile", TWO_UNITS.values(), ids=TWO_UNITS)
def test_a_unit_that_answers_all_with_an_exception_is_not_said_to_be_silent(
    profile: Profile, lost_s: int, code: int
) -> None:
    line = Simulation()
    unit = line.unit(1, profile=profile)
    line.start(unit)
    line.run(10)
    line.behaviour[1] = lambda _request, _reply: []
    line.run(lost_s)
    line.behaviour[1] = lambda request, _reply: [(0.01, refused(request, code))]
    line.run(30)  # what came before is among the last requests
    for _ in range(60):
        line.run(1)
        assert f"(exception {code})" in unit.trouble


class Fast(Clock):
    """A clock on which an hour passes in seconds."""

    scale = SCALE

    def boottime_s(self) -> float:
        return SCALE * super().boottime_s()


class Polled:
    """A unit whose registers hold their addresses, polled for an hour of scaled time."""

    def __init__(self, port: Port, addresses: tuple[int, ...]) -> None:
        self.addresses, self.good, self.wrong, self.frames = addresses, 0, 0, 0
        clock = Fast()
        unit = Unit(
            name="unit", rack="unit", unit_id=3, profile=profile_of(addresses), line=Line.tcp(), period_s=1.0,
            timeout_s=0.05, has_transaction_ids=port.has_transaction_ids, clock=clock,
            connected=lambda _unit, _layout: bytes(16), emit=self._emit,
        )  # fmt: skip
        self.bus = Bus("bus", port, [unit], clock)

    def _emit(self, frame: Frame, _layout: Layout) -> None:
        self.frames += 1
        self.good += bool((frame.quality == Quality.GOOD).all())
        said = zip(self.addresses, frame.raw, frame.quality, strict=True)
        self.wrong += any(quality == Quality.GOOD and raw != a for a, raw, quality in said)

    async def after(self, behind: Callable[[], None]) -> None:
        """Poll: well at first, and then for an hour, and on a busy machine for as long as 100 frames take."""
        task = asyncio.create_task(self.bus.run())
        async with asyncio.timeout(10):
            while not self.good:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        behind()
        await asyncio.wait({task}, timeout=HOUR_S / SCALE)
        async with asyncio.timeout(120):
            while self.frames <= 100 and not task.done():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def registers(addresses: tuple[int, ...]) -> RegisterTable:
    table = RegisterTable()
    for address in addresses:
        table.define(Area.HOLDING, address, [address])
    return table


@pytest.mark.parametrize("plan", ["two reads of one register", "two reads of two registers"])
@pytest.mark.parametrize("code", [None, 2])
async def test_nor_behind_a_gateway_that_numbers_its_replies_itself(plan: str, code: int | None) -> None:
    gateway = TcpEndpoint("127.0.0.1", 0, {3: registers(PLANS[plan])})
    await gateway.start()
    for fault in (Fault(FaultKind.OWN_NUMBER, code=9), Fault(FaultKind.OTHER_ID, code=0)):
        gateway.faults.set(fault)
    port = UnnumberedPort(gateway.host, gateway.port, accepted=Accepted(any_transaction=True, unit_id=0))

    def behind() -> None:
        gateway.faults.set(Fault(FaultKind.BEHIND))
        if code is not None:
            gateway.faults.set(Fault(FaultKind.EXCEPTION, probability=0.3, code=code))

    polled = Polled(port, PLANS[plan])
    await polled.after(behind)
    assert polled.wrong == 0
    await gateway.stop()


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("probability", [1.0, 0.3])
async def test_nor_behind_one_that_gives_each_reply_the_number_of_the_next_question(
    plan: str, probability: float
) -> None:
    gateway = TcpEndpoint("127.0.0.1", 0, {3: registers(PLANS[plan])})
    await gateway.start()
    polled = Polled(TcpPort(gateway.host, gateway.port), PLANS[plan])
    await polled.after(lambda: gateway.faults.set(Fault(FaultKind.SHIFTED, probability=probability)))
    assert polled.wrong == 0
    assert polled.good > (50 if probability < 1 else 0)
    await gateway.stop()


@pytest.mark.parametrize("plan", ["two reads of one register", "two reads of two registers"])
async def test_nor_on_a_serial_line_whose_unit_answers_under_another_id(plan: str, tmp_path: Path) -> None:
    bus = RtuBus(tmp_path / "bus", 115200, {3: registers(PLANS[plan])})
    bus.start()
    bus.faults.set(Fault(FaultKind.OTHER_ID, code=0))
    polled = Polled(SerialPort(str(bus.link), 115200, accepted=Accepted(unit_id=0)), PLANS[plan])
    await polled.after(lambda: bus.faults.set(Fault(FaultKind.BEHIND)))
    assert polled.wrong == 0
    bus.stop()


def test_what_can_be_a_late_reply_does_not_count_and_leaves_another_owed() -> None:
    owed, one, two, other = Owed(), *(Read(Area.HOLDING, 100, n) for n in (1, 2)), Read(Area.INPUT, 100, 2)
    assert owed.answered(two, 0.0, refused=False)
    owed.unanswered(two, 0.0)
    assert not owed.answered(two, 1.0, refused=False), "it may be the first one's"
    assert owed.like(two)
    assert owed.answered(one, 2.0, refused=False), "no late one is so short"
    assert not owed.like(two)
    owed.unanswered(two, 3.0)
    assert not owed.answered(one, 4.0, refused=True), "an exception looks like any"
    assert owed.like(one)
    assert not owed.like(two)
    assert owed.answered(other, 5.0, refused=True), "but of another table"
    assert not owed.like(one)
    owed.damaged(one, 6.0)
    assert not owed.like(one), "what comes while nothing is owed is its own, sound or not"
    owed.unanswered(two, 6.0)
    owed.damaged(one, 7.0)
    assert owed.like(one)
    owed.forget(0, 7.0)
    assert (owed.like(one), owed.like(two)) == (True, False)
    assert owed.answered(Read(Area.HOLDING, 100, 1, unit_offset=1), 8.0, refused=False), "of another unit id"
