"""A certificate from asking to renewal, signed by an ordinary openssl, and what an authority gets wrong."""

import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.tls.certificate import CertificateError, TlsFiles, ask, install, validity_warning
from agent.tls.contexts import TlsError, client_context
from agent.tls.credentials import handed_over

NOW_S = time.time() + 3600
DAY_S = 86400.0


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    folder = tmp_path / "tls"
    return TlsFiles(folder / "agent.key", folder / "agent.pem", folder / "ca.pem")


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    openssl(tmp_path, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-days", "400", "-subj", "/CN=site authority")  # fmt: skip
    return tmp_path


def sign(authority: Path, request: Path, *options: str) -> bytes:
    signer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "signed.pem")
    openssl(authority, "x509", "-req", "-in", str(request), *signer, *(options or ("-days", "365")))
    return (authority / "signed.pem").read_bytes()


def test_a_signed_request_becomes_a_certificate_that_tls_accepts(files: TlsFiles, authority: Path) -> None:
    assert ask(files, "site-1")
    assert files.waiting_key.stat().st_mode & 0o777 == 0o600
    install(files, sign(authority, files.request), "site-1", NOW_S)
    assert not files.waiting_key.exists()
    assert files.key.stat().st_mode & 0o777 == 0o600
    client_context(authority / "ca.pem", files.cert, files.key)


def test_a_request_that_waits_keeps_its_key_for_its_answer(files: TlsFiles, authority: Path) -> None:
    ask(files, "site-1")
    answer = sign(authority, files.request)
    assert not ask(files, "site-1")
    install(files, answer, "site-1", NOW_S)


def test_a_renewal_leaves_what_is_in_use_until_the_answer_is_there(files: TlsFiles, authority: Path) -> None:
    ask(files, "site-1")
    install(files, sign(authority, files.request), "site-1", NOW_S)
    old = files.key.read_bytes()
    assert ask(files, "site-1")
    assert files.key.read_bytes() == old
    client_context(None, files.cert, files.key)
    install(files, sign(authority, files.request), "site-1", NOW_S)
    assert files.key.read_bytes() != old
    client_context(None, files.cert, files.key)


def test_everything_that_is_wrong_with_an_answer_is_said_and_nothing_changes(
    files: TlsFiles, authority: Path
) -> None:
    other = TlsFiles(authority / "o.key", authority / "o.pem", authority / "ca.pem")
    ask(other, "site-2")
    ask(files, "site-1")
    (authority / "server.ext").write_text("extendedKeyUsage = serverAuth\n")
    answer = sign(authority, other.request, "-days", "2", "-extfile", "server.ext")
    with pytest.raises(CertificateError) as caught:
        install(files, answer, "site-1", NOW_S + 3 * DAY_S)
    for said in (
        "another key",
        "site-2, and collectors must know this agent as site-1",
        "clientAuth",
        "expired on",
    ):
        assert any(said in line for line in caught.value.problems), said
    assert files.waiting_key.exists()
    assert not files.cert.exists()


def test_a_certificate_of_tomorrow_is_refused_unless_the_clock_was_never_set(
    files: TlsFiles, authority: Path
) -> None:
    ask(files, "site-1")
    answer = sign(authority, files.request)
    with pytest.raises(CertificateError, match="is this clock right"):
        install(files, answer, "site-1", NOW_S - 2 * DAY_S)
    install(files, answer, "site-1", 100.0)  # 1970: dates mean nothing yet


@pytest.mark.parametrize(
    "answer", [b"", b"\x00\xff", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_said_to_be_none(files: TlsFiles, answer: bytes) -> None:
    ask(files, "site-1")
    with pytest.raises(CertificateError, match="no certificate in PEM form"):
        install(files, answer, "site-1", NOW_S)


def test_the_end_of_a_certificate_is_announced_a_month_ahead(files: TlsFiles, authority: Path) -> None:
    ask(files, "site-1")
    signed_s = [time.time()]
    install(files, sign(authority, files.request), "site-1", NOW_S)
    signed_s.append(time.time())  # another day, at midnight
    assert validity_warning(files.cert, NOW_S + 300 * DAY_S) == ""
    assert "expires in 25 days" in validity_warning(files.cert, NOW_S + 340 * DAY_S)
    ended = validity_warning(files.cert, NOW_S + 366 * DAY_S)
    days = [datetime.fromtimestamp(at_s + 365 * DAY_S, UTC) for at_s in signed_s]
    assert any(f"expired on {day:%Y-%m-%d}" in ended for day in days)
    assert "is valid from" in validity_warning(files.cert, NOW_S - 2 * DAY_S)
    assert validity_warning(files.cert, 0.0) == ""


def test_a_key_that_others_can_read_is_not_used(files: TlsFiles, authority: Path) -> None:
    ask(files, "site-1")
    install(files, sign(authority, files.request), "site-1", NOW_S)
    files.key.chmod(0o640)
    with pytest.raises(TlsError, match=r"agent\.key: others can read .* \(mode 640\); chmod 600"):
        client_context(None, files.cert, files.key)


def test_what_systemd_hands_over_is_used_in_place_of_what_only_root_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, copy = Path("/etc/cellwarden/tls/agent.key"), tmp_path / "tls_agent.key"
    assert handed_over(key) == key
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert handed_over(key) == key
    copy.touch()
    assert handed_over(key) == copy
