"""The relay on a simulated pin, and on a real coil of somebody else's Modbus server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from agent.cli import main
from agent.modbus.coil import CoilDriver
from agent.outputs.annunciator import Annunciator
from agent.outputs.gpio import GpioDriver
from agent.outputs.relay import Driver, Relay
from hil.modbus.io_module import IoModule
from hil.run import configuration
from tests.until import until

PIN = 17
COIL = 3
WANTED = {"output": "modbus-coil", "host": "127.0.0.1", "port": 9, "coil": 0}  # [relay]


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    Device.pin_factory = MockFactory()
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = None


class Room:
    """An annunciator with one unit, and the relay that follows it."""

    def __init__(self, driver: Driver) -> None:
        self.now_s = 0.0
        self.relay = Relay(Annunciator(["rack-1"]), driver, lambda: self.now_s)

    def see(self, knowledge: str) -> None:
        self.relay.sights([("rack-1", knowledge)])


@pytest.mark.parametrize("active_high", [True, False])
async def test_a_pin_says_all_is_well_only_while_it_is(pins: MockFactory, active_high: bool) -> None:
    room = Room(GpioDriver(PIN, active_high))
    assert not pins.pins  # not before it runs: an agent that is refused must not move another's relay
    running = asyncio.create_task(room.relay.run())
    await asyncio.sleep(0)
    pin = pins.pin(PIN)
    assert pin.state is not active_high
    room.see("LIVE")
    assert pin.state is active_high
    room.see("BLIND")
    assert pin.state is not active_high  # at once, not with the next round
    room.see("LIVE")
    room.relay.test(10.0, "me")
    assert pin.state is not active_high
    room.now_s = 10.0
    await until(lambda: pin.state is active_high)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert pin.state is not active_high


async def test_a_board_without_pins_says_what_to_look_at_and_a_pin_that_comes_later_is_driven(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Device.pin_factory = None
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "native")  # needs the registers of a Raspberry Pi
    monkeypatch.setattr("agent.outputs.gpio.RETRY_S", 0.01)
    room = Room(GpioDriver(PIN))
    room.see("STALE")
    assert "GPIO pin 17: " in room.relay.driver.trouble
    assert "gpiodetect" in room.relay.driver.trouble
    room.see("LIVE")
    Device.pin_factory = pins = MockFactory()
    running = asyncio.create_task(room.relay.run())
    await until(lambda: bool(pins.pin(PIN).state))
    assert room.relay.driver.trouble == ""
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    Device.pin_factory = None


async def test_a_pin_that_fails_harms_no_alarm(pins: MockFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.outputs.gpio.RETRY_S", 0.01)
    room = Room(GpioDriver(PIN))
    room.see("LIVE")
    with monkeypatch.context() as broken:
        broken.setattr(type(pins.pin(PIN)), "_set_state", _fail)
        room.see("BLIND")
        assert "GPIO pin 17: the chip is gone" in room.relay.driver.trouble
        room.now_s = 1.0
        assert room.relay.lasting_trouble() == ""
        room.now_s = 11.0
        assert "the chip is gone" in room.relay.lasting_trouble()
    running = asyncio.create_task(room.relay.run())
    await until(lambda: not room.relay.driver.trouble)
    assert pins.pin(PIN).state is False
    assert room.relay.lasting_trouble() == ""
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _fail(*_: object) -> None:
    raise OSError("the chip is gone")


@pytest.fixture
async def module(unused_tcp_port: int) -> AsyncIterator[IoModule]:
    module = IoModule(unused_tcp_port)
    await module.start()
    yield module
    await module.stop()


async def test_a_coil_follows_and_is_written_again_so_that_the_modules_watchdog_is_fed(
    module: IoModule, unused_tcp_port: int
) -> None:
    driver = CoilDriver("127.0.0.1", unused_tcp_port, unit_id=1, coil=COIL)
    room = Room(driver)
    running = asyncio.create_task(room.relay.run())
    await until(lambda: module.writes == [(1, COIL, False)])
    room.see("LIVE")
    await until(lambda: module.writes[1:] == [(1, COIL, True)])
    room.see("BLIND")
    await until(lambda: module.writes[2:] == [(1, COIL, False)])
    room.see("LIVE")
    await until(lambda: module.writes[3:] == [(1, COIL, True)] * 2)  # the second a refresh, nothing changed
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert module.writes[-1] == (1, COIL, False)
    assert module.others == 0  # one coil, and nothing else, ever


async def test_a_module_that_was_away_gets_the_present_state_when_it_is_back(unused_tcp_port: int) -> None:
    driver = CoilDriver("127.0.0.1", unused_tcp_port, unit_id=1, coil=COIL)
    room = Room(driver)
    running = asyncio.create_task(room.relay.run())
    room.see("LIVE")
    await until(lambda: "no connection" in driver.trouble)
    module = IoModule(unused_tcp_port)
    await module.start()
    await until(lambda: bool(module.writes))
    assert module.writes[0] == (1, COIL, True)
    await until(lambda: driver.trouble == "")  # when the module's answer has come
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await module.stop()


async def test_the_relay_is_dropped_for_an_agent_that_has_ended(
    module: IoModule, unused_tcp_port: int, tmp_path: Path
) -> None:
    config = tmp_path / "agent.toml"
    agent = configuration.agent(tmp_path, relay=configuration.coil(unused_tcp_port, COIL))
    config.write_text(agent + configuration.tcp_unit("rack-1", 502, "sunspec-lithium-ion"))
    arguments = ["relay", "drop", "--config", str(config)]
    done = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert (done.exit_code, done.output) == (0, "")
    assert module.writes == [(1, COIL, False)]
    await module.stop()
    done = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert done.exit_code == 1
    assert f"coil 3 of unit 1 at 127.0.0.1:{unused_tcp_port}: no connection" in done.output
