"""The machine itself, and the way to the collector: service, disk, wear, clock, power, certificate, DNS."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent.cli.common.try_collector import NotReached, NotTaken, try_collector
from agent.cli.doctor.results import Result, good, note, problem, unknown
from agent.cli.doctor.site import Site
from agent.clock import Clock
from agent.config.tables import Config, UpstreamTable
from agent.message import Message, joined, told_by
from agent.net.holding import in_words
from agent.tls.certificate import CertificateError, validity_warning
from agent.tls.contexts import TlsError, client_context
from agent.uplink.proxy import LoginError, Proxy, place
from agent.wire import holder
from agent.wire.hosts import authority, host_and_port

SYS, SYSTEMD = Path("/sys"), Path("/run/systemd/system")
REACH_S = 3.0
LOW_SHARE, LEAST_MB = 0.1, 100
THROUGH_PROXY = ("the proxy or its rules", "its login", "the collector behind it")


def service(site: Site) -> Iterator[Result]:
    """The agent runs, and under a service manager that would start it again."""
    if site.status is None:
        yield _no_agent(site)
        return
    for reason in site.status.get("health", {}).get("degraded", []):
        if not reason.startswith(("unit", "bus ", "clock", "upstream", "page: ")):  # each a check of its own
            yield note(reason, "cellwarden status")
    yield good(Message("the agent answers"))


def _no_agent(site: Site) -> Result:
    """Return what the service manager says of an agent that does not answer."""
    if not SYSTEMD.is_dir():
        run_it = f"cellwarden run --config {site.path}"
        return note(Message("no agent is running; looked at without it"), run_it, "CW-401")
    run = ["systemctl", "is-active", "cellwarden"]
    state = subprocess.run(run, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    if state == "active":
        seen = Message("the service is active, but: {why}", why=site.refusal)
        return problem("CW-401", seen, "journalctl -u cellwarden -n 50")
    how = state or Message("no such service")
    seen = Message("the agent is not running ({how}); looked at without it", how=how)
    return note(seen, "systemctl start cellwarden", "CW-401")


def disk(site: Site) -> Iterator[Result]:
    """There is room for the buffer, and it can be written."""
    assert site.config is not None
    path = site.config.store.path
    folder = next((f for f in (path.parent, *path.parent.parents) if f.is_dir()), Path("/"))
    state = os.statvfs(folder)
    free_mb, share = state.f_bavail * state.f_frsize / 1e6, state.f_bavail / max(1, state.f_blocks)
    if state.f_flag & os.ST_RDONLY:
        seen = Message("{folder} is mounted read-only", folder=folder)
        yield problem("CW-602", seen, "dmesg | tail", Message("a worn or damaged card"))
    elif free_mb < LEAST_MB:
        seen = Message("{mb:.0f} MB free at {folder}", mb=free_mb, folder=folder)
        yield problem("CW-602", seen, f"du -xsh {folder}/* | sort -h")
    elif share < LOW_SHARE:
        told = {"share": share, "folder": folder, "mb": free_mb}
        yield note(Message("{share:.0%} free at {folder} ({mb:.0f} MB)", **told), "", "CW-602")
    else:
        yield good(Message("{share:.0%} free", share=share))


def history(site: Site) -> Iterator[Result]:
    """The buffer's folder can be written by whoever runs this; as another user than the agent, unknown."""
    assert site.config is not None
    path, status = site.config.store.path, site.status
    if status is not None:
        if status["store"]["trouble"]:
            yield problem("CW-602", status["store"]["trouble"], "cellwarden status")
        else:
            yield good(Message("written"))
    elif not path.parent.is_dir():
        yield note(Message("{folder} does not exist yet; the agent makes it", folder=path.parent))
    elif os.access(path.parent, os.W_OK):
        yield good(Message("writable"))
    else:
        seen = Message("{folder} is not yours to write; run this as root", folder=path.parent)
        yield unknown(seen, "sudo cellwarden doctor")


