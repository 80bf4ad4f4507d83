"""What a person is told of a collector before the agent runs: against real collectors, and what is none."""

import socket
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from agent.cli.common.try_collector import NotReached, NotTaken, try_collector
from agent.config.tables import UpstreamTable
from tests.collector.authority import Authority
from tests.collector.processes import collecting


def test_a_collector_that_takes_our_batches_says_so_and_stores_nothing(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        upstream = UpstreamTable(url=collector.url)
        assert try_collector(upstream, "agent-1").endswith("takes batches of agent-1")
        assert collector.rows("SELECT count(*) FROM stream") == [(0,)]


def test_a_web_server_that_is_no_collector_is_not_taken_for_one() -> None:
    class Other(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>welcome</html>")

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(
            NotTaken, match=r"HTTP 200 from BaseHTTP.*, not from the collector: <html>welcome"
        ):
            try_collector(UpstreamTable(url=f"http://127.0.0.1:{server.server_port}"), "agent-1")
    finally:
        server.shutdown()
        server.server_close()


def test_a_collector_that_refuses_says_why(tmp_path: Path) -> None:
    with (
        collecting(tmp_path) as collector,
        pytest.raises(NotTaken, match=r"HTTP 400.*: Malformed: .*agent id") as refused,
    ):
        try_collector(UpstreamTable(url=collector.url), "")
    assert not isinstance(refused.value, NotReached)


def test_a_collector_that_refuses_our_certificate_says_why(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("localhost")
    options = ("--tls-cert", str(cert), "--tls-key", str(key), "--client-ca", str(authority.path))
    with collecting(tmp_path, *options) as collector:
        authority.now -= timedelta(days=1)
        ours = authority.issue("agent-1")
        url = collector.url.replace("127.0.0.1", "localhost")
        with pytest.raises(NotTaken, match="certificate: it has expired, by the collector's clock; renew"):
            try_collector(UpstreamTable(url=url, ca=authority.path, cert=ours[0], key=ours[1]), "agent-1")


def test_nobody_there_is_said_in_words() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(NotReached, match=rf"127.0.0.1:{port}: Connection refused"):
        try_collector(UpstreamTable(url=f"http://127.0.0.1:{port}"), "agent-1")
