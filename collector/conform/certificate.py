"""The agent that a certificate names. Standard library: a collector installs no reader of certificates."""

import ssl
from collections.abc import Iterator
from pathlib import Path

COMMON_NAME = bytes.fromhex("550403")  # 2.5.4.3
_END = "-----END CERTIFICATE-----"
_VERSION = 0xA0  # the only element of a certificate's body before its number that may be absent
_SUBJECT = 4  # serial number, algorithm, issuer, validity, subject (RFC 5280, 4.1)


def common_name(path: Path) -> str:
    """The common name of the subject of a file's first certificate (PEM).

    Raises OSError or ValueError where it cannot be read, or there is none.
    """
    text = path.read_text("ascii")
    begin = text.find("-----BEGIN CERTIFICATE-----")
    if begin < 0 or _END not in text:
        raise ValueError(f"{path}: no certificate (PEM)")
    der = ssl.PEM_cert_to_DER_cert(text[begin : text.index(_END) + len(_END)])
    try:
        name = _subject(der)
    except (IndexError, StopIteration):
        raise ValueError(f"{path}: the certificate is damaged") from None
    if not name:
        raise ValueError(f"{path}: the certificate names no agent")
    return name


def _subject(der: bytes) -> str:
    body = next(_elements(next(_elements(der))[1]))[1]
    fields = [content for tag, content in _elements(body) if tag != _VERSION]
    for _, names in _elements(fields[_SUBJECT]):
        for _, name in _elements(names):
            (_, kind), (_, value) = _elements(name)
            if kind == COMMON_NAME:
                return value.decode("utf-8", "replace")
    return ""


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of a DER sequence: tag and content."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size]), at + size
        yield tag, der[at : at + length]
        at += length
