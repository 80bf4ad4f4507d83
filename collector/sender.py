"""Who sends, by the certificate of the connection."""

import ssl
from typing import Any

from aiohttp import web


def certified_name(http: web.Request) -> str | None:
    """The common name of the client's certificate; None where the connection has none (loopback)."""
    transport = http.transport
    peer = transport.get_extra_info("ssl_object") if transport else None
    certificate = peer.getpeercert() if isinstance(peer, (ssl.SSLObject, ssl.SSLSocket)) else None
    if not certificate:
        return None
    subject: Any = certificate.get("subject", ())
    names = [value for part in subject for key, value in part if key == "commonName"]
    return str(names[-1]) if names else ""
