"""The HTTP API of a real collector process: the same answers as the command, as its description says."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from collector.cli import main
from collector.questions.openapi import description
from collector.questions.table import QUESTIONS
from collector.serve import ServeError, parse_api
from tests.collector.postgres import new_place
from tests.collector.processes import Collector, free_port, seal
from tests.manuals import OPENAPI, openapi


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """The API's address, and the database of which it answers, as --sink takes it."""
    sqlite = request.param == "sqlite"
    sink = (
        f"sqlite:{tmp_path_factory.mktemp('archive')}/collector.db" if sqlite else f"postgresql:{new_place()}"
    )
    place = f"127.0.0.1:{free_port()}"
    with Collector(sink, "--api", place) as collector:
        collector.send(seal(1))
        yield f"http://{place}", sink


def get(url: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_api_answers_what_the_command_prints(asked: tuple[str, str]) -> None:
    url, sink = asked
    paths = description()["paths"]
    for name in QUESTIONS:
        needs = QUESTIONS[name].needs
        given = [part for one in needs for part in (f"--{one}", "rack1")]
        printed = CliRunner().invoke(main, ["query", name, "--json", *given, "--sink", sink])
        status, rows = get(f"{url}/v1/query/{name}?{'&'.join(f'{one}=rack1' for one in needs)}")
        assert (status, rows) == (200, json.loads(printed.output))
        answered = paths[f"/v1/query/{name}"]["get"]["responses"]["200"]["content"]["application/json"]
        jsonschema.validate(rows, answered["schema"])


def test_the_api_says_what_can_be_asked(asked: tuple[str, str]) -> None:
    url, _ = asked
    status, found = get(f"{url}/v1/query")
    assert (status, [one["name"] for one in found]) == (200, list(QUESTIONS))
    assert get(f"{url}/v1/openapi.json") == (200, description())


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("silnt", 404, "did you mean 'silent'?"),
        ("silent?sit=a", 400, "silent is not narrowed by 'sit'; did you mean 'site'?"),
        ("silent?last=1d", 400, "silent is not narrowed by 'last'; known: site"),
        ("silent?site=a&site=b", 400, "site is given twice"),
        ("point?unit=a", 400, "point needs to know of which place"),
    ],
)
def test_what_cannot_be_asked_is_told_in_words(
    path: str, status: int, said: str, asked: tuple[str, str]
) -> None:
    found = get(f"{asked[0]}/v1/query/{path}")
    assert found[0] == status
    assert said in found[1]["error"]


def test_the_api_is_read_only(asked: tuple[str, str]) -> None:
    request = urllib.request.Request(f"{asked[0]}/v1/query/silent", b"{}", method="POST")
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(request, timeout=30)


def test_an_archive_that_is_gone_is_told(tmp_path: Path) -> None:
    place = f"127.0.0.1:{free_port()}"
    with Collector(tmp_path / "collector.db", "--api", place) as collector:
        collector.send(seal(1))
        (tmp_path / "collector.db").rename(tmp_path / "elsewhere.db")
        status, found = get(f"http://{place}/v1/query/silent")
    assert status == 503
    assert "unable to open" in found["error"]


@pytest.mark.parametrize("place", ["0.0.0.0:8441", "[::]:8441", "10.0.0.1:8441", "8441", ""])
def test_the_api_is_for_this_machine_alone(place: str) -> None:
    with pytest.raises(ServeError, match=r"127\.0\.0\.1"):
        parse_api(place)


def test_the_description_in_the_documentation_is_of_this_table() -> None:
    assert OPENAPI.read_text() == openapi(), "run scripts/manuals"
