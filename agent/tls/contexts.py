"""The agent's side of TLS: who the collector must be, and who this agent is."""

import ssl
import time
from pathlib import Path

from agent.clock import never_set
from agent.message import Message, joined, told_by
from agent.tls.credentials import NotPrivate, must_be_private, no_passphrase
from drivers.files import must_be_file

NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL; the ssl module has no name for it


class TlsError(Exception):
    """The files of [upstream] cannot be used; one line says why."""


def client_context(
    ca: Path | None = None, cert: Path | None = None, key: Path | None = None, utc_s: float | None = None
) -> ssl.SSLContext:
    """A context that trusts `ca` (default: the system's authorities) and shows `cert`, if any.

    A box without a clock battery boots in 1970, when no certificate is valid yet. Alarms must leave it all
    the same: until the clock is set, the dates of the collector's certificate, and nothing else of it, are
    not looked at.
    """
    try:
        for path in (ca, cert, key):
            if path:
                must_be_file(path)
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if cert and key:
            must_be_private(key)
            context.load_cert_chain(cert, key, no_passphrase)
    except NotPrivate as error:
        raise TlsError(joined("", ["[upstream] key: ", told_by(error)])) from error
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(path) for path in (ca, cert, key) if path)
        what = Message(
            "the files of [upstream] cannot be used ({files}): {why}", files=files, why=told_by(error)
        )
        raise TlsError(what) from error
    if never_set(time.time() if utc_s is None else utc_s):
        context.verify_flags |= NO_CHECK_TIME
    return context
