"""cellwarden page enable: the page in the network, for phones too."""

import socket
import time
from pathlib import Path
from typing import Any

import click
import segno

from agent.cli.common.ask_agent import json_option
from agent.cli.common.errors import Misuse, unusable_file
from agent.cli.common.letters import speaks_utf8
from agent.cli.common.load import config_option
from agent.cli.page.table import change
from agent.clock import never_set
from agent.tls.own_certificate import PageFiles, fingerprint, make
from agent.wire.hosts import authority, host_and_port, is_loopback
from collector.failing import print_json

EVERYWHERE = "0.0.0.0:8480"


@click.command("enable")
@config_option
@click.option(
    "--listen", default=EVERYWHERE, show_default=True, help="The address of this box, and the port."
)
@click.option("--name", "names", multiple=True, help="A name or address that people open it by; repeatable.")
@json_option
def command(path: Path, listen: str, names: tuple[str, ...], as_json: bool) -> None:
    """Open the status page to phones and desks of this network.

    Makes a certificate that this box signs itself, and a token, where there are none; what is there and still
    good stays. Writes both into [web] of the configuration; the file as it was is kept as agent.toml.1. The
    page shows everything and changes nothing but who has acknowledged an alarm. Run it again after this box
    has got another address.

    \b
    Examples:  sudo cellwarden page enable
               sudo cellwarden page enable --name battery-room.example --listen 192.0.2.10:8480
    """
    at = host_and_port(listen)
    if at is None:
        raise Misuse(f"--listen {listen} is no ADDRESS:PORT, such as {EVERYWHERE}")
    host, port = at
    if is_loopback(host):
        raise Misuse(f"--listen {listen} is this machine alone; that is: cellwarden page disable")
    if never_set(time.time()):
        raise Misuse("the clock of this box was never set, and a certificate is bound to dates: set it first")
    hosts = [*names, *_addresses(host)] or [socket.gethostname()]
    files = PageFiles.beside(path)
    try:
        new_cert, new_token = make(files, hosts)
        changed = change(path, {"listen": listen, **_written(files, path)})
        told = {
            "urls": [f"https://{authority(one, port)}/" for one in hosts],
            "fingerprint_sha256": fingerprint(files.cert),
            "token_file": str(files.token),
            "new": {"certificate": new_cert, "token": new_token, "configuration": changed},
        }
        token = files.token.read_text().strip()
    except OSError as error:
        raise unusable_file(error) from error
    if as_json:
        print_json(told)
    else:
        _tell(told, token)


def _written(files: PageFiles, config: Path) -> dict[str, str]:
    keys = {"cert": files.cert, "key": files.key, "token_file": files.token}
    return {key: str(file.relative_to(config.parent)) for key, file in keys.items()}


def _tell(told: dict[str, Any], token: str) -> None:
    first, *others = told["urls"]
    click.echo(f"The page:  {first}" + (f"   (also {', '.join(others)})" if others else ""))
    if speaks_utf8():
        segno.make(first, micro=False).terminal(compact=True)
    click.echo(f"The token: {token}   (kept in {told['token_file']})")
    click.echo(
        "A phone warns once that the connection is not private, for this box signed its certificate itself.\n"
        "Compare the SHA-256 fingerprint that the phone shows under its details before you go on:\n"
        f"  {told['fingerprint_sha256']}"
    )
    if any(told["new"].values()):
        click.echo("Now: sudo systemctl restart cellwarden")


def _addresses(host: str) -> list[str]:
    """Return the addresses of this box, if it listens at all of them; else that one."""
    if host not in ("0.0.0.0", "::"):
        return [host]
    from ifaddr import get_adapters  # of zeroconf's own dependencies

    every = (str(ip.ip) for adapter in get_adapters() for ip in adapter.ips if ip.is_IPv4)
    return [one for one in every if not is_loopback(one)]