def wear(_site: Site) -> Iterator[Result]:
    """How much of its life the flash memory says it has used (eMMC 5.1, EXT_CSD 268 and 269)."""
    found = sorted((SYS / "block").glob("mmcblk*/device/life_time"))
    for file in found:
        steps = max(int(word, 16) for word in file.read_text().split())
        used = {"disk": file.parts[-3], "percent": 10 * steps}
        if steps >= 9:
            seen = Message("{disk} has used {percent} % of its life", **used)
            yield problem("CW-602", seen, "cellwarden backup --help")
        elif steps >= 7:
            yield note(Message("{disk} has used about {percent} % of its life", **used), "", "CW-602")
        else:
            yield good(Message("{disk}: {percent} % of its life used at most", **used))
    if not found:
        yield unknown(Message("this disk does not tell its wear (SD cards do not)"))


def clock(_site: Site) -> Iterator[Result]:
    """The clock is disciplined by a time service."""
    if Clock().synchronised():
        yield good(Message("synchronised"))
    else:
        seen = Message("not synchronised; events are ordered by boot time and repaired later")
        likely = Message("no network"), Message("no time server reached")
        yield problem("CW-601", seen, "timedatectl timesync-status", *likely)


def power(_site: Site) -> Iterator[Result]:
    """The supply voltage was high enough since the start (Raspberry Pi boards tell)."""
    for name in sorted((SYS / "class/hwmon").glob("hwmon*/name")):
        if name.read_text().strip() != "rpi_volt":
            continue
        if (name.parent / "in0_lcrit_alarm").read_text().strip() == "1":
            run = "dmesg | grep -i voltage"
            seen = Message("the supply voltage fell too low")
            yield problem("CW-603", seen, run, Message("a weak supply or a thin cable"))
        else:
            yield good(Message("no low voltage since the start"))
        return
    yield unknown(Message("this board does not tell"))


def certificate(site: Site) -> Iterator[Result]:
    """The TLS files of each upstream can be used, and do not end soon."""
    assert site.config is not None
    yield from _of_each(site.config, _certificate)


def _of_each(config: Config, check: Callable[[UpstreamTable], Iterator[Result]]) -> Iterator[Result]:
    """Check each upstream; of several, each result says whose it is."""
    for up in config.upstream:
        for result in check(up):
            several = len(config.upstream) > 1
            yield replace(result, seen=joined(": ", [up.name, result.seen])) if several else result


def _certificate(up: UpstreamTable) -> Iterator[Result]:
    if not up.url.startswith("https:"):
        yield good(Message("none needed: the collector is on this machine"))
        return
    try:
        client_context(up.ca, up.cert, up.key)
        warning = validity_warning(up.cert, time.time()) if up.cert else ""
        if up.proxy:
            Proxy(up.proxy, up.proxy_login).login()
    except (TlsError, CertificateError, LoginError) as error:
        if isinstance(error.__cause__, PermissionError):
            yield unknown(Message("its files are not yours to read"), "sudo cellwarden doctor")
        elif isinstance(error, LoginError):
            yield problem("CW-502", told_by(error), f"ls -l {up.proxy_login}", *THROUGH_PROXY)
        else:
            yield problem("CW-503", told_by(error), "cellwarden enroll --help")
        return
    yield problem("CW-503", warning, "cellwarden enroll --help") if warning else good(Message("valid"))


def dns(site: Site) -> Iterator[Result]:
    """The name of each collector, or of the proxy before it, can be resolved."""
    assert site.config is not None
    for host in dict.fromkeys(_asked_for(up) for up in site.config.upstream):
        yield from _resolved(host)


def _asked_for(up: UpstreamTable) -> str:
    """The name that this box itself must look up: a proxy looks up the collector's."""
    return urlsplit(up.proxy or up.url).hostname or ""


def _resolved(host: str) -> Iterator[Result]:
    pool = ThreadPoolExecutor(1)
    try:
        addresses = pool.submit(socket.getaddrinfo, host, None).result(REACH_S)
    except TooLong:
        seen = Message("{host}: no answer of a name server in {time:g} s", host=host, time=REACH_S)
        yield problem("CW-501", seen, f"getent hosts {host}")
    except OSError as error:
        seen = joined(": ", [host, error.strerror or str(error)])
        yield problem("CW-501", seen, f"getent hosts {host}", Message("no DNS server"))
    else:
        yield good(Message("{host} is {address}", host=host, address=addresses[0][4][0]))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def collector(site: Site) -> Iterator[Result]:
    """Each collector takes batches; without an agent, whether it would take this one's."""
    assert site.config is not None
    yield from _of_each(site.config, partial(_taking, site, site.config.agent.id))


