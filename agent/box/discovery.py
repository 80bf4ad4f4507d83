"""Announcements on the local network (mDNS and DNS-SD, RFC 6762, 6763): hints of who is there, never trust.

Anybody in the network can announce anything. What is found is offered to a person; who it really is, its
certificate says.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from ifaddr import get_adapters  # of zeroconf's own dependencies
from zeroconf import Error, IPVersion, ServiceListener, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from agent.modbus.repeats import Repeats
from agent.wire.hosts import authority, is_loopback
from agent.wire.text import printable

log = logging.getLogger(__name__)

AGENT = "_cellwarden._tcp.local."  # an agent's status page; TXT: version, site, path
COLLECTOR = "_cellwarden-in._tcp.local."  # where batches can be sent
LONGEST_LABEL = 63  # bytes of a name (RFC 1035)
ANSWER_S = 1.0
AGAIN_S = 60.0  # until a network that did not take an announcement is tried again
NO_NETWORK = (OSError, RuntimeError)  # the latter from zeroconf, where there is no interface
LONGEST_TEXT = 80  # of what others say of themselves
URL = re.compile(r"https?://[A-Za-z0-9.-]{1,253}:[0-9]{1,5}")
PATH = re.compile(r"/[A-Za-z0-9._/-]{0,80}")
GOODBYE_S = 0.4  # of the two seconds in which the agent must have stopped


@dataclass(frozen=True, slots=True)
class Announced:
    """One that announced itself, in its own words."""

    name: str
    host: str
    port: int
    said: dict[str, str]

    @property
    def url(self) -> str:
        """Where it says it is: a collector in so many words, since its certificate names no address."""
        if (url := self.said.get("url", "")) and URL.fullmatch(url):
            return url
        path = self.said.get("path", "/")
        return f"https://{authority(self.host, self.port)}{path if PATH.fullmatch(path) else '/'}"


async def announce(kind: str, name: str, host: str, port: int, said: dict[str, str]) -> None:
    """Announce a service that listens at `host`, until cancelled.

    A network that does not take it is no trouble of the agent's: it is logged, and tried again.
    """
    told = Repeats()
    while True:
        try:
            await _announce(kind, name, host, port, said)
        except (*NO_NETWORK, Error) as error:
            if line := told.again(str(error), time.monotonic()):
                log.warning("%s is not announced in the network: %s", name, line)
        await asyncio.sleep(AGAIN_S)


async def _announce(kind: str, name: str, host: str, port: int, said: dict[str, str]) -> None:
    ours = [host] if _is_one_address(host) else []
    addresses = ours or _addresses()
    if not addresses:
        raise OSError("there is no network")
    zeroconf = AsyncZeroconf(interfaces=ours) if ours else AsyncZeroconf(ip_version=IPVersion.V4Only)
    label = name.encode()[:LONGEST_LABEL].decode(errors="ignore").replace(".", "-")
    info = AsyncServiceInfo(kind, f"{label}.{kind}", port=port, parsed_addresses=addresses, properties=said)
    try:
        await zeroconf.async_register_service(info, allow_name_change=True)
        await asyncio.Event().wait()
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await zeroconf.async_close()


def _is_one_address(host: str) -> bool:
    try:
        return not ip_address(host).is_unspecified
    except ValueError:  # a name
        return False


def _addresses() -> list[str]:
    """Return the addresses of this machine that the network can reach."""
    found = [ip.ip for adapter in get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    return [address for address in found if not is_loopback(address)]


async def find(kind: str, seconds: float, interfaces: Sequence[str] | None = None) -> list[Announced]:
    """Listen for `seconds`, and return who announced itself. Raises OSError where there is no network."""
    try:
        zeroconf = AsyncZeroconf(interfaces=list(interfaces)) if interfaces else AsyncZeroconf()
    except NO_NETWORK as error:
        raise OSError(str(error)) from error
    names: set[str] = set()
    browser = AsyncServiceBrowser(zeroconf.zeroconf, kind, listener=_Names(names))
    try:
        await asyncio.sleep(seconds)
        infos = [AsyncServiceInfo(kind, name) for name in sorted(names)]
        await asyncio.gather(*(info.async_request(zeroconf.zeroconf, 1000 * ANSWER_S) for info in infos))
    finally:
        await browser.async_cancel()
        await zeroconf.async_close()
    return [found for info in infos if (found := _found(info, kind))]


def _found(info: AsyncServiceInfo, kind: str) -> Announced | None:
    addresses = info.parsed_addresses()
    if not addresses or info.port is None:
        return None
    said = {_text(key): _text(value) for key, value in info.decoded_properties.items() if value is not None}
    return Announced(_text(info.name.removesuffix(f".{kind}")), addresses[0], info.port, said)


def _text(said: str) -> str:
    return printable(said, LONGEST_TEXT)


class _Names(ServiceListener):
    def __init__(self, names: set[str]) -> None:
        self._names = names

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self._names.add(name)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self._names.add(name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self._names.discard(name)
