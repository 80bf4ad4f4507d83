"""Ask a collector whether it would take this agent's batches, without sending any."""

import contextlib
import socket
import ssl
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from agent.config.tables import UpstreamTable
from agent.message import Message, joined, told_by
from agent.tls.contexts import TlsError, client_context
from agent.uplink.answer import OK, HttpAnswer, UplinkError, understand
from agent.uplink.proxy import LoginError, Proxy, place, refused
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
    host, port = place(upstream.url)
    where = authority(host, port)
    request = Request(agent, NO_EPOCH, [])
    body, path = encode_request(request), urlsplit(upstream.url).path.rstrip("/") + PATH
    try:
        connection = _connection(upstream, host, port)
        try:
            connection.request("POST", path, body, {"Content-Type": CONTENT_TYPE})
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
    except (UplinkError, TlsError, LoginError) as error:
        raise NotTaken(told_by(error)) from error
    except ssl.SSLCertVerificationError as error:
        raise NotTaken(
            Message("the certificate of {where} is not trusted: {why}", where=where, why=error.verify_message)
        ) from error
    except (HTTPException, ssl.SSLError) as error:
        why = refusal(error)
        other = Message("{where} answers, but not as a cellwarden collector does", where=where)
        raise NotTaken(joined(": ", [where, why]) if why else other) from error
    except OSError as error:
        raise NotReached(f"{where}: {error.strerror or error}") from error
    return Message("{where} takes batches of {agent}", where=where, agent=agent)


def _connection(upstream: UpstreamTable, host: str, port: int) -> HTTPConnection:
    if urlsplit(upstream.url).scheme != "https":
        return HTTPConnection(host, port, timeout=GREET_S)
    context = client_context(upstream.ca, upstream.cert, upstream.key)
    connection = HTTPSConnection(host, port, timeout=GREET_S, context=context)
    if upstream.proxy:
        tunnel = _tunnel(Proxy(upstream.proxy, upstream.proxy_login), upstream.url)
        connection.sock = context.wrap_socket(tunnel, server_hostname=host)
    return connection


def _tunnel(proxy: Proxy, url: str) -> socket.socket:
    """Return a connection through a proxy: http.client's own forgets what the proxy answered.

    Raises LoginError, NotReached, NotTaken.
    """
    login = proxy.login()
    try:
        with contextlib.ExitStack() as undo:
            tunnel = socket.create_connection(place(proxy.url), GREET_S)
            undo.callback(tunnel.close)
            there = authority(*place(url))
            lines = [f"CONNECT {there} HTTP/1.1", f"Host: {there}"]
            if login:
                lines.append(f"Proxy-Authorization: {login}")
            tunnel.sendall("\r\n".join([*lines, "", ""]).encode())
            answer = HTTPResponse(tunnel, method="CONNECT")
            answer.begin()
            answer.close()
            if answer.status != OK:
                raise NotTaken(refused(proxy.url, url, answer.status, answer.reason))
            undo.pop_all()
    except HTTPException as error:
        raise NotTaken(Message("proxy {proxy} answers, but not as a proxy does", proxy=proxy.url)) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise NotReached(Message("proxy {proxy}: {why}", proxy=proxy.url, why=why)) from error
    return tunnel
