"""The agent's certificate: a key made on the box, a request for any authority, and what comes back, checked.

The private key never leaves the box. A renewal is the same as the first time: a new key waits beside the one
in use, and takes its place together with its certificate.
"""

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.clock import never_set
from agent.message import Message, joined
from drivers.durable import replace_whole, sync_folder
from drivers.files import must_be_file

WARN_DAYS = 30
DAY_S = 86400.0


class CertificateError(Exception):
    """A certificate or key cannot be used; `problems` holds one line per reason."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(joined("\n", problems))


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where an agent keeps its key, its certificate, and the authority that signs collectors."""

    key: Path
    cert: Path
    ca: Path

    @property
    def waiting_key(self) -> Path:
        """The key of a request that has not been answered."""
        return self.key.with_name(f"{self.key.name}.new")

    @property
    def request(self) -> Path:
        """The request itself (PKCS #10, PEM)."""
        return self.cert.with_suffix(".csr")


def ask(files: TlsFiles, agent: str) -> bool:
    """Write a request for `agent`; return whether its key is a new one. Raises CertificateError, OSError.

    A request that waits is written again for the same key, so that its answer still fits.
    """
    files.key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    anew = not files.waiting_key.exists()
    if anew:
        key = ec.generate_private_key(ec.SECP256R1())
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        _write(files.waiting_key, key.private_bytes(encoding, form, serialization.NoEncryption()), 0o600)
    key = _key(files.waiting_key)
    # the collector knows an agent by its common name; step-ca signs only what is among the alternative names
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, agent)]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(agent)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(files.request, request.public_bytes(serialization.Encoding.PEM), 0o644)
    return anew


def install(files: TlsFiles, answer: bytes, agent: str, utc_s: float) -> x509.Certificate:
    """Check an authority's answer (PEM, the chain may follow) and put it into use with its key.

    Raises CertificateError with everything that is wrong with it; then nothing has changed.
    """
    cert = _first(answer, Message("the certificate"))
    waiting = files.waiting_key.exists()
    found = problems(cert, _key(files.waiting_key if waiting else files.key), agent, utc_s)
    if found:
        raise CertificateError(found)
    # Two names cannot change at once. A key without its certificate is noticed at the start and mended by
    # installing again: the waiting key goes last.
    _write(files.cert, answer, 0o644)
    if waiting:
        os.replace(files.waiting_key, files.key)
        sync_folder(files.key.parent)
        files.request.unlink(missing_ok=True)
    return cert


def install_authority(files: TlsFiles, authority: bytes) -> None:
    """Put the certificates (PEM) of those into use who sign collectors. Raises CertificateError."""
    _first(authority, Message("the authority"))
    _write(files.ca, authority, 0o644)


def problems(cert: x509.Certificate, key: ec.EllipticCurvePrivateKey, agent: str, utc_s: float) -> list[str]:
    """Return why `cert` is not `agent`'s certificate for `key` now; no dates before the clock was set."""
    found: list[str] = []
    if _spki(cert.public_key()) != _spki(key.public_key()):
        found.append(
            Message("it was made for another key; ask again with `cellwarden enroll`, and sign that request")
        )
    names = [str(a.value) for a in cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [agent]:
        found.append(
            Message(
                "its common name is {name}, and collectors must know this agent as {agent}",
                name=", ".join(names) or Message("missing"),
                agent=agent,
            )
        )
    with contextlib.suppress(x509.ExtensionNotFound):
        usages = cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
            found.append(Message("it is not meant for a client (extended key usage without clientAuth)"))
    if not never_set(utc_s):
        if utc_s >= cert.not_valid_after_utc.timestamp():
            ended = f"{cert.not_valid_after_utc:%Y-%m-%d}"
            found.append(Message("it expired on {date}; sign the request again", date=ended))
        if utc_s < cert.not_valid_before_utc.timestamp():
            found.append(Message("it {ends}", ends=_not_yet(cert, utc_s)))
    return found


def _not_yet(cert: x509.Certificate, utc_s: float) -> Message:
    return Message(
        "is valid from {begin} UTC, and here it is {now}; is this clock right?",
        begin=f"{cert.not_valid_before_utc:%Y-%m-%d %H:%M}",
        now=f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%d %H:%M}",
    )


def validity_warning(cert: Path, utc_s: float) -> str:
    """Return what people must know of the dates of this certificate, or "". Raises CertificateError."""
    try:
        must_be_file(cert)
        found = _first(cert.read_bytes(), str(cert))
    except OSError as error:
        raise CertificateError([joined(": ", [str(cert), str(error.strerror)])]) from error
    if never_set(utc_s):
        return ""
    if utc_s < found.not_valid_before_utc.timestamp():
        return Message("this agent's certificate {ends}", ends=_not_yet(found, utc_s))
    days = (found.not_valid_after_utc.timestamp() - utc_s) / DAY_S
    # a long certificate is renewed a month before its end, a short one in the last third of its life
    life_days = (found.not_valid_after_utc - found.not_valid_before_utc).total_seconds() / DAY_S
    if days > min(WARN_DAYS, life_days / 3):
        return ""
    when = f"{found.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    ends = (
        Message("expires in {days:.0f} days, on {when}", days=days, when=when)
        if days > 0
        else Message("expired on {when}", when=when)
    )
    return Message("this agent's certificate {ends}; renew it with `cellwarden enroll`", ends=ends)


def _first(pem: bytes, what: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except ValueError as error:
        no = Message("{what} is no certificate in PEM form: {why}", what=what, why=str(error))
        raise CertificateError([no]) from error


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except FileNotFoundError as error:
        no = Message("{file}: there is no key; begin with `cellwarden enroll`", file=path)
        raise CertificateError([no]) from error
    except (ValueError, TypeError) as error:
        no = Message(
            "{file}: is no private key in PEM form without a password: {why}", file=path, why=str(error)
        )
        raise CertificateError([no]) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        no = Message("{file}: not a key of ours (EC); move it away, and run `cellwarden enroll`", file=path)
        raise CertificateError([no])
    return key


def _spki(key: object) -> bytes:
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file whole in a folder of our own, never readable by more than `mode` says."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    replace_whole(path, content, mode)
