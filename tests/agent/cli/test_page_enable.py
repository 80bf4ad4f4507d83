"""cellwarden page: the page in the network and back, as a technician types it; what a browser then meets."""

import json
import re
import ssl
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner
from cryptography import x509

from agent.cli import main
from agent.config.file import load_config
from agent.tls.own_certificate import PageFiles, make
from hil.run import configuration
from tests.agent.web.conftest import Room

COMMENT = "# who asks at night: the duty phone\n"


def run(*arguments: object, code: int = 0, locale: str = "C") -> str:
    done = CliRunner(env={"LC_ALL": locale}).invoke(main, ["page", *(str(a) for a in arguments)])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    told = configuration.agent(tmp_path, "https://collector.example:8443", agent={"id": "site-1"})
    path.write_text(COMMENT + told + configuration.tcp_unit("rack-1", 502, "pace-rtu"))
    return path


async def test_what_enable_wrote_serves_a_page_that_its_token_opens(config: Path) -> None:
    said = run("enable", "--config", config, "--name", "localhost", "--listen", "127.0.1.1:8480", code=2)
    assert "is this machine alone" in said
    said = run("enable", "--config", config, "--name", "localhost", "--listen", "192.0.2.10:8480")
    assert said.startswith("The page:  https://localhost:8480/   (also https://192.0.2.10:8480/)")
    assert "sudo systemctl restart cellwarden" in said
    web = load_config(config).web
    assert web.cert is not None
    assert web.key is not None
    assert web.token_file is not None
    assert [p.stat().st_mode & 0o777 for p in (web.key, web.token_file)] == [0o600, 0o600]
    room = Room(tls=(web.cert, web.key), token=web.token_file)
    await room.start()
    trust = ssl.create_default_context(cafile=str(web.cert))
    (token,) = re.findall(r"The token: (\S+)", said)
    async with aiohttp.ClientSession() as session:
        url, header = f"https://localhost:{room.page.port}/", {"Authorization": f"Bearer {token}"}
        async with session.get(url, ssl=trust) as answer:
            assert answer.status == 401
        (shown,) = re.findall("(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", said)
        async with session.get(
            url, ssl=aiohttp.Fingerprint(bytes.fromhex(shown.replace(":", ""))), headers=header
        ) as answer:
            assert answer.status == 200
    await room.stop()


def test_a_second_time_changes_nothing_and_another_address_makes_another_certificate(config: Path) -> None:
    options = ("enable", "--config", config, "--json", "--listen")
    first = json.loads(run(*options, "192.0.2.10:8480"))
    again = json.loads(run(*options, "192.0.2.10:8480"))
    moved = json.loads(run(*options, "192.0.2.11:8480"))
    assert first["new"] == {"certificate": True, "token": True, "configuration": True}
    assert again == {**first, "new": {"certificate": False, "token": False, "configuration": False}}
    assert moved["new"] == {"certificate": True, "token": False, "configuration": True}
    assert moved["fingerprint_sha256"] != first["fingerprint_sha256"]


def test_disable_brings_it_back_to_this_machine_and_leaves_the_file_as_it_was_around_it(config: Path) -> None:
    before = config.read_text()
    run("enable", "--config", config, "--listen", "192.0.2.10:8480")
    assert config.with_name("agent.toml.1").read_text() == before
    assert config.read_text().startswith(COMMENT)
    assert "on this machine only" in run("disable", "--config", config)
    web = load_config(config).web
    assert (web.listen, web.cert, web.token_file) == ("127.0.0.1:8480", None, None)
    assert "restart" not in run("disable", "--config", config)


def test_a_terminal_with_utf8_shows_a_code_for_the_phone(config: Path) -> None:
    said = run("enable", "--config", config, "--listen", "192.0.2.10:8480", locale="C.UTF-8")
    assert "█" in said
    assert "█" not in run("enable", "--config", config, "--listen", "192.0.2.10:8480")


def test_a_configuration_that_cannot_be_used_is_left_as_it_is(config: Path) -> None:
    config.write_text(config.read_text() + "\n[web]\nlisten = 7\n")
    before = config.read_text()
    assert "CW-301" in run("enable", "--config", config, "--listen", "192.0.2.10:8480", code=2)
    assert config.read_text() == before


def test_a_certificate_lasts_no_longer_than_phones_take_it(tmp_path: Path) -> None:
    files = PageFiles.beside(tmp_path / "agent.toml")
    assert make(files, ["box.example", "192.0.2.10"]) == (True, True)
    cert = x509.load_pem_x509_certificate(files.cert.read_bytes())
    assert (cert.not_valid_after_utc - cert.not_valid_before_utc).days <= 825
    assert make(files, ["192.0.2.10"]) == (False, False)
    files.key.write_bytes(b"torn")
    assert make(files, ["192.0.2.10"]) == (True, False)
