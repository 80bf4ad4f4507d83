"""cellwarden-collector: the commands."""

import asyncio
import logging
import sys
from pathlib import Path
from typing import NoReturn

import click

from collector.serve import ServeError, Tls, serve

SCHEME = "sqlite:"


def fail(message: object) -> NoReturn:
    """One line, exit 2."""
    click.echo(f"cellwarden-collector: {message}", err=True)
    sys.exit(2)


class SinkPath(click.ParamType[Path]):
    """sqlite:PATH."""

    name = "sqlite:PATH"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        text = str(value)
        if not text.startswith(SCHEME) or text == SCHEME:
            self.fail(f"{text!r}: expected sqlite:PATH, such as sqlite:/var/lib/cellwarden/collector.db")
        return Path(text.removeprefix(SCHEME))


file_path = click.Path(path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cellwarden")
def main() -> None:
    """Receive batches from agents, keep them, and prove that nothing is missing."""


@main.command("serve")
@click.option("--sink", type=SinkPath(), required=True, help="Where batches are kept.")
@click.option(
    "--listen", default="127.0.0.1:8440", show_default=True, help="HOST:PORT; port 0: any free one."
)
@click.option("--tls-cert", type=file_path, help="This collector's certificate (PEM).")
@click.option("--tls-key", type=file_path, help="Its private key (PEM).")
@click.option("--client-ca", type=file_path, help="The authority (PEM) whose certificates name the agents.")
def serve_command(
    sink: Path, listen: str, tls_cert: Path | None, tls_key: Path | None, client_ca: Path | None
) -> None:
    """Receive batches until SIGTERM.

    \b
    Plain HTTP is served on loopback addresses only. Anywhere else an agent is known by the common name
    of its certificate.
    Examples:  cellwarden-collector serve --sink sqlite:collector.db
               cellwarden-collector serve --sink sqlite:collector.db --listen 0.0.0.0:8440 \\
                   --tls-cert collector.pem --tls-key collector.key --client-ca agents.pem
    """
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    if (tls_cert is None) != (tls_key is None) or (client_ca and not tls_cert):
        fail("--tls-cert and --tls-key belong together, and --client-ca needs both")
    tls = Tls(tls_cert, tls_key, client_ca) if tls_cert and tls_key else None
    try:
        asyncio.run(serve(sink, listen, tls))
    except ServeError as error:
        fail(error)


if __name__ == "__main__":
    main()