def _taking(site: Site, agent: str, up: UpstreamTable) -> Iterator[Result]:
    host, port = place(up.url)
    look, ping = f"curl -v {urlsplit(up.url).scheme}://{authority(host, port)}/", f"ping {host}"
    likely: tuple[str, ...] = ()
    if up.proxy:
        look = ping = f"curl -v --proxy {up.proxy} {'--proxy-user USER ' if up.proxy_login else ''}{look[8:]}"
        likely = THROUGH_PROXY
    if site.status is not None:
        told = next((one for one in site.status["upstreams"] if one["name"] == up.name), None)
        if told is None:
            seen = Message("the agent does not know of upstream {upstream}", upstream=up.name)
            yield unknown(seen, "sudo systemctl reload cellwarden")
            return
        seen = Message(
            "{why}; {n} batches wait on disk",
            why=told["trouble"] or Message("not reached yet"),
            n=told["account"]["pending"],
        )
        if told["reached"] and not told["trouble"]:
            yield good(Message("takes batches"))
        elif told.get("set_aside"):
            yield problem("CW-504", seen, look)
        elif told.get("answered"):
            between = Message("a proxy, gateway or login page between"), Message("another program is there")
            yield problem("CW-502", seen, look, *(likely or between))
        else:
            yield problem("CW-502", seen, look, *likely)
        return
    try:
        yield good(try_collector(up, agent))
    except NotReached as error:
        usual = Message("network"), Message("firewall")
        yield problem("CW-502", told_by(error), ping, *(likely or usual))
    except NotTaken as error:
        usual = Message("another program is there"), Message("name or certificate")
        yield problem("CW-502", told_by(error), look, *(likely or usual))


def page(site: Site) -> Iterator[Result]:
    """The status page answers, and its port is nobody else's."""
    assert site.config is not None
    address = site.config.web.address
    if address is None:
        yield good(Message("none wanted"))
    elif site.status is None:
        yield _free(*address, Message("the page cannot be served there"))
    elif site.status["web"]["trouble"]:
        yield _not_served(site.status["web"], *address, "CW-420")
    else:
        address = address[0], site.status["web"]["port"] or address[1]
        try:
            socket.create_connection(address, REACH_S).close()
        except OSError as error:
            seen = joined(": ", [f"http://{authority(*address)}", error.strerror or str(error)])
            yield problem("CW-420", seen, "journalctl -u cellwarden -n 50")
        else:
            yield good()


def metrics(site: Site) -> Iterator[Result]:
    """Metrics are served where they are wanted."""
    assert site.config is not None
    address = host_and_port(site.config.metrics.listen or "")
    if address is None:
        yield good(Message("none wanted"))
    elif site.status is None:
        yield _free(*address, Message("metrics cannot be served there"))
    elif (told := site.status.get("metrics") or {}).get("trouble"):
        yield _not_served(told, *address, "CW-420")
    else:
        yield good()


def _not_served(told: dict[str, Any], host: str, port: int, code: str) -> Result:
    """Return why a part is not served, with who is in its way, whom root sees where the agent does not."""
    seen, code = told["trouble"], told.get("code") or code
    if code != "CW-420":
        return problem(code, seen, "sudo ls -l /etc/cellwarden/tls")
    held = holder.of_port(host, port)
    if held and str(held) not in seen:
        seen = Message("{why}: it is {who}", why=seen, who=in_words(held))
    return problem(code, seen, _see(held, port))


def _free(host: str, port: int, follows: str) -> Result:
    """Return whether a port is there for an agent that does not answer, or does not run."""
    held = holder.of_port(host, port)
    if held is None:
        return unknown(Message("needs a running agent, not checked"))
    of = {"place": authority(host, port), "who": in_words(held)}
    if "cellwarden" in f"{held.name} {held.user}":
        return unknown(Message("{place} is held by {who}: an agent that does not answer here", **of))
    seen = Message("{place} is held by {who}: {follows}", **of, follows=follows)
    return problem("CW-420", seen, _see(held, port))


def _see(held: holder.Holder | None, port: int) -> str:
    return f"ps -fp {held.pid}" if held and held.pid else f"sudo ss -ltnp 'sport = :{port}'"
