"""The example of docs/upstream.md, as it is there: an agent through HAProxy to a collector that knows it."""

import re
import shutil
from pathlib import Path

import pytest

from agent.cli.common.try_collector import try_collector
from agent.config.tables import UpstreamTable
from tests.agent.uplink.between import running
from tests.agent.uplink.test_through_a_proxy import site_in

PAGE = Path(__file__).parents[3] / "docs" / "upstream.md"


@pytest.mark.skipif(not shutil.which("haproxy"), reason="needs haproxy (Debian: haproxy)")
async def test_tls_goes_through_haproxy_as_the_page_has_it(tmp_path: Path, unused_tcp_port: int) -> None:
    found = re.search(r"```haproxy\n(.*?)```", PAGE.read_text(), re.S)
    assert found
    async with site_in(tmp_path) as site:
        to = site.url.rpartition(":")[2]
        conf = tmp_path / "haproxy.cfg"
        conf.write_text(
            found[1]
            .replace("192.0.2.10:8440", f"127.0.0.1:{to}")
            .replace(":8440", f"127.0.0.1:{unused_tcp_port}")
        )
        async with running(unused_tcp_port, "haproxy", "-db", "-f", str(conf), log=tmp_path / "haproxy.log"):
            url = f"https://localhost:{unused_tcp_port}"
            keys = {key: value for key, value in site.keys.items() if key != "proxy"}
            assert "takes batches of bench" in try_collector(UpstreamTable(url=url, **keys), "bench")
