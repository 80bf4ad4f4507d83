"""cellwarden page: the page in the network and back, as a technician types it; what a browser then meets."""

import json
import re
import ssl
from pathlib import Path

import aiohttp
import numpy as np
import pyte
import pytest
from click.testing import CliRunner
from cryptography import x509
from numpy.typing import NDArray

from agent.cli import main
from agent.config.file import load_config
from agent.tls.own_certificate import PageFiles, make
from hil.run import configuration
from tests.agent.web.conftest import Room
from tests.terminal import Command

ADDRESS = "https://192.0.2.10:8480/"
PAINT = {"white": 255, "black": 0}
FILLED = {"█": (True, True), "▀": (True, False), "▄": (False, True)}
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


@pytest.mark.parametrize(("term", "negative"), [("xterm-256color", False), ("dumb", True)])
def test_a_phone_reads_the_address_off_a_light_terminal(
    config: Path, monkeypatch: pytest.MonkeyPatch, term: str, negative: bool
) -> None:
    zxingcpp = pytest.importorskip("zxingcpp", reason="needs pyproject's dev dependencies of today")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    command = Command(config.parent, "page enable --config agent.toml --listen 192.0.2.10:8480", term=term)
    assert command.end() == 0, command.shown
    assert f"The page:  {ADDRESS}" in command.shown
    token = PageFiles.beside(config).token.read_text().strip()
    assert f"The token: {token} " in command.shown
    (read,) = zxingcpp.read_barcodes(photograph(command.shown), try_invert=negative)
    assert (read.format, read.text) == (zxingcpp.BarcodeFormat.QRCode, ADDRESS)


def photograph(shown: str) -> NDArray[np.uint8]:
    """What a terminal of black letters on white shows, upper and lower half of each letter 4 pixels high."""
    screen = pyte.Screen(100, 60)
    pyte.Stream(screen).feed(shown)
    halves = np.full((2 * screen.lines, screen.columns), 255, np.uint8)
    for row, column in np.ndindex(screen.lines, screen.columns):
        letter = screen.buffer[row][column]
        ground, ink = PAINT.get(letter.bg, 255), PAINT.get(letter.fg, 0)
        filled = FILLED.get(letter.data, (False, False))
        halves[2 * row : 2 * row + 2, column] = [ink if half else ground for half in filled]
    return np.kron(halves, np.ones((4, 4), np.uint8))


def test_a_terminal_without_utf8_shows_no_code(config: Path) -> None:
    options = ("enable", "--config", config, "--listen", "192.0.2.10:8480")
    assert "█" in run(*options, locale="C.UTF-8")
    assert "█" not in run(*options)


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
