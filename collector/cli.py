"""cellwarden-collector: the commands."""

import asyncio
import json
import logging
import secrets
import ssl
import sys
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import click

from agent.wire.text import printable
from collector.alarms import alarm_lines, held_alarms
from collector.audit import audit
from collector.audit_all import audit_all
from collector.conform.certificate import common_name
from collector.conform.report import lines, plain, table
from collector.conform.row import Run
from collector.conform.run import ROWS, NotReached, conform
from collector.export.blocks import Wanted
from collector.export.figures import EVERY, figures
from collector.export.files import ExportError, export
from collector.export.options import export_options
from collector.export.rows import values
from collector.figures.check import check, checked_lines
from collector.moment import between_options
from collector.opening import CannotWork, SinkPlace, reading, sink_option
from collector.pipe import PipeGroup
from collector.query import query
from collector.retain import init, retain
from collector.serve import ServeError, Tls, serve
from collector.sinks import ChosenSink
from collector.told import LINE_CHARACTERS, OneLine, SaidOnce

file_path = click.Path(path_type=Path)


@click.group(cls=PipeGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cellwarden")
def main() -> None:
    """Receive batches from agents, keep them, and prove that nothing is missing."""


main.add_command(query)
main.add_command(init)
main.add_command(retain)


@main.command("serve")
@click.option("--sink", type=SinkPlace(), required=True, help="Where batches are kept.")
@click.option(
    "--listen", default="127.0.0.1:8440", show_default=True, help="HOST:PORT; port 0: any free one."
)
@click.option("--tls-cert", type=file_path, help="This collector's certificate (PEM).")
@click.option("--tls-key", type=file_path, help="Its private key (PEM).")
@click.option("--client-ca", type=file_path, help="The authority (PEM) whose certificates name the agents.")
@click.option(
    "--silent-after", default=60.0, show_default=True, help="Seconds after which a silent agent is an alarm."
)
@click.option(
    "--announce",
    default="",
    metavar="NAME",
    help="Say in the local network (mDNS) that a collector of this name, that of its certificate, is here.",
)
@click.option(
    "--api",
    default="",
    metavar="HOST:PORT",
    help="Answer questions there, too, as `query` does: GET /v1/query/NAME. Loopback addresses only.",
)
def serve_command(
    sink: ChosenSink,
    listen: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    client_ca: Path | None,
    silent_after: float,
    announce: str,
    api: str,
) -> None:
    """Receive batches until SIGTERM.

    \b
    Plain HTTP is served on loopback addresses only. Anywhere else an agent is known by the common name
    of its certificate. --announce lets `cellwarden setup` propose this collector: a hint and no more.
    Examples:  cellwarden-collector serve --sink sqlite:collector.db
               cellwarden-collector serve --sink sqlite:collector.db --listen 0.0.0.0:8440 \\
                   --tls-cert collector.pem --tls-key collector.key --client-ca agents.pem
    """
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine("%(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    if (tls_cert is None) != (tls_key is None) or (client_ca and not tls_cert):
        raise CannotWork("--tls-cert and --tls-key belong together, and --client-ca needs both")
    tls = Tls(tls_cert, tls_key, client_ca) if tls_cert and tls_key else None
    try:
        asyncio.run(serve(sink, listen, tls, silent_after, announce, api))
    except ServeError as error:
        raise CannotWork(error, "CW-510") from error


@main.command("audit")
@sink_option
@click.option("--quick", is_flag=True, help="Believe the rows; do not decode every batch again.")
@click.option("--all", "all_at_once", is_flag=True, help="Let the database add up: a table, the worst first.")
@click.option("--record", is_flag=True, help="With --all: leave the result to the collector's /metrics.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def audit_command(sink: ChosenSink, quick: bool, all_at_once: bool, record: bool, as_json: bool) -> None:
    """Say for every agent and epoch where everything that was sealed has gone.

    \b
    sealed = stored + pruned (stored here once, as `retain` says) + withheld (by the agent, for good) +
    dropped (as it reported) + missing, with the missing ranges named.
    Exit 0: everything is accounted for. Exit 1: something is missing, damaged, unreadable (its schema
    cannot be used), or came from two copies of one agent. What an agent sealed last and has not sent yet is
    not known here.
    With --all no batch is decoded: the view "account" of the database says the same in numbers.
    Examples:  cellwarden-collector audit --sink sqlite:collector.db
               cellwarden-collector audit --all --sink sqlite:collector.db
    """
    if all_at_once and quick:
        raise CannotWork("--all decodes nothing: leave out --quick")
    if record and not all_at_once:
        raise CannotWork("--record needs --all")
    if all_at_once:
        sys.exit(audit_all(sink, record, as_json))
    with reading(sink, SaidOnce()) as archive:
        accounts = audit(archive, quick)
    if as_json:
        click.echo(json.dumps([account.plain() for account in accounts]))
    else:
        click.echo(
            "\n".join(line for account in accounts for line in account.lines()) or "nothing was received"
        )
    sys.exit(0 if all(account.fine for account in accounts) else 1)


@main.command("figures")
@sink_option
@click.option("--agent", help="Only this agent.")
@click.option("--unit", help='Only this unit, as "rack/unit".')
@between_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def figures_command(
    sink: ChosenSink, agent: str | None, unit: str | None, start: int | None, end: int | None, as_json: bool
) -> None:
    """Make minute and hour figures anew from stored frames, and compare them with those that are held.

    \b
    Nothing is written. Exit 0: all agree to the last bit, but for those that a collector has still to make,
    and those of which frames were pruned. Exit 1: some do not, or a batch cannot be read.
    Example:  cellwarden-collector figures --sink sqlite:collector.db --from -2d
    """
    told = SaidOnce()
    second = 10**9
    from_s, to_s = (start or 0) // second, 2**53 if end is None else -(-end // second)
    with reading(sink, told) as archive:
        checked = check(archive, agent, unit, from_s, to_s)
    if as_json:
        click.echo(json.dumps(checked.plain()))
    else:
        click.echo("\n".join(checked_lines(checked)))
    sys.exit(1 if checked.wrong or told.lines else 0)


@main.command("alarms")
@sink_option
@click.option("--agent", help="Only this agent.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def alarms_command(sink: ChosenSink, agent: str | None, as_json: bool) -> None:
    """List the alarms that stand by what is stored here, the most urgent of each agent first.

    \b
    The first line of each is place, action and time left, as on the box. What it says of the present is the
    last value that is stored here, with its age: whoever is cut off says nothing newer.
    Exit 0: none stands. Exit 1: some do.
    Example:  cellwarden-collector alarms --sink sqlite:collector.db
    """
    now = datetime.now().astimezone()
    with reading(sink, SaidOnce()) as archive:
        found = list(held_alarms(archive, agent, now))
    if as_json:
        click.echo(json.dumps(found))
    else:
        click.echo("\n".join(printable(line, LINE_CHARACTERS) for line in alarm_lines(found)))
    sys.exit(1 if found else 0)


@main.command("export")
@sink_option
@export_options
@click.option("--agent", help="Only this agent.")
@click.option("--unit", help='Only this unit, as "rack/unit".')
@click.option(
    "--every", type=click.Choice([*EVERY]), help="Minute or hour figures in place of what was read."
)
@between_options
def export_command(
    sink: ChosenSink,
    form: str,
    every: str | None,
    agent: str | None,
    unit: str | None,
    name: str,
    place: str,
    start: int | None,
    end: int | None,
    output: Path | None,
) -> None:
    """Write stored values, one row each, with their quality.

    \b
    Times are the agent's own, with its word on whether its clock was synchronised. A batch or a schema that
    is damaged is named on standard error, the others are written, and the exit code is 1. With --every a row
    is what a value came to in a minute or an hour: min, max, mean, last, and its good seconds.
    Examples:  cellwarden-collector export --sink sqlite:collector.db --unit rack1/bmu1 --output bmu1.csv
               cellwarden-collector export --sink sqlite:collector.db --agent daejeon-1 --name 'cell_*' \\
                   --from 'yesterday 14:00' --format parquet --output daejeon-1.parquet
               cellwarden-collector export --sink sqlite:collector.db --every 1m --place string1/cell7
    """
    told = SaidOnce()
    with reading(sink, told) as archive:
        try:
            wanted = Wanted(agent, unit, start, end, name, place)
            table = figures(archive, wanted, every) if every else values(archive, wanted)
            count = export(table, form, output)
        except ExportError as error:
            raise CannotWork(error, "CW-004") from error
    click.echo(f"{count} values", err=True)
    sys.exit(1 if told.lines else 0)


@main.command("conform")
@click.argument("url", required=False)
@click.option(
    "--restart", metavar="COMMAND", help="Restarts that collector; what it acknowledged must be held."
)
@click.option("--ca", type=file_path, help="The authority (PEM) of its certificate.")
@click.option("--cert", type=file_path, help="An agent's certificate (PEM): its common name is the agent.")
@click.option("--key", type=file_path, help="The private key (PEM) of --cert.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array, of every row.")
@click.option("--list", "as_list", is_flag=True, help="Print what is asked, and why; ask nothing.")
def conform_command(
    url: str | None,
    restart: str | None,
    ca: Path | None,
    cert: Path | None,
    key: Path | None,
    as_json: bool,
    as_list: bool,
) -> None:
    """Play agents against a collector of your own, and say what it does wrong.

    \b
    URL is what an agent would have as its url, without /v1/batches. What is wrong is told by section of
    docs/wire-format.md. What is stored STAYS in that collector's database, under agents of names that no
    other run has: run it against a test database.
    Exit 0: all that was asked is right. Exit 1: something is wrong. Exit 2: no collector can be reached.
    Example:  cellwarden-collector conform http://127.0.0.1:8440 --restart ./restart-my-collector
    """
    if as_list:
        click.echo("\n".join(table(ROWS)))
        return
    if not url:
        raise CannotWork("conform needs the URL of a collector, such as http://127.0.0.1:8440")
    if urlsplit(url).scheme not in ("http", "https"):
        raise CannotWork(f"{url}: expected http:// or https://")
    if (cert is None) != (key is None):
        raise CannotWork("--cert and --key belong together")
    try:
        tls = ssl.create_default_context(cafile=ca)
        if cert:
            tls.load_cert_chain(cert, key)
        run = Run(f"conform-{secrets.token_hex(4)}", common_name(cert) if cert else "")
    except (OSError, ValueError) as error:
        raise CannotWork(f"the TLS files cannot be used: {error}", "CW-503") from error
    click.echo(f"agents {run.certified or run.name}: what is stored stays in the database of {url}", err=True)
    try:
        outcomes = asyncio.run(conform(url, run, tls, restart))
    except NotReached as error:
        raise CannotWork(f"{url}: {error}", "CW-502") from error
    click.echo(json.dumps([plain(one) for one in outcomes]) if as_json else "\n".join(lines(outcomes)))
    sys.exit(1 if any(one.wrong for one in outcomes) else 0)


if __name__ == "__main__":
    main()
