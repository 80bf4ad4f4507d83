"""cellwarden check: everything that can be known of a configuration without a battery."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from agent.cli.common.ask_agent import json_option
from agent.cli.common.bad_line import cannot_lines, on_a_bad_line
from agent.cli.common.check_notes import disk_lines, nameless_lines, slow_lines
from agent.cli.common.errors import Misuse
from agent.cli.common.in_force import unreviewed, without_limits
from agent.cli.common.letters import spoken
from agent.cli.common.load import config_option, load
from agent.cli.common.no_effect import without_effect
from agent.cli.common.tables import plain_table, terminal
from agent.config.tables import Config, UnitTable, UpstreamTable
from agent.message import Message, joined
from agent.modbus.proof import Age, BusLoad, ages, load_of
from agent.outputs.coverage import uncovered
from agent.store.place import try_to_write
from agent.tls.certificate import CertificateError, validity_warning
from agent.tls.contexts import TlsError, client_context
from agent.transport.table import AnyBus
from agent.uplink.proxy import LoginError, Proxy
from agent.view.language import tell, tr
from collector.failing import print_json
from drivers.connect import assume
from drivers.layout import Layout
from drivers.plan import PlanError
from drivers.profile.load import Profile

SOCKET_MOST = 107  # bytes of a Unix socket's path


@click.command("check")
@config_option
@click.option(
    "--allow-late",
    is_flag=True,
    help="Print where the safety deadline cannot be kept, and do not refuse the configuration for it.",
)
@json_option
@spoken
def command(path: Path, allow_late: bool, as_json: bool) -> None:
    """Check the configuration and every profile it names; nothing is polled and nothing is changed.

    Prints what each unit is polled for, how much of the line's time that takes, and how old its safety points
    (temperatures, cell voltages, current, alarms) can become: with all units of its bus alive, and with the
    worst one of the others dead. Computed from speed, framing, read plan, turnaround and time-outs. Beside
    that stands what a bad line leaves of it: all other units dead since the start, and four in ten replies
    lost (in 99 of 100 cases); "cannot" where the deadline is missed then, which refuses nothing. Exit 0 when
    the agent would start and keep the deadline ([agent] safety_deadline_s, 10 s unless said otherwise), 2
    with every mistake named when not. Last come the failures that the configured relay would not show.

    \b
    Examples:  cellwarden check --config agent.toml
               cellwarden check --config agent.toml --allow-late
    """
    config, profiles = load(path)
    problems: list[str] = []
    late: list[str] = []
    cannot: list[str] = []
    asked: list[_Asked] = []
    buses: list[dict[str, Any]] = []
    for bus in config.bus:
        units = [_asked(bus, unit, profiles[unit.profile]) for unit in config.unit if unit.bus == bus.name]
        asked += units
        problems += [_in(path, unit.problem) for unit in units if unit.problem]
        known = [unit.load for unit in units if unit.load is not None]
        proven = ages(known)
        buses.append(_bus_json(bus, units, proven))
        if not as_json:
            _show(bus, units, proven, config.agent.safety_deadline_s)
        share = sum(load.share for load in known)
        if not bus.endpoint.transport.has_transaction_ids and share > 1:
            busy = Message(
                "[[bus]] {bus}: its units need {share:.0%} of the line's time; raise period_s to {share:.2g}"
                " times what it is, or the baud rate, or put units on another bus",
                bus=bus.name,
                share=share,
            )
            problems.append(_in(path, busy))
        late += [_late(path, config, bus, name, age) for name, age in proven.items() if _is_late(config, age)]
        cannot += cannot_lines(bus.name, known, config.agent.safety_deadline_s)
    found = [
        *unreviewed(config, profiles),
        *(one for up in config.upstream for one in _certificate_problems(up)),
    ]
    found += [*_store_problems(config.store.path), *_socket_problems(config.control.socket)]
    problems += [_in(path, one) for one in found]
    allowed = [Message("{line} (allowed by --allow-late)", line=line) for line in late if allow_late]
    wrong = problems + ([] if allow_late else late)
    if wrong and not as_json:
        click.echo("".join(f"{tr(line)}\n" for line in allowed), nl=False)
    if wrong:
        code = "CW-301" if problems else "CW-302"
        if as_json:
            print_json({"good": False, "code": code, "problems": wrong, "notes": allowed, "buses": buses})
        raise Misuse(joined("\n", wrong), code)
    notes = (
        *allowed,
        *disk_lines(
            config.store, [(one.layout.n, one.table.period_s) for one in asked if one.layout], len(asked)
        ),
        *(Message("not covered: {failure}", failure=failure) for failure in uncovered(config.relay)),
        *slow_lines(config),
        *cannot,
        *nameless_lines(config, profiles),
        *without_limits(config, profiles),
        *without_effect(config, profiles),
    )
    if as_json:
        print_json({"good": True, "code": "", "problems": [], "notes": notes, "buses": buses})
        return
    for line in notes:
        click.echo(tr(line))
    counts = {"units": len(config.unit), "buses": len(config.bus)}
    to = _named(config)
    click.echo(tell("{file}: good; {units} units on {buses} buses, to {to}", file=path, to=to, **counts))


def _in(path: Path, problem: str) -> Message:
    """Return what is wrong, behind the name of the file that it is wrong in."""
    return joined(": ", [path.name, problem])


def _named(config: Config) -> str:
    if len(config.upstream) == 1:
        return config.upstream[0].url
    return ", ".join(f"{one.name} ({one.role}, {one.what}) {one.url}" for one in config.upstream)


def late_units(path: Path, config: Config, profiles: dict[str, Profile]) -> list[str]:
    """Return a line for every unit whose safety points can become older than the deadline."""
    return [line for _, _, line in late_of(path, config, profiles)]


def late_of(path: Path, config: Config, profiles: dict[str, Profile]) -> Iterator[tuple[str, str, str]]:
    """Yield the bus and the name of every such unit, and its line."""
    for bus in config.bus:
        units = [_asked(bus, unit, profiles[unit.profile]) for unit in config.unit if unit.bus == bus.name]
        proven = ages([unit.load for unit in units if unit.load is not None])
        for name, age in proven.items():
            if _is_late(config, age):
                yield bus.name, name, _late(path, config, bus, name, age)


def unaskable(config: Config, profiles: dict[str, Profile]) -> list[str]:
    """Return a line for every unit whose registers lie where none can be."""
    buses = {bus.name: bus for bus in config.bus}
    asked = (_asked(buses[unit.bus], unit, profiles[unit.profile]) for unit in config.unit)
    return [one.problem for one in asked if one.problem]


def _certificate_problems(upstream: UpstreamTable) -> list[str]:
    """Return what is wrong with the files of [upstream]; say on stderr what will be."""
    if not upstream.url.startswith("https:"):
        return []
    try:
        client_context(upstream.ca, upstream.cert, upstream.key)
        warning = validity_warning(upstream.cert, time.time()) if upstream.cert else ""
        if upstream.proxy:
            Proxy(upstream.proxy, upstream.proxy_login).login()
    except (TlsError, CertificateError, LoginError) as error:
        if not isinstance(error.__cause__, PermissionError):
            return [error.args[0]]
        warning = Message(
            "the files of upstream {upstream} are not yours to read: run this as root", upstream=upstream.name
        )
    if warning:
        click.echo(tell("warning: {what}", what=warning), err=True)
    return []


def _store_problems(path: Path) -> list[str]:
    """Return why no buffer can be at `path`; say on stderr what only its owner can know."""
    try:
        try_to_write(path)
    except OSError as error:
        problem = Message(
            "[store] path: {file}: no buffer can be written there: {why}", file=path, why=error.strerror
        )
        if not isinstance(error, PermissionError) or os.geteuid() == 0:
            return [problem]
        by_you = Message("{what}, by you; run this as root, or as whoever runs the agent", what=problem)
        click.echo(tell("warning: {what}", what=by_you), err=True)
    return []


def _socket_problems(path: Path) -> list[str]:
    """Return why no socket can be at `path`."""
    if (long := len(os.fsencode(path))) <= SOCKET_MOST:
        return []
    return [
        Message(
            "[control] socket: {n} bytes with its folder, and {most} is the most that a socket's path can"
            " have (unix(7)); write a shorter one",
            n=long,
            most=SOCKET_MOST,
        )
    ]


class _Asked(NamedTuple):
    """What a unit is asked; no layout and no load where only the unit can tell, or with a problem."""

    table: UnitTable
    profile: Profile
    timeout_s: float
    layout: Layout | None = None
    load: BusLoad | None = None
    problem: str = ""


def _asked(bus: AnyBus, unit: UnitTable, profile: Profile) -> _Asked:
    timeout_s = unit.timeout_s or bus.timeout_s(profile)
    if profile.sunspec:
        return _Asked(unit, profile, timeout_s)
    line = bus.line(profile)
    try:
        layout = assume(profile, line=line, instance=unit.instance)
    except PlanError as error:
        problem = joined(": ", [f"[[unit]] {unit.name} instance {unit.instance}", str(error)])
        return _Asked(unit, profile, timeout_s, problem=problem)
    numbered = bus.has_transaction_ids
    load = load_of(unit.name, layout, line, unit.period_s, timeout_s, has_transaction_ids=numbered)
    return _Asked(unit, profile, timeout_s, layout, load)


def _is_late(config: Config, age: Age) -> bool:
    return age.one_dead_s > config.agent.safety_deadline_s


def _late(path: Path, config: Config, bus: AnyBus, name: str, age: Age) -> str:
    deadline_s = config.agent.safety_deadline_s
    of: dict[str, Any] = {"where": f"{path.name}: [[unit]] {name}", "bus": bus.name}
    of |= {"age": age.one_dead_s, "limit": deadline_s, "dead": age.dead}
    if age.alive_s <= deadline_s:
        return Message(
            "{where}: its safety points can become {age:.1f} s old with {dead} dead, and {limit:g} s is the"
            " limit; lower the timeout_s of {dead}, raise the speed of {bus}, or put units on another bus",
            **of,
        )
    return Message(
        "{where}: its safety points can become {age:.1f} s old, and {limit:g} s is the limit; lower period_s,"
        " raise the speed of {bus}, or put units on another bus",
        **of,
    )


def _bus_json(bus: AnyBus, units: list[_Asked], proven: dict[str, Age]) -> dict[str, Any]:
    """Return what --json prints of a bus: what of a unit only the unit can tell is null."""
    setting = bus.setting(units[0].profile)
    return {
        "name": bus.name,
        "port": str(bus.endpoint),
        "line": str(setting) if setting else None,
        "busy": sum(unit.load.share for unit in units if unit.load),
        "units": [
            {
                "name": unit.table.path,
                "unit_id": unit.table.unit_id,
                "period_s": unit.table.period_s,
                "timeout_s": unit.timeout_s,
                "values": unit.layout.n if unit.layout else None,
                "reads": len(unit.layout.plan.reads) if unit.layout else None,
                "line_s": round(unit.load.safety_s + unit.load.state_s, 4) if unit.load else None,
                "oldest_s": round(proven[unit.table.name].alive_s, 2) if unit.load else None,
                "one_dead_s": round(proven[unit.table.name].one_dead_s, 2) if unit.load else None,
            }
            for unit in units
        ],
    }


def _show(bus: AnyBus, units: list[_Asked], proven: dict[str, Age], deadline_s: float) -> None:
    """Print a bus: its line, and a row for each unit."""
    setting = bus.setting(units[0].profile)
    port = f"{bus.endpoint}  {setting}" if setting else str(bus.endpoint)
    share = sum(unit.load.share for unit in units if unit.load)
    line = tell("bus {bus}  {port}  busy {share:.0%}", bus=bus.name, port=port, share=share)
    unproven = [] if all(unit.load for unit in units) else [tr("nothing is proven for units not yet polled")]
    accepts = [tell("accepts {what}", what=bus.accepted)] if bus.accept else []
    click.echo("; ".join([line, *unproven, *accepts]))
    spare = (tr("values"), tr("every"), tr("line time"), tr("reads"))
    values, every, line_time, reads = spare
    limits = (tr("time-out"), tr("oldest"), tr("one dead"))
    table = plain_table(tr("unit"), tr("id"), every, values, reads, line_time, *limits, spare=spare)
    for unit in units:
        said = unit.table
        head = (said.path, str(said.unit_id), f"{said.period_s:g} s")
        timeout = f"{unit.timeout_s:g} s"
        if unit.layout is None or unit.load is None:
            table.add_row(*head, tr("told by the unit"), "", "", timeout, "", "")
            continue
        age = proven[said.name]
        table.add_row(
            *head,
            str(unit.layout.n),
            str(len(unit.layout.plan.reads)),
            f"{1e3 * (unit.load.safety_s + unit.load.state_s):.0f} ms",
            timeout,
            f"{age.alive_s:.1f} s",
            f"{age.one_dead_s:.1f} s ({age.dead})" if age.dead else tr("alone"),
        )
    terminal().print(table)
    on_a_bad_line([unit.load for unit in units if unit.load is not None], deadline_s)
