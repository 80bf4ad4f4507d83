"""What every output keeps to, row by row, and that none is forgotten elsewhere."""

import asyncio
import importlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.alarms.output import Output
from agent.clock import Clock
from agent.config.reload import FIXED
from agent.config.tables import Config
from agent.detect.alarms.states import AlarmEvent
from agent.keys.values import RoomOutput
from agent.outputs import journal
from agent.outputs.table import OUTPUTS, OutputTables, outputs_of
from tests.graph import modules

CONFIGURED = OutputTables.model_fields
#: A configuration that wants every output: each test_NAME.py says in WANTED what its table holds then.
CONFIG = Config.model_validate(
    {
        "upstream": {"url": "http://127.0.0.1:9"},
        **{name: importlib.import_module(f"test_{name}").WANTED for name in CONFIGURED},
    }
)
DOCS = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()


@pytest.fixture(params=OUTPUTS)
def output(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Output]:
    """Each output; the journal's socket is one that nobody reads."""
    monkeypatch.setattr(journal, "SYSLOG", tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as taken:
        taken.bind(str(tmp_path / "log"))
        yield outputs_of(CONFIG, ["rack-1"], Clock().boottime_s)[request.param]


async def test_nothing_that_an_output_is_told_waits(output: Output, hot: AlarmEvent) -> None:
    running = asyncio.create_task(output.run())
    began_s = time.monotonic()
    output.expect(["rack-1"])
    for unit in ("", "rack-1"):
        output.stands(unit, [hot] * 240)
        output.changed(unit, hot)
    output.sights([("rack-1", "BLIND")])
    output.test(10.0, "me")
    assert time.monotonic() - began_s < 2.0
    assert output.lasting_trouble() == ""
    assert "trouble" in (output.report() or {"trouble": ""})
    await asyncio.sleep(0.05)
    assert not running.done(), "an output runs until it is cancelled"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_every_output_has_a_row() -> None:
    for name in modules():
        if name.startswith("agent.outputs."):
            importlib.import_module(name)
    ours = {output.__module__ for output in Output.__subclasses__()}
    made = {type(output).__module__ for output in outputs_of(CONFIG, ["rack-1"], Clock().boottime_s).values()}
    assert {module for module in ours if module.startswith("agent.")} == made


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_has_a_test_and_a_row_of_docs(name: str) -> None:
    assert (Path(__file__).parent / f"test_{name}.py").exists()
    assert f"\n| `{name}` |" in DOCS


def test_the_table_of_an_output_is_called_as_its_row() -> None:
    assert CONFIGURED.keys() <= OUTPUTS.keys()


@pytest.mark.parametrize("name", CONFIGURED)
def test_the_table_of_an_output_needs_a_restart_and_is_refused_in_simulated_time(name: str) -> None:
    assert name in FIXED
    assert isinstance(getattr(CONFIG, name), RoomOutput) or CONFIGURED[name].default is not None
