"""cellwarden check: everything that can be known of a configuration without a battery."""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from agent.cli.common.ask_agent import json_option
from agent.cli.common.bad_line import cannot_lines, on_a_bad_line
from agent.cli.common.errors import Misuse
from agent.cli.common.in_force import unreviewed, without_limits
from agent.cli.common.load import config_option, load
from agent.cli.common.no_effect import without_effect
from agent.cli.common.tables import plain_table, terminal
from agent.config.tables import Config, UnitTable, UpstreamTable
from agent.detect.slow_polling import said_of
from agent.modbus.proof import Age, BusLoad, ages, load_of
from agent.outputs.coverage import uncovered
from agent.store.estimate import estimate, free_mb, history_mb
from agent.store.place import try_to_write
from agent.tls.certificate import CertificateError, validity_warning
from agent.tls.contexts import TlsError, client_context
from agent.transport.table import AnyBus
from agent.uplink.proxy import LoginError, Proxy
from agent.view.language import Message
from collector.failing import print_json
from drivers.connect import assume, tells_apart
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
        problems += [f"{path.name}: {unit.problem}" for unit in units if unit.problem]
        known = [unit.load for unit in units if unit.load is not None]
        proven = ages(known)
        buses.append(_bus_json(bus, units, proven))
        if not as_json:
            _show(bus, units, proven, config.agent.safety_deadline_s)
        share = sum(load.share for load in known)
        if not bus.endpoint.transport.has_transaction_ids and share > 1:
            problems.append(
                f"{path.name}: [[bus]] {bus.name}: its units need {share:.0%} of the line's time;"
                f" raise period_s to {share:.2g} times what it is, or the baud rate,"
                " or put units on another bus"
            )
        late += [_late(path, config, bus, name, age) for name, age in proven.items() if _is_late(config, age)]
        cannot += cannot_lines(bus.name, known, config.agent.safety_deadline_s)
    problems += [f"{path.name}: {problem}" for problem in unreviewed(config, profiles)]
    for upstream in config.upstream:
        problems += [f"{path.name}: {problem}" for problem in _certificate_problems(upstream)]
    problems += [f"{path.name}: {problem}" for problem in _store_problems(config.store.path)]
    if (long := len(os.fsencode(config.control.socket))) > SOCKET_MOST:
        problems.append(
            f"{path.name}: [control] socket: {long} bytes with its folder, and {SOCKET_MOST} is the most that"
            " a socket's path can have (unix(7)); write a shorter one"
        )
    allowed = [f"{line} (allowed by --allow-late)" for line in late if allow_late]
    wrong = problems + ([] if allow_late else late)
    if wrong and not as_json:
        click.echo("".join(f"{line}\n" for line in allowed), nl=False)
    if wrong:
        code = "CW-301" if problems else "CW-302"
        if as_json:
            print_json({"good": False, "code": code, "problems": wrong, "notes": allowed, "buses": buses})
        raise Misuse("\n".join(wrong), code)
    notes = (
        *allowed,
        *_disk_lines(config, asked),
        *(f"not covered: {failure}" for failure in uncovered(config.relay)),
        *_slow_lines(config),
        *cannot,
        *_nameless_lines(config, profiles),
        *without_limits(config, profiles),
        *without_effect(config, profiles),
    )
    if as_json:
        print_json({"good": True, "code": "", "problems": [], "notes": notes, "buses": buses})
        return
    for line in notes:
        click.echo(line)
    click.echo(f"{path}: good; {len(config.unit)} units on {len(config.bus)} buses, to {_named(config)}")


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
            return [str(error)]
        warning = f"the files of upstream {upstream.name} are not yours to read: run this as root"
    if warning:
        click.echo(f"warning: {warning}", err=True)
    return []


def _store_problems(path: Path) -> list[str]:
    """Return why no buffer can be at `path`; say on stderr what only its owner can know."""
    try:
        try_to_write(path)
    except OSError as error:
        problem = f"[store] path: {path}: no buffer can be written there: {error.strerror}"
        if not isinstance(error, PermissionError) or os.geteuid() == 0:
            return [problem]
        click.echo(f"warning: {problem}, by you; run this as root, or as whoever runs the agent", err=True)
    return []


