"""Who sends, by the certificate of the connection."""

import ssl
from typing import Any, NamedTuple

from aiohttp import web


class Certified(NamedTuple):
    """A client's certificate: its common name ("": it has none), and when it ends, in ns since 1970."""

    name: str
    ends_ns: int


def certified(http: web.Request) -> Certified | None:
    """What the client's certificate says; None where the connection has none (loopback)."""
    transport = http.transport
    peer = transport.get_extra_info("ssl_object") if transport else None
    certificate: Any = peer.getpeercert() if isinstance(peer, (ssl.SSLObject, ssl.SSLSocket)) else None
    if not certificate:
        return None
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    ends_s = ssl.cert_time_to_seconds(certificate["notAfter"])
    return Certified(str(names[-1]) if names else "", ends_s * 10**9)
