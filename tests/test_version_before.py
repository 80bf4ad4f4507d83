"""What the version before left behind goes on: its buffer, its restart state, its archive, its agent.toml."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.alarms.site import SiteAlarms
from agent.clock import Clock
from agent.config.file import load_config
from agent.runtime.restart_state import RestartState
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.wire import decode_batch
from collector.cli import main as collector
from tests.agent.store.buffers import BOOT, balance, own_alarm, pending, words

BEFORE = Path(__file__).parent / "vectors" / "0.1.0"


@pytest.fixture
def left_behind(tmp_path: Path) -> Path:
    """A folder as an agent of 0.1.0 and its collector left it."""
    for name in ("agent.toml", "buffer.db", "collector.db"):
        shutil.copy(BEFORE / name, tmp_path)
    return tmp_path


def test_its_buffer_goes_on(left_behind: Path) -> None:
    store = Store(left_behind / "buffer.db", "before", BOOT, [MAIN], own_alarm)
    sealed, acknowledged, waiting, dropped = balance(store)
    assert (acknowledged, dropped) == (sealed - waiting, 0)
    assert waiting
    epoch, batches = store.pending("main", waiting, 10**9)
    for batch in batches:
        assert decode_batch(batch.blob).epoch == epoch
    store.seal((), own_alarm("later", words("sealed by this version")))
    assert sealed + 1 in pending(store)
    store.close()


def test_its_alarms_stand_again(left_behind: Path) -> None:
    store = Store(left_behind / "buffer.db", "before", BOOT, [MAIN], own_alarm)
    rows = store.snapshots()
    store.close()
    units = ("rack-1/pack-1", "rack-1/pack-2", "rack-2/pack-3", "rack-2/pack-4")
    site_alarms = SiteAlarms(
        {unit: unit.split("/")[0] for unit in units} | {"": ""}, {}, lambda *_: None, Clock()
    )
    RestartState(rows, site_alarms, Clock())
    assert Counter((alarm.unit, event.severity) for alarm, event in site_alarms.all_active()) == Counter(
        [
            ("rack-1/pack-1", "warning"),
            *[("rack-1/pack-1", "critical")] * 2,
            ("rack-1/pack-2", "warning"),
            ("rack-1/pack-2", "critical"),
            ("rack-2/pack-3", "warning"),
            ("rack-2/pack-4", "warning"),
            ("rack-2/pack-4", "advice"),
            ("", "critical"),
        ]
    )


def test_its_archive_is_read(left_behind: Path) -> None:
    sink = f"sqlite:{left_behind / 'collector.db'}"
    audit = CliRunner().invoke(collector, ["audit", "--sink", sink])
    assert audit.exit_code == 0, audit.output
    csv = left_behind / "all.csv"
    export = CliRunner().invoke(collector, ["export", "--sink", sink, "--output", str(csv)])
    assert export.exit_code == 0, export.output
    assert csv.read_text().count("\n") > 10_000


def test_its_configuration_is_taken(left_behind: Path) -> None:
    assert len(load_config(left_behind / "agent.toml").unit) == 4
