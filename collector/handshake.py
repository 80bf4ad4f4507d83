"""TLS handshakes that fail aloud: the client is told why, and so is the log."""

import logging
import ssl
import time

log = logging.getLogger(__name__)

SAID_AGAIN_S = 60.0
_said_s: dict[str, float] = {}  # a reason that comes again and again, as an agent tries, is no news


class Handshake(ssl.SSLObject):
    """An SSLObject whose alert arrives.

    asyncio closes the connection of a failed handshake without sending it (CPython 3.11 to 3.13,
    `SSLProtocol._on_handshake_complete`): an agent whose certificate has expired would see no answer at all.
    """

    _failed: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Go on with the handshake. Raises ssl.SSLError, once the client has had its alert."""
        if self._failed:
            raise self._failed
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self._failed = error
            if isinstance(error, ssl.SSLCertVerificationError):
                _say(error.verify_message)
            # asyncio sends what there is and waits: for the client to leave, or for its time to run out
            raise ssl.SSLWantReadError from error


def _say(reason: str) -> None:
    now_s = time.monotonic()
    if now_s - _said_s.get(reason, -SAID_AGAIN_S) >= SAID_AGAIN_S:
        _said_s[reason] = now_s
        log.warning("an agent's certificate was refused: %s", reason)
