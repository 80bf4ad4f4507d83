"""cellwarden check: everything that can be known of a configuration without a battery."""

import time
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from agent.certificate import CertificateError, expiry_warning
from agent.cli.errors import Misuse
from agent.cli.load import config_option, load
from agent.cli.tables import plain_table
from agent.config import RtuBus, TcpBus, UnitTable, UpstreamTable
from agent.line import line_of
from agent.uplink.tls import TlsError, client_context
from drivers.connect import assume
from drivers.plan import PlanError
from drivers.profile import Profile


@click.command("check")
@config_option
def command(path: Path) -> None:
    """Check the configuration and every profile it names; nothing is polled and nothing is changed.

    Prints what each unit will be asked, and how much of each serial line's time that takes. Exit 0 when the
    agent would start, 2 with every mistake named when it would not.

    \b
    Example:  cellwarden check --config agent.toml
    """
    config, profiles = load(path)
    table = plain_table("bus", "port", "unit", "profile", "every", "values", "reads", "wire time")
    problems = []
    for bus in config.bus:
        port = f"{bus.host}:{bus.port}" if isinstance(bus, TcpBus) else str(bus.device)
        share = 0.0
        for unit in config.unit:
            if unit.bus == bus.name:
                try:
                    seconds = _add_row(table, bus, port, unit, profiles[unit.profile])
                except PlanError as error:
                    problems.append(f"{path.name}: [[unit]] {unit.name} instance {unit.instance}: {error}")
                else:
                    share += seconds / unit.period_s
        if isinstance(bus, RtuBus) and share > 1:
            problems.append(
                f"{path.name}: [[bus]] {bus.name}: its units need {share:.0%} of the line's time;"
                " raise period_s, or the baud rate, or put units on another bus"
            )
    Console().print(table)
    problems += [f"{path.name}: {problem}" for problem in _certificate_problems(config.upstream)]
    if problems:
        raise Misuse("\n".join(problems))
    click.echo(f"{path}: good; {len(config.unit)} units on {len(config.bus)} buses, to {config.upstream.url}")


def _certificate_problems(upstream: UpstreamTable) -> list[str]:
    """Return what is wrong with the files of [upstream]; say on stderr what will be."""
    if not upstream.url.startswith("https:"):
        return []
    try:
        client_context(upstream.ca, upstream.cert, upstream.key)
        warning = expiry_warning(upstream.cert, time.time()) if upstream.cert else ""
    except (TlsError, CertificateError) as error:
        if not isinstance(error.__cause__, PermissionError):
            return [str(error)]
        warning = "the files of [upstream] cannot be read by you, and were not checked; run this as root"
    if warning:
        click.echo(f"warning: {warning}", err=True)
    return []


def _add_row(table: Table, bus: TcpBus | RtuBus, port: str, unit: UnitTable, profile: Profile) -> float:
    """Add a unit's row; return the seconds that one of its cycles takes on the wire, 0 where unknown."""
    head = (bus.name, port, f"{unit.path} (id {unit.unit_id})", profile.model, f"{unit.period_s:g} s")
    if profile.sunspec:
        table.add_row(*head, "told by the unit", "", "")
        return 0.0
    line = line_of(bus, profile)
    layout = assume(profile, line=line, instance=unit.instance)
    seconds = sum(layout.plan.read_s(index, line) for index in range(len(layout.plan.reads)))
    table.add_row(*head, str(layout.n), str(len(layout.plan.reads)), f"{1e3 * seconds:.0f} ms")
    return seconds
