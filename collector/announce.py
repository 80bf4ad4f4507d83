"""Say in the local network that a collector is here (mDNS and DNS-SD, RFC 6762, 6763): a hint for a person.

Nobody believes it: an agent sends only to whom its configuration names, and whose certificate says so.
"""

import asyncio
import contextlib
import importlib.util
import logging
from ipaddress import ip_address

log = logging.getLogger(__name__)

KIND = "_cellwarden-in._tcp.local."
LONGEST_LABEL = 63  # bytes of a name (RFC 1035)
GOODBYE_S = 0.4  # of the two seconds that a stop may take


def possible() -> bool:
    """Return whether the library is installed: a collector needs it for nothing else."""
    return importlib.util.find_spec("zeroconf") is not None


async def announce(name: str, host: str, url: str) -> None:
    """Announce that batches can be sent to `url`, which listens at `host`, until cancelled.

    A network that does not take it is no trouble of the collector's: it is logged, and that is all.
    """
    from zeroconf import Error, InterfaceChoice, IPVersion
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    logging.getLogger("zeroconf").setLevel(logging.ERROR)  # a network that is away is no warning
    label = name.encode()[:LONGEST_LABEL].decode(errors="ignore").replace(".", "-")
    port = int(url.rpartition(":")[2])
    try:
        one = not ip_address(host).is_unspecified
        addresses = [host] if one else _addresses()
        zeroconf = AsyncZeroconf([host] if one else InterfaceChoice.All, ip_version=IPVersion.V4Only)
    except (OSError, RuntimeError, ValueError) as error:  # no multicast, no interface, a host that is a name
        log.warning("not announced in the network: %s", error)
        return
    info = AsyncServiceInfo(
        KIND, f"{label}.{KIND}", port=port, parsed_addresses=addresses, properties={"url": url}
    )
    try:
        await zeroconf.async_register_service(info, allow_name_change=True)
        await asyncio.Event().wait()
    except (OSError, Error) as error:
        log.warning("not announced in the network: %s", error)
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(zeroconf.async_close(), GOODBYE_S)


def _addresses() -> list[str]:
    """Return the addresses of this machine that the network can reach."""
    from ifaddr import get_adapters  # of zeroconf's own dependencies

    found = [ip.ip for adapter in get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    return [address for address in found if not ip_address(address).is_loopback]
