"""Files that prove who this agent is: where they are found, and that nobody else can read the private one."""

import os
from pathlib import Path

from agent.message import Message


class NotPrivate(Exception):
    """Others can read a private file."""


class NeedsPassphrase(OSError):
    """A private key asks for a passphrase."""


def no_passphrase() -> str:
    """Refuse, in place of OpenSSL's question at the terminal, for which all polling would stand still."""
    raise NeedsPassphrase(
        Message(
            "the private key asks for a passphrase, which nobody can type here; take it off with:"
            " openssl pkey -in OLD -out NEW"
        )
    )


def handed_over(path: Path | None) -> Path | None:
    """Return the copy of `path` that systemd made for this process, or `path` where there is none.

    `LoadCredential=tls:/etc/cellwarden/tls` hands over each file of that folder as tls_NAME, as it was when
    the process was started (systemd.exec(5)). The files themselves belong to root.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if path is None or not folder:
        return path
    copy = Path(folder) / f"{path.parent.name}_{path.name}"
    return copy if copy.exists() else path


def must_be_private(path: Path) -> None:
    """Raise NotPrivate if anyone but its owner may read or write `path`, OSError if it cannot be had."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder and path.is_relative_to(folder):
        return  # systemd's own, which newer versions guard by an access list that shows as group bits
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise NotPrivate(
            Message("{file}: others can read it (mode {mode:03o}); chmod 600 {file}", file=path, mode=mode)
        )
