"""What every transport must be, whatever it is: a row each, and what the row promises of tables and ports."""

import tomllib
from pathlib import Path
from typing import get_args

import pytest

from agent.config.tables import Config
from agent.modbus.survey.presence import LineSetting
from agent.transport import table
from agent.transport.row import Endpoint, Transport
from agent.transport.table import TRANSPORTS, parse
from drivers.profile.load import load_profile

ROOT = Path(__file__).parents[3]
SETTING = LineSetting(19200, "E", 1)

each = pytest.mark.parametrize("transport", TRANSPORTS, ids=lambda transport: transport.name)


def endpoint_of(transport: Transport) -> Endpoint:
    (endpoint,) = parse(transport.example)
    return endpoint


def config_of(transport: Transport) -> Config:
    endpoint = endpoint_of(transport)
    keys = endpoint.bus_keys("19200-8E1" if endpoint.sets_line else "")
    bus = tomllib.loads("\n".join(['name = "bus"', *keys]))
    unit = {"name": "u", "bus": "bus", "profile": "sunspec-lithium-ion"}
    return Config.model_validate({"upstream": {"url": "http://127.0.0.1:1"}, "bus": [bus], "unit": [unit]})


def test_every_file_has_a_row_and_every_row_a_table_of_its_own_that_the_configuration_takes() -> None:
    files = {path.stem for path in (ROOT / "agent/transport").glob("*.py")}
    rows = {transport.table.__module__.rpartition(".")[2] for transport in TRANSPORTS}
    assert files - {"__init__", "row", "table", "serial_table", "left_out", "accept", "host_advice"} == rows
    for name in rows:
        assert (Path(__file__).parent / f"test_{name}_bus.py").exists(), f"{name} has a test of its own"
    assert set(get_args(table.AnyBus)) == {transport.table for transport in TRANSPORTS}
    for transport in TRANSPORTS:
        assert get_args(transport.table.model_fields["transport"].annotation) == (transport.name,)


@each
def test_what_people_write_is_an_endpoint_of_the_transport_and_is_written_so(transport: Transport) -> None:
    endpoint = endpoint_of(transport)
    assert endpoint.transport is transport
    assert str(endpoint) == transport.example


@each
def test_what_setup_writes_of_an_endpoint_the_configuration_reads_as_that_endpoint(
    transport: Transport,
) -> None:
    (bus,) = config_of(transport).bus
    assert isinstance(bus, transport.table)
    assert bus.endpoint == endpoint_of(transport)
    profile = load_profile("sunspec-lithium-ion")
    setting = bus.setting(profile)
    assert setting == SETTING if bus.endpoint.sets_line else setting in (None, LineSetting(9600))
    assert bus.line(profile).per_read_s > 0
    assert bus.timeout_s(profile) > 0


@each
def test_agent_and_tools_open_the_same_port_and_it_keeps_the_promise_of_the_row(transport: Transport) -> None:
    (bus,) = config_of(transport).bus
    polled, asked = bus.new_port(load_profile("sunspec-lithium-ion")), bus.endpoint.new_port(SETTING)
    assert type(polled) is type(asked)
    assert bus.endpoint.is_port(polled.name)
    assert bus.endpoint.is_port(asked.name)
    assert polled.has_transaction_ids is asked.has_transaction_ids is transport.has_transaction_ids
    assert not polled.is_open


@each
def test_a_page_shows_how_the_bus_is_written(transport: Transport) -> None:
    assert f'transport = "{transport.name}"' in (ROOT / "docs/polling.md").read_text()
