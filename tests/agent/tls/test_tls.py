"""Certificates at both ends, and a clock that says 1970."""

import asyncio
import datetime
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.store.writer import Writer
from agent.tls.contexts import TlsError, client_context
from agent.uplink.pace import Pace
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
        store, writer = Store(folder / "buffer.db", "site-1", BOOT, [MAIN], own_alarm), Writer()
        store.add_schema(SCHEMA, SCHEMA_BODY)
        store.seal([batch(1)])

        def sender(*files: Path | None, utc_s: float | None = None) -> Uplink:
            tls = partial(client_context, *files, utc_s)
            return Uplink("main", url, "site-1", store, writer, Pace(1.0), tls, lambda *_: None)

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
        assert store.account("main").acknowledged == 0
        await sender(authority.path, *authority.issue("site-1")).flush(10.0)
        assert store.account("main").acknowledged == 1


@pytest.mark.parametrize(("year", "says"), [(2020, "has expired"), (2090, "is not yet valid")])
async def test_a_certificate_of_another_time_is_no_obstacle_while_the_clock_was_never_set(
    tmp_path: Path, year: int, says: str
) -> None:
    """To an agent in 1970 each certificate lies in the future; here it is the certificate that has moved."""
    (tmp_path / "site").mkdir()
    site = Authority(tmp_path / "site", datetime.datetime(year, 1, 1, tzinfo=datetime.UTC))
    agents = Authority(tmp_path)
    files = site.path, *agents.issue("site-1")
    async with sending(tmp_path, site, agents) as (store, sender):
        uplink = sender(*files)
        async with uplink._session() as session:
            with pytest.raises(UplinkError, match=f"certificate {says}"):
                await uplink.send_some(session)
        await sender(*files, utc_s=0.0).flush(10.0)
        assert store.account("main").acknowledged == 1


def of_year(authority: Authority, year: int) -> Authority:
    """The same authority, at another time."""
    authority.now = datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
    return authority


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("of 2020", r"it has expired, by the collector's clock; renew it with `cellwarden enroll`"),
        ("of 2090", r"it is not valid yet by the collector's clock"),
        ("of another authority", r"the collector does not know the authority that signed it"),
        ("none", r"there is none; make one with `cellwarden enroll`"),
    ],
)
async def test_a_collector_that_does_not_want_this_agents_certificate_says_why(
    tmp_path: Path, case: str, says: str
) -> None:
    for name in ("site", "other"):
        (tmp_path / name).mkdir()
    site, agents, other = Authority(tmp_path / "site"), Authority(tmp_path), Authority(tmp_path / "other")
    async with sending(tmp_path, site, agents) as (store, sender):
        files = {
            "of 2020": lambda: of_year(agents, 2020).issue("site-1"),
            "of 2090": lambda: of_year(agents, 2090).issue("site-1"),
            "of another authority": lambda: other.issue("site-1"),
            "none": lambda: (None, None),
        }[case]()
        uplink = sender(site.path, *files)
        async with uplink._session() as session:
            with pytest.raises(UplinkError, match=f"the collector refuses this agent's certificate: {says}"):
                await uplink.send_some(session)
        assert store.account("main").pending == 1


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ca = authority.path
    cert, key = authority.issue("site-1")
    _, other = authority.issue("site-2")
    noise, empty, locked = tmp_path / "noise.pem", tmp_path / "empty.pem", tmp_path / "locked.key"
    noise.write_bytes(bytes(range(256)))
    noise.chmod(0o600)
    empty.touch(mode=0o600)
    locked.touch(mode=0o600)
    locked.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
    )
    for files, says in (
        ((tmp_path / "absent.pem", None, None), r"absent\.pem"),
        ((noise, None, None), r"noise\.pem"),
        ((empty, None, None), r"empty\.pem"),
        ((ca, noise, key), r"noise\.pem"),
        ((ca, cert, empty), r"empty\.pem"),
        ((ca, cert, other), r"site-2\.key.*mismatch"),
        ((ca, cert, locked), r"asks for a passphrase.*openssl pkey"),
    ):
        with pytest.raises(TlsError, match=says):
            client_context(*files)


async def test_credentials_that_are_nonsense_keep_batches_on_the_box_until_they_are_mended(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    async with sending(tmp_path, authority, authority) as (store, sender):
        cert, key = authority.issue("site-1")
        good = cert.read_bytes()
        cert.write_bytes(b"-----BEGIN CERTIFICATE-----\nnonsense\n")
        uplink = sender(authority.path, cert, key)
        running = asyncio.create_task(uplink.run())
        async with asyncio.timeout(20):
            while "site-1.pem" not in uplink.status.trouble:  # noqa: ASYNC110 - a status has no events
                await asyncio.sleep(0.01)
            assert not running.done()
            cert.write_bytes(good)
            while store.account("main").acknowledged == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        running.cancel()
