"""A box is upgraded before its collector, or after it: each works with the other of the version before."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agent.wire import (
    ACCEPT,
    CONTENT_TYPE,
    PATH,
    Acknowledgement,
    Request,
    decode_ack,
    encode_request,
)
from collector.alarms import held_alarms
from collector.sqlite.archive import SqliteArchive
from hil.run.processes import wait_for_status
from tests.collector.processes import seal
from tests.test_main_job import Chain, chain, delivered

__all__ = ["chain"]
pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).parents[1]
COMPILED_S = 240  # within which an agent that compiles its detectors has delivered
Before = Callable[[], Iterator[None]]


@pytest.fixture(scope="session")
def packages() -> Path:
    """The version before, built from its commit and unpacked; it compiles its detectors there, once."""
    if shutil.which("git") is None:
        pytest.skip("there is no git")
    built = subprocess.run([ROOT / "scripts/old-version"], capture_output=True, text=True)
    if "is not in this clone" in built.stderr:
        pytest.skip(built.stderr.strip())
    assert built.returncode == 0, built.stderr
    wheel = Path(built.stdout.strip())
    if not (unpacked := wheel.with_suffix("")).exists():
        with zipfile.ZipFile(wheel) as file:
            file.extractall(unpacked)
    return unpacked


@pytest.fixture
def before(packages: Path, monkeypatch: pytest.MonkeyPatch) -> Before:
    """What is started within it is of the version before, with the dependencies of this one."""

    @contextmanager
    def started() -> Iterator[None]:
        with monkeypatch.context() as environment:
            environment.setenv("PYTHONPATH", str(packages))
            environment.setenv("PYTHONSAFEPATH", "1")  # or this checkout comes first
            yield

    return started


@pytest.mark.long(35)
def test_an_agent_of_the_version_before_delivers_to_this_collector(chain: Chain, before: Before) -> None:
    with before():
        agent = chain.start_agent()
    wait_for_status(agent, delivered(5), COMPILED_S)
    asked = [sys.executable, "-m", "agent.cli", "status", "--socket", str(chain.folder / "control.sock")]
    told = subprocess.run(asked, capture_output=True, text=True)
    assert (told.returncode, told.stderr[:6], told.stderr.count("\n")) == (1, "CW-407", 1), told.stderr
    agent.stop()
    balanced(chain)


def test_this_agent_delivers_to_a_collector_of_the_version_before(chain: Chain, before: Before) -> None:
    emptied(chain)
    with before():
        _, url = chain.start_collector("127.0.0.1:0")
    agent = chain.start_agent(url=url)
    wait_for_status(agent, delivered(5))
    agent.stop()
    balanced(chain)


def test_an_upgrade_goes_on_with_the_buffer_and_the_archive(chain: Chain, before: Before) -> None:
    emptied(chain)
    with before():
        collector, url = chain.start_collector("127.0.0.1:0")
        agent = chain.start_agent(url=url)
    first = wait_for_status(agent, delivered(3), COMPILED_S)
    agent.stop()
    collector.stop()
    _, url = chain.start_collector("127.0.0.1:0")
    agent = chain.start_agent(url=url)
    second = wait_for_status(agent, delivered(first["account"]["sealed"] + 3))
    assert second["epoch"] == first["epoch"]
    agent.stop()
    balanced(chain)


def emptied(chain: Chain) -> None:
    """Stop the collector and remove its archive, which the version before does not take from this one."""
    chain.collector.stop()
    for path in chain.folder.glob("collector.db*"):
        path.unlink()


#: Run by the version before: its own request to a collector, its own reading of the answer.
ASK = """
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit
from agent.wire import CONTENT_TYPE, PATH, Request, decode_ack, encode_request
connection = HTTPConnection(urlsplit(sys.argv[1]).netloc)
body = encode_request(Request("agent-1", bytes(16), []))
connection.request("POST", PATH, body, {"Content-Type": CONTENT_TYPE})
print(decode_ack(connection.getresponse().read()).durable_through)
"""


def test_what_is_new_is_said_to_no_agent_of_the_version_before(chain: Chain, before: Before) -> None:
    withheld = Request("agent-1", bytes(16), [], [], [(1, 9)])
    assert _post(chain.url, withheld, more=True).durable_through == 9
    with before():
        done = subprocess.run([sys.executable, "-c", ASK, chain.url], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("9", 0), done.stderr


#: With all that records have since: the forecast and the sentence free of language.
HEATS = {
    **{"kind": "alarm", "id": "rack1/bmu1:thermal-rate:sensor2", "detector": "thermal-rate"},
    **{"severity": "critical", "state": "NEW", "location": "sensor2", "quantity": "cell_temperature"},
    **{
        "utc_ns": 1_800_000_000 * 10**9,
        "boottime_ns": 10**9,
        "text": "sensor2 heats.",
        "sentence": "thermal-rate",
    },
    **{"numbers": {"own_k_per_s": 0.05, "rise_k": None}, "texts": {"who": "#sensor sensor2"}},
    "ahead": {"to_degc": 80.0, "slope_k_per_s": 0.05, "in_s": 660.0, "soonest_s": 540.0, "latest_s": None},
}


def test_a_collector_of_the_version_before_passes_over_what_is_new(chain: Chain, before: Before) -> None:
    emptied(chain)
    with before():
        _, url = chain.start_collector("127.0.0.1:0")
    ack = _post(url, Request("agent-1", bytes(16), []), more=False)
    assert (ack.durable_through, ack.more) == (0, False)
    batch = seal(1, agent="agent-1", epoch=bytes(16), frames=0, events=(HEATS,))
    ack = _post(url, Request("agent-1", bytes(16), [batch]), more=False)
    assert (ack.durable_through, ack.refused) == (1, [])
    archive = SqliteArchive(chain.folder / "collector.db")
    (alarm,) = held_alarms(archive, None, datetime.fromtimestamp(1_800_000_060, UTC))
    archive.close()
    assert alarm["record"] == {**HEATS, "unit": "rack1/bmu1"}
    assert alarm["first"].startswith("rack1/bmu1 sensor 2: TAKE LOAD AND CHARGE OFF.")


def _post(url: str, request: Request, more: bool) -> Acknowledgement:
    """What a collector answers to a request of this version."""
    connection = HTTPConnection(urlsplit(url).netloc)
    headers = {"Content-Type": CONTENT_TYPE, "Accept": ACCEPT}
    connection.request("POST", PATH, encode_request(request, more), headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, body
    return decode_ack(body)


def balanced(chain: Chain) -> None:
    """Both ends agree: every batch that was sealed is stored, once."""
    audit = [sys.executable, "-m", "collector.cli", "audit", "--sink", f"sqlite:{chain.folder}/collector.db"]
    done = subprocess.run(audit, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    ((sealed,),) = chain.buffer("SELECT last_sequence FROM account")
    assert chain.collected("SELECT count(*), min(sequence), max(sequence) FROM batch") == [
        (sealed, 1, sealed)
    ]