def _slow_lines(config: Config) -> list[str]:
    """Say what is heard later where units are polled slowly, a line for each period."""
    found: dict[float, list[str]] = {}
    for unit in config.unit:
        found.setdefault(unit.period_s, []).append(unit.path)
    return [
        f"slow: {', '.join(units)}: {said_of(period_s)}"
        for period_s, units in sorted(found.items())
        if said_of(period_s)
    ]


def _nameless_lines(config: Config, profiles: dict[str, Profile]) -> list[str]:
    """Say which units cannot be told from others of their kind, by profile."""
    found = {}
    for name in dict.fromkeys(unit.profile for unit in config.unit):
        if not tells_apart(profiles[name]):
            found[name] = ", ".join(unit.path for unit in config.unit if unit.profile == name)
    return [
        f"not noticed: an exchanged unit, where its profile {name} has no serial number or model ({units})"
        for name, units in found.items()
    ]


class _Asked(NamedTuple):
    """What a unit is asked; no layout and no load where only the unit can tell, or with a problem."""

    table: UnitTable
    profile: Profile
    timeout_s: float
    layout: Layout | None = None
    load: BusLoad | None = None
    problem: str = ""


def _disk_lines(config: Config, asked: Sequence[_Asked]) -> list[str]:
    """What the buffer will write, and how long an outage, or a collector's loss, it can bridge."""
    sizes = [(unit.layout.n, unit.table.period_s) for unit in asked if unit.layout is not None]
    if not sizes:
        return ["buffer: how much it writes depends on units that say themselves what they have"]
    store = config.store
    need = estimate(sizes, store.batch_s, store.batch_frames)
    room_mb = min(store.max_mb, free_mb(store.path))
    kept_mb = history_mb(store.path, store.max_mb, store.history_mb)
    more = ", and more for units that say themselves what they have" if len(sizes) < len(asked) else ""
    return [
        f"buffer: about {need.flash_mb_per_day:.0f} MB of flash written per day{more}",
        f"outage: {room_mb:.0f} MB hold about {room_mb / need.stored_mb_per_day:.1f} days"
        f" ({need.stored_mb_per_day:.1f} MB per day{more})",
        f"history: {kept_mb:.0f} MB heal a collector that lost about"
        f" {kept_mb / need.stored_mb_per_day:.1f} days{more and ', and less with units that say themselves'}",
    ]


def _asked(bus: AnyBus, unit: UnitTable, profile: Profile) -> _Asked:
    timeout_s = unit.timeout_s or bus.timeout_s(profile)
    if profile.sunspec:
        return _Asked(unit, profile, timeout_s)
    line = bus.line(profile)
    try:
        layout = assume(profile, line=line, instance=unit.instance)
    except PlanError as error:
        problem = f"[[unit]] {unit.name} instance {unit.instance}: {error}"
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
    unproven = "" if all(unit.load for unit in units) else "; nothing is proven for units not yet polled"
    accepts = f"; accepts {bus.accepted}" if bus.accept else ""
    click.echo(f"bus {bus.name}  {port}  busy {share:.0%}{unproven}{accepts}")
    columns = ("unit", "id", "every", "values", "reads", "line time", "time-out", "oldest", "one dead")
    table = plain_table(*columns, spare=("values", "every", "line time", "reads"))
    for unit in units:
        said = unit.table
        head = (said.path, str(said.unit_id), f"{said.period_s:g} s")
        timeout = f"{unit.timeout_s:g} s"
        if unit.layout is None or unit.load is None:
            table.add_row(*head, "told by the unit", "", "", timeout, "", "")
            continue
        age = proven[said.name]
        table.add_row(
            *head,
            str(unit.layout.n),
            str(len(unit.layout.plan.reads)),
            f"{1e3 * (unit.load.safety_s + unit.load.state_s):.0f} ms",
            timeout,
            f"{age.alive_s:.1f} s",
            f"{age.one_dead_s:.1f} s ({age.dead})" if age.dead else "alone",
        )
    terminal().print(table)
    on_a_bad_line([unit.load for unit in units if unit.load is not None], deadline_s)
