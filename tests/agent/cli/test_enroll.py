"""cellwarden enroll, as a technician types it, and what `cellwarden check` says of the files."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import main
from hil.run import configuration


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(main, [str(a) for a in arguments])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def config(tmp_path: Path) -> Path:
    tls = tmp_path / "tls"
    upstream = {"ca": tls / "ca.pem", "cert": tls / "agent.pem", "key": tls / "agent.key"}
    path = tmp_path / "agent.toml"
    path.write_text(
        configuration.agent(
            tmp_path, "https://collector.example:8443", agent={"id": "site-1"}, upstream=upstream
        )
        + configuration.tcp_unit("rack-1", 502, "pace-rtu")
    )
    return path


def sign(folder: Path, days: int) -> Path:
    """What an ordinary authority does with a request."""
    for arguments in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 400 -subj /CN=authority",
        f"x509 -req -in tls/agent.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out signed.pem -days {days}",
    ):
        subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)
    return folder / "signed.pem"


def test_from_the_request_to_a_configuration_that_is_good(tmp_path: Path, config: Path) -> None:
    said = run("enroll", "--config", config)
    assert f"{tmp_path}/tls/agent.csr: the request for agent site-1" in said
    assert "agent.pem" in run("check", "--config", config, code=2)  # not there yet
    signed = sign(tmp_path, days=365)
    said = run("enroll", "--config", config, "--install", signed, "--ca", tmp_path / "ca.pem")
    assert said.endswith("then: systemctl restart cellwarden\n")
    assert "warning" not in run("check", "--config", config)
    (tmp_path / "tls" / "agent.key").chmod(0o644)
    assert f"chmod 600 {tmp_path}/tls/agent.key" in run("check", "--config", config, code=2)


def test_an_answer_that_has_ended_is_refused_by_name(tmp_path: Path, config: Path) -> None:
    run("enroll", "--config", config)
    said = run("enroll", "--config", config, "--install", sign(tmp_path, days=0), code=1)
    assert "signed.pem: it expired on" in said


def test_an_answer_without_a_request_says_how_to_begin(tmp_path: Path, config: Path) -> None:
    run("enroll", "--config", config)
    signed = sign(tmp_path, days=9)
    (tmp_path / "tls" / "agent.key.new").unlink()
    said = run("enroll", "--config", config, "--install", signed, code=1)
    assert "there is no key; begin with `cellwarden enroll`" in said
