"""The end of setup: where the page is, and the network's way to it where that is wanted."""

from pathlib import Path

import click

from agent.cli.common.errors import Misuse
from agent.cli.common.load import load
from agent.cli.common.prompts import Prompts
from agent.cli.common.usual import CONFIG
from agent.cli.page.enable import Opened, open_page
from agent.config.tables import Config
from agent.control import client
from agent.view.language import tell, tr
from agent.wire import holder
from agent.wire.hosts import authority, is_loopback

ANY = "0.0.0.0"  # every address of this box


def offer(path: Path, prompts: Prompts, said: bool | None) -> Opened | None:
    """Make certificate and token and open the page to the network, where that is wanted or so already.

    Nobody opens it by taking what is proposed. said: by a flag.
    """
    web = load(path)[0].web
    if web.address is None:
        return None
    open_already = not is_loopback(web.address[0])
    if said is None and not open_already:
        asked = tr("Open the page to phones and desks of this network, by a certificate and a token?")
        said = not prompts.yes and prompts.agree(asked, proposed=False)
    if not (said or (said is None and open_already)):
        return None
    try:
        listen = web.listen if open_already else authority(ANY, web.address[1])
        return open_page(path, listen, (), keep_old=False)
    except Misuse as error:
        error.show()
        return None


def say_where(path: Path, opened: Opened | None) -> None:
    """Say where the page is, and what keeps it from being there."""
    config = load(path)[0]
    if config.web.address is None:
        return
    if opened:
        opened.tell()
    else:
        more = "" if path == CONFIG else f" --config {path}"
        at, run = f"http://{authority(*config.web.address)}/", f"sudo cellwarden page enable{more}"
        click.echo(tell("The page:  {at}, on this machine only; for phones: {run}", at=at, run=run))
    if trouble := _trouble(config):
        click.echo(f"           {tell('it is NOT served: {trouble}', trouble=trouble)}")


def _trouble(config: Config) -> str:
    """Return what the running agent says of its page; where none runs, who has its port."""
    assert config.web.address is not None
    try:
        return str(client.get(config.control.socket, "/v1/status")["web"]["trouble"])
    except (client.NotRunning, client.Refusal):
        host, port = config.web.address
        held = holder.of_port(host, port) if port else None
        if not held:
            return ""
        return tell(
            "port {port} is in use by {held}; stop that, or choose another: [web] listen",
            port=port,
            held=held,
        )
