"""cellwarden page enable: the page in the network, for phones too."""

import io
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import segno

from agent.cli.common.ask_agent import json_option
from agent.cli.common.errors import Misuse, unusable_file
from agent.cli.common.letters import speaks_utf8, spoken
from agent.cli.common.load import config_option
from agent.cli.page.table import change
from agent.clock import never_set
from agent.message import Message
from agent.tls.own_certificate import PageFiles, fingerprint, make
from agent.view.language import tell, tr
from agent.wire.hosts import authority, host_and_port, is_loopback
from collector.failing import print_json

EVERYWHERE = "0.0.0.0:8480"
WARNING = "A phone warns once that the connection is not private, for this box signed its certificate itself."
COMPARE = "Compare the SHA-256 fingerprint that the phone shows under its details before you go on:"


@click.command("enable")
@config_option
@click.option(
    "--listen", default=EVERYWHERE, show_default=True, help="The address of this box, and the port."
)
@click.option("--name", "names", multiple=True, help="A name or address that people open it by; repeatable.")
@json_option
@spoken
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
    if problem := listen_problem(listen):
        raise Misuse(Message("--listen {problem}", problem=problem))
    opened = open_page(path, listen, names)
    if as_json:
        print_json(opened.as_json())
        return
    opened.tell()
    if any(opened.new.values()):
        click.echo(tell("Now: {run}", run="sudo systemctl restart cellwarden"))


@dataclass(frozen=True, slots=True)
class Opened:
    """The page in the network: where, by which certificate and token, and which of them are `new`."""

    urls: Sequence[str]
    files: PageFiles
    new: Mapping[str, bool]

    def as_json(self) -> dict[str, Any]:
        """Return it for programs, without the token. Raises OSError."""
        return {
            "urls": self.urls,
            "fingerprint_sha256": fingerprint(self.files.cert),
            "token_file": str(self.files.token),
            "new": self.new,
        }

    def tell(self, *, logged: bool = False) -> None:
        """Say it to a person: the address, as a QR code too, the token, and what a phone warns of.

        logged: what is said is kept, as a deployment does: without code, and without the token itself.
        """
        first, *others = self.urls
        also = f"   ({tell('also {urls}', urls=', '.join(others))})" if others else ""
        click.echo(tell("The page:  {url}", url=f"{first}{also}"))
        if speaks_utf8() and not logged:
            click.echo(_code(first), color=False if os.environ.get("TERM") == "dumb" else None)
        token = tr("not shown") if logged else self.files.token.read_text().strip()
        click.echo(tell("The token: {token}   (kept in {file})", token=token, file=self.files.token))
        click.echo(tr(WARNING))
        click.echo(tr(COMPARE))
        click.echo(f"  {fingerprint(self.files.cert)}")


def _code(text: str) -> str:
    """Return its QR code, of half blocks: white is what they fill. Said in colours, lest a light terminal
    turn it into a negative, which not every phone reads.
    """
    code = io.StringIO()
    segno.make(text, micro=False).terminal(code, compact=True)
    return "\n".join(click.style(row, fg="white", bg="black") for row in code.getvalue().splitlines())


def listen_problem(listen: str) -> str:
    """Return why nobody in the network could open a page that listens there; "" where somebody could."""
    at = host_and_port(listen)
    if at is None:
        return Message("{listen} is no ADDRESS:PORT, such as {usual}", listen=listen, usual=EVERYWHERE)
    alone = Message("{listen} is this machine alone; that is: cellwarden page disable", listen=listen)
    return alone if is_loopback(at[0]) else ""


def open_page(path: Path, listen: str, names: Sequence[str], *, keep_old: bool = True) -> Opened:
    """Make what is missing, and write it into [web]. Raises Misuse.

    keep_old: as `table.change` says.
    """
    host, port = host_and_port(listen) or ("", 0)
    if never_set(time.time()):
        raise Misuse(
            Message("the clock of this box was never set, and a certificate is bound to dates: set it first")
        )
    hosts = [*names, *_addresses(host)] or [socket.gethostname()]
    files = PageFiles.beside(path)
    try:
        new_cert, new_token = make(files, hosts)
        changed = change(path, {"listen": listen, **_written(files, path)}, keep_old=keep_old)
    except OSError as error:
        raise unusable_file(error) from error
    new = {"certificate": new_cert, "token": new_token, "configuration": changed}
    return Opened([f"https://{authority(one, port)}/" for one in hosts], files, new)


def _written(files: PageFiles, config: Path) -> dict[str, str]:
    keys = {"cert": files.cert, "key": files.key, "token_file": files.token}
    return {key: str(file.relative_to(config.parent)) for key, file in keys.items()}


def _addresses(host: str) -> list[str]:
    """Return the addresses of this box, if it listens at all of them; else that one."""
    if host not in ("0.0.0.0", "::"):
        return [host]
    from ifaddr import get_adapters  # of zeroconf's own dependencies

    every = (str(ip.ip) for adapter in get_adapters() for ip in adapter.ips if ip.is_IPv4)
    return [one for one in every if not is_loopback(one)]
