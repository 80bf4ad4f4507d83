"""The page's own certificate, signed by itself: a phone warns of it once; its fingerprint can be compared."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from drivers.durable import replace_whole

DAYS = 820  # phones of Apple take none for longer than 825 (support.apple.com/103769)
LEFT_DAYS = 30  # with fewer left it is made anew
TOKEN_BYTES = 24


@dataclass(frozen=True, slots=True)
class PageFiles:
    """Where a page has its certificate, its key and its token."""

    cert: Path
    key: Path
    token: Path

    @classmethod
    def beside(cls, config: Path) -> "PageFiles":
        """Return them in the folder that the agent's service reads keys from."""
        folder = config.parent / "tls"
        return cls(folder / "page.pem", folder / "page.key", folder / "page.token")


def make(files: PageFiles, names: Sequence[str]) -> tuple[bool, bool]:
    """Make what is missing; return whether the certificate and the token are new. Raises OSError.

    names: the addresses and host names of this box. A certificate that has other names, or ends soon, is made
    anew, with its key: whoever has trusted it is warned again.
    """
    files.cert.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = datetime.now(UTC)
    new_cert = not _serves(files, names, now)
    if new_cert:
        key = ec.generate_private_key(ec.SECP256R1())
        pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        replace_whole(files.key, key.private_bytes(pem, form, serialization.NoEncryption()), 0o600)
        replace_whole(files.cert, _signed(key, names, now).public_bytes(pem))
    new_token = not files.token.exists()
    if new_token:
        replace_whole(files.token, f"{secrets.token_urlsafe(TOKEN_BYTES)}\n".encode(), 0o600)
    return new_cert, new_token


def fingerprint(cert: Path) -> str:
    """Return the SHA-256 of a certificate as browsers show it: "AB:CD:...". Raises OSError, ValueError."""
    return x509.load_pem_x509_certificate(cert.read_bytes()).fingerprint(hashes.SHA256()).hex(":").upper()


def _serves(files: PageFiles, names: Sequence[str], now: datetime) -> bool:
    """Whether there is a certificate with its key that has these names and lasts for a while."""
    try:
        cert = x509.load_pem_x509_certificate(files.cert.read_bytes())
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
        has = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    ours = cert.public_key() == key.public_key()
    lasts = cert.not_valid_before_utc <= now < cert.not_valid_after_utc - timedelta(days=LEFT_DAYS)
    return ours and lasts and {*_alternatives(names)} <= {*has}


def _signed(key: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # the clock of a phone may be behind
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .sign(key, hashes.SHA256())
    )


def _alternatives(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found
