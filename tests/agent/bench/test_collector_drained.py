"""What `cellwarden bench collector` sends is what a collector stores: every batch, and every alarm."""

from pathlib import Path

from agent.bench.collector import made
from agent.bench.collector.drained import drain, serve
from hil.run.processes import Children
from tests.collector.processes import rows

AGENTS, REQUESTS = 3, 2


def test_all_that_senders_replay_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "collector.db"
    with Children(tmp_path) as children:
        url, child = serve(children, "collector", f"sqlite:{file}")
        pids = {"collector": [child.process.pid]}
        drained = drain(made.agents(AGENTS, REQUESTS), [url], pids, made.alarms(1))
    batches = AGENTS * REQUESTS * made.UNITS
    assert len(drained.answers.took_s) == AGENTS * REQUESTS
    assert not drained.answers.others
    assert rows(file, "SELECT count(*), sum(value_count) FROM batch WHERE unit <> ?", made.ROOM) == [
        (batches, batches * made.FRAMES * made.VALUES)
    ]
    assert rows(file, "SELECT count(*) FROM refused") == [(0,)]
    assert rows(file, "SELECT count(*) FROM alarm WHERE stands") == [(len(drained.alarmed.took_s),)]
