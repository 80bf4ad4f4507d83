"""Ask a collector whether it would take this agent's batches, without sending any."""

import ssl
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from agent.config.tables import UpstreamTable
from agent.tls.contexts import TlsError, client_context
from agent.uplink.answer import HttpAnswer, UplinkError, understand
from agent.uplink.refusal import refusal
from agent.wire.hosts import authority
from agent.wire.packing import ID_BYTES
from agent.wire.request import CONTENT_TYPE, PATH, Request, encode_request

GREET_S = 5.0
NO_EPOCH = bytes(ID_BYTES)  # of no buffer: nothing is stored of a request without batches


class NotTaken(Exception):
    """It would not: why, in words for a person."""


class NotReached(NotTaken):
    """Nothing answers there."""


def try_collector(upstream: UpstreamTable, agent: str) -> str:
    """Send a request without batches; return where it was acknowledged. Raises NotTaken."""
    parts = urlsplit(upstream.url)
    where = authority(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    request = Request(agent, NO_EPOCH, [])
    body = encode_request(request)
    try:
        connection = _connection(upstream, parts.hostname or "", parts.port)
        try:
            connection.request("POST", parts.path.rstrip("/") + PATH, body, {"Content-Type": CONTENT_TYPE})
            http = connection.getresponse()
            header = http.headers.get
            answer = HttpAnswer(
                http.status,
                header("Content-Type"),
                header("Server"),
                header("Retry-After"),
                http.read(1 << 16),
            )
        finally:
            connection.close()
        understand(where, answer, request, time.time())
    except UplinkError as error:
        raise NotTaken(str(error)) from error
    except TlsError as error:
        raise NotTaken(str(error)) from error
    except ssl.SSLCertVerificationError as error:
        raise NotTaken(f"the certificate of {where} is not trusted: {error.verify_message}") from error
    except (HTTPException, ssl.SSLError) as error:
        why = refusal(error)
        other = f"{where} answers, but not as a cellwarden collector does"
        raise NotTaken(f"{where}: {why}" if why else other) from error
    except OSError as error:
        raise NotReached(f"{where}: {error.strerror or error}") from error
    return f"{where} takes batches of {agent}"


def _connection(upstream: UpstreamTable, host: str, port: int | None) -> HTTPConnection:
    if urlsplit(upstream.url).scheme != "https":
        return HTTPConnection(host, port, timeout=GREET_S)
    context = client_context(upstream.ca, upstream.cert, upstream.key)
    return HTTPSConnection(host, port, timeout=GREET_S, context=context)
