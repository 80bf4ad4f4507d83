"""Say in the local network that a collector is here (mDNS and DNS-SD, RFC 6762, 6763): a hint for a person.

Nobody believes it: an agent sends only to whom its configuration names, and whose certificate says so.
"""

import asyncio
import contextlib
import importlib.util
import logging
from ipaddress import ip_address

from agent.wire.hosts import is_loopback

log = logging.getLogger(__name__)

KIND = "_cellwarden-in._tcp.local."
LONGEST_LABEL = 63  # bytes of a name (RFC 1035)
AGAIN_S = 60.0  # until a network that did not take an announcement is tried again
GOODBYE_S = 0.4  # of the two seconds that a stop may take


def possible() -> bool:
    """Return whether the library is installed: a collector needs it for nothing else."""
    return importlib.util.find_spec("zeroconf") is not None


async def announce(name: str, host: str, url: str) -> None:
    """Announce that batches can be sent to `url`, which listens at `host`, until cancelled.

    A network that does not take it is no trouble of the collector's: it is logged, and tried again.
    """
    from zeroconf import Error

    logging.getLogger("zeroconf").setLevel(logging.ERROR)  # a network that is away is no warning
    logged = ""
    while True:
        try:
            await _announce(name, host, url)
        except (
            OSError,
            RuntimeError,
            ValueError,
            Error,
        ) as error:  # no multicast, no interface, a name
            if str(error) != logged:
                log.warning("not announced in the network: %s", error)
            logged = str(error)
        await asyncio.sleep(AGAIN_S)


async def _announce(name: str, host: str, url: str) -> None:
    from zeroconf import InterfaceChoice, IPVersion
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    label = name.encode()[:LONGEST_LABEL].decode(errors="ignore").replace(".", "-")
    port = int(url.rpartition(":")[2])
    one = not ip_address(host).is_unspecified
    addresses = [host] if one else _addresses()
    if not addresses:
        raise OSError("there is no network")
    zeroconf = AsyncZeroconf([host] if one else InterfaceChoice.All, ip_version=IPVersion.V4Only)
    info = AsyncServiceInfo(
        KIND, f"{label}.{KIND}", port=port, parsed_addresses=addresses, properties={"url": url}
    )
    try:
        await zeroconf.async_register_service(info, allow_name_change=True)
        await asyncio.Event().wait()
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await zeroconf.async_close()


def _addresses() -> list[str]:
    """Return the addresses of this machine that the network can reach."""
    from ifaddr import get_adapters  # of zeroconf's own dependencies

    found = [ip.ip for adapter in get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    return [address for address in found if not is_loopback(address)]
