"""The bench's lines in simulated time: the agent's own ports, and what they make of replies that get lost."""

import asyncio

import pytest

from agent.bench.poll import lossy, virtual, wires
from agent.modbus.ports import LateReply, Port
from agent.quality import Quality
from drivers.registers import Area, Read
from hil.modbus.faults import Fault, FaultKind

READ = Read(Area.HOLDING, 0, 40)
ONE_LOST = (Fault(FaultKind.MUTE, times=1),)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lossy, "SEEDS", 4)
    monkeypatch.setattr(lossy, "LASTS_S", 300.0)


def test_simulated_seconds_take_no_time() -> None:
    async def hours() -> float:
        began_s = virtual.LoopClock().boottime_s()
        await asyncio.sleep(7200.0)
        return virtual.LoopClock().boottime_s() - began_s

    assert virtual.run(hours) == pytest.approx(7200.0)


def test_a_loop_in_which_nothing_will_happen_says_so() -> None:
    async def waits() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        virtual.run(waits)


@pytest.mark.parametrize("transport", ["tcp", "rtu"])
def test_the_answer_to_a_question_that_was_asked_again_is_no_late_one(transport: str) -> None:
    async def asked() -> tuple[list[Quality], list[LateReply]]:
        port: Port = wires.tcp(ONE_LOST, 0) if transport == "tcp" else wires.rtu(9600, ONE_LOST, 0)
        await port.open()
        answers = [await port.ask(1, READ, 0.5) for _ in range(2)]
        return [answer.reply.quality for answer in answers], list(port.late())

    assert virtual.run(asked) == ([Quality.NO_REPLY, Quality.GOOD], [])


@pytest.mark.usefixtures("few")
def test_a_unit_of_tcp_whose_replies_get_lost_is_read_in_time() -> None:
    assert lossy.quantile(lossy.tcp_intervals(), 0.999) <= 10


@pytest.mark.usefixtures("few")
def test_units_of_a_serial_line_are_read_in_time_though_replies_are_lost_or_damaged() -> None:
    intervals = lossy.rtu_intervals()
    assert lossy.quantile(intervals, 0.99) <= 10
    assert lossy.quantile(intervals, 0.999) <= 20
