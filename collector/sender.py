"""Who sends, by the certificate of the connection."""

import ssl
from typing import Any

from aiohttp import web


def certified_name(http: web.Request) -> str | None:
    """The common name of the client's certificate; None where the connection has none (loopback)."""
    if not (certificate := _certificate(http)):
        return None
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    return str(names[-1]) if names else ""


def certificate_ends_ns(http: web.Request) -> int | None:
    """When the client's certificate ends, in ns since 1970; None where the connection has none."""
    ends = (_certificate(http) or {}).get("notAfter")
    return None if ends is None else ssl.cert_time_to_seconds(ends) * 10**9


def _certificate(http: web.Request) -> dict[str, Any] | None:
    transport = http.transport
    peer = transport.get_extra_info("ssl_object") if transport else None
    return peer.getpeercert() if isinstance(peer, (ssl.SSLObject, ssl.SSLSocket)) else None
