"""Certificates at both ends, and a clock that says 1970."""

import datetime
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from agent.store.store import Store
from agent.store.writer import Writer
from agent.uplink.pace import Pace
from agent.uplink.tls import TlsError, client_context
from agent.uplink.uplink import Uplink, UplinkError
from tests.agent.store.buffers import BOOT, own_alarm
from tests.agent.uplink.conftest import SCHEMA, SCHEMA_BODY, batch
from tests.collector.authority import Authority
from tests.collector.processes import collecting

Sender = Callable[..., Uplink]


@asynccontextmanager
async def sending(folder: Path, site: Authority, agents: Authority) -> AsyncIterator[tuple[Store, Sender]]:
    """A buffer with one batch, and uplinks to a collector process that asks for certificates."""
    cert, key = site.issue("localhost")
    options = ("--tls-cert", str(cert), "--tls-key", str(key), "--client-ca", str(agents.path))
    with collecting(folder, *options, listen="0.0.0.0:0") as collector:
        url = collector.url.replace("0.0.0.0", "localhost")
        store, writer = Store(folder / "buffer.db", "site-1", BOOT, "main", own_alarm), Writer()
        store.add_schema(SCHEMA, SCHEMA_BODY)
        store.seal([batch(1)])

        def sender(*files: Path | None, utc_s: float | None = None) -> Uplink:
            tls = partial(client_context, *files, utc_s)
            return Uplink(url, "site-1", store, writer, Pace(1.0), tls, lambda text: None)

        yield store, sender
        writer.close()
        store.close()


async def test_an_agent_delivers_only_with_its_certificate_and_only_to_whom_it_trusts(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with sending(tmp_path, authority, authority) as (store, sender):
        for files in ((None, *authority.issue("site-1")), (authority.path, None, None)):
            uplink = sender(*files)
            async with uplink._session() as session:
                with pytest.raises(UplinkError):
                    await uplink.send_some(session)
        assert store.account().acknowledged == 0
        await sender(authority.path, *authority.issue("site-1")).flush(10.0)
        assert store.account().acknowledged == 1


async def test_a_certificate_of_another_time_is_no_obstacle_while_the_clock_was_never_set(
    tmp_path: Path,
) -> None:
    """To an agent in 1970 each certificate lies in the future; here it is the certificate that has moved."""
    (tmp_path / "site").mkdir()
    site = Authority(tmp_path / "site", datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
    agents = Authority(tmp_path)
    files = site.path, *agents.issue("site-1")
    async with sending(tmp_path, site, agents) as (store, sender):
        uplink = sender(*files)
        async with uplink._session() as session:
            with pytest.raises(UplinkError, match="certificate has expired"):
                await uplink.send_some(session)
        await sender(*files, utc_s=0.0).flush(10.0)
        assert store.account().acknowledged == 1


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(TlsError, match=r"absent\.pem"):
        client_context(tmp_path / "absent.pem", None, None)
