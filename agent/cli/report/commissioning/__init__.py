"""cellwarden report commissioning: what the running agent measures, one test alarm, and the page to sign."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from agent.cli.check import late_units
from agent.cli.common.ask_agent import json_option
from agent.cli.common.codes import Trouble
from agent.cli.common.in_force import without_limits
from agent.cli.common.letters import spoken
from agent.cli.common.load import config_option, load
from agent.cli.common.prompts import Prompts, you
from agent.cli.limits import limits_of, review_of
from agent.cli.report.commissioning.compare import panel, plate
from agent.cli.report.commissioning.page import intervals_text, page
from agent.cli.report.commissioning.record import Record, UnitReading, UnitRecord
from agent.cli.report.commissioning.running import command_of, raise_test, running, sights, watch
from agent.cli.report.commissioning.shown import on_disk
from agent.cli.report.commissioning.untried import untried
from agent.config.tables import Config, UnitTable
from agent.message import Message, joined
from agent.outputs.coverage import NO_RELAY, uncovered
from agent.view.language import tell, tr
from agent.view.words import titled
from collector.failing import print_json, words_on_stderr
from drivers.profile.load import Profile

UNSYNCHRONISED = " (by a clock that is not synchronised)"


@click.command("commissioning")
@config_option
@click.option("--by", help="Who commissions; your user name if not said.")
@click.option("--address", default="", help="Of the site; as on the last report if not said.")
@click.option(
    "--yes", is_flag=True, help="Raise the test alarm without asking; nobody compares or acknowledges."
)
@json_option
@spoken
def command(path: Path, by: str | None, address: str, yes: bool, as_json: bool) -> None:
    """Prove the running agent from the cabinets to the collector's disk; write the page to print and sign.

    Measures how often every unit is really read, raises one test alarm (outputs act for ten seconds) and
    waits until the collector has acknowledged the batch that carries it, lets you acknowledge it, and asks
    what only you can see: panels and plates. Writes commissioning.html and .json beside the configuration:
    findings, what was not tried, the limits in force, and what every cell and sensor showed in the last hour.
    What was compared before is kept as long as the unit is the same. Exit 1 where the page has a finding.

    \b
    Examples:  sudo cellwarden report commissioning --by "A. Technician"
               cellwarden report commissioning --config agent.toml --yes
    """
    if not yes and not sys.stdin.isatty():
        raise Trouble(
            "CW-310",
            Message("There is no terminal to ask at, and --yes was not said."),
            "cellwarden report commissioning --yes",
        )
    with words_on_stderr() if as_json else nullcontext():
        record = commission(path, Prompts(yes), by or you(), address)
    found = record.findings()
    if as_json:
        files = {"record": str(json_of(path)), "page": str(html_of(path))}
        print_json({"findings": found, "untried": untried(record), **files})
    elif found:
        tell_findings(found)
    if found:
        raise click.exceptions.Exit(1)


def tell_findings(found: Sequence[str]) -> None:
    """Print findings, a line each."""
    click.echo("\n".join(tell("FINDING  {what}", what=line) for line in found))


def commission(path: Path, prompts: Prompts, by: str, address: str = "", *, compare: bool = True) -> Record:
    """Measure, test, ask and write; return what is known then. Raises Trouble.

    compare: ask what its panel shows now, and what stands on its plate where that was not compared before.
    """
    config, profiles = load(path)
    socket = config.control.socket
    if not os.access(path.parent, os.W_OK):  # known before a horn sounds
        seen = Message("{path}: you may not write the report there. No alarm was raised.", path=path.parent)
        raise Trouble("CW-602", seen, f"sudo {command_of(path)}")
    running(config, path, socket)
    test = None
    if prompts.agree(tr("Raise one test alarm? Outputs act for 10 s, and it goes to the collector.")):
        test = raise_test(prompts, socket, by)
    status = watch(socket)
    record = record_of(path, config, profiles, sights(socket, status, on_disk(config.store.path)), by)
    record.test, record.collector, record.address = test, _collector(status), address
    record.wrong += _not_reached(status)
    if not status["clock_synchronised"]:
        record.clock = Message(UNSYNCHRONISED)
        record.wrong.append(Message("the clock is not synchronised: times of this page may be wrong"))
    record.remember(Record.last(json_of(path)))
    for unit in record.units:
        click.echo(f"{unit.label}: {tr(unit.knowledge)}, {intervals_text(unit)}")
        if compare:
            unit.panel = panel(prompts, unit.said_v) or unit.panel
        if compare and not unit.plate:
            unit.plate = plate(prompts, unit.identity)
    click.echo(tell("Report to print and sign: {file}", file=write(record, path)))
    return record


def json_of(path: Path) -> Path:
    """Return where the report of a configuration is, as data."""
    return path.with_name("commissioning.json")


def html_of(path: Path) -> Path:
    """Return where the report of a configuration is, as a page."""
    return path.with_name("commissioning.html")


def write(record: Record, path: Path) -> Path:
    """Write the report beside its configuration, as data and as a page; return the page's path."""
    html = html_of(path)
    try:
        record.save(json_of(path))
        html.write_text(page(record))
    except OSError as error:
        seen = Message(
            "{file}: cannot be written: {why}. The agent is not touched by it.", file=html, why=error.strerror
        )
        raise Trouble("CW-602", seen, f"sudo {command_of(path)}") from error
    return html


def record_of(
    path: Path, config: Config, profiles: Mapping[str, Profile], seen: Mapping[str, UnitReading], by: str
) -> Record:
    """Return what is known without a collector, an alarm or a person. `seen`: by unit."""
    limits = limits_of(config, profiles)
    review = review_of(path, limits)
    late = late_units(path, config, dict(profiles))
    return Record(
        agent=config.agent.id,
        site=config.agent.site,
        version=metadata.version("cellwarden"),
        who=by,
        when=datetime.now().astimezone().isoformat(" ", timespec="minutes"),
        clock="",
        proof=joined("; ", late) or proof_of(config, profiles),
        collector="",
        limits=Message("reviewed by {who}, {when_utc}", **review) if review else Message("NOT REVIEWED"),
        units=[
            UnitRecord.of(
                unit.path,
                _where(config, unit, profiles),
                unit.profile,
                unit.period_s,
                seen[unit.path],
                titled({"name": unit.path, "label": unit.label}),
            )
            for unit in config.unit
        ],
        wrong=[
            *([] if review else [Message("the limits are NOT REVIEWED: cellwarden limits --review")]),
            *([] if config.relay else [Message(NO_RELAY)]),
            *late,
            *without_limits(config, profiles),
        ],
        uncovered=uncovered(config.relay) if config.relay else [],
        in_force=limits,
    )


def proof_of(config: Config, profiles: Mapping[str, Profile]) -> str:
    """Return what computation proves of the deadline, and of whom nothing was computed."""
    told = Message(
        "every safety point within {limit:g} s, computed with any one unit dead",
        limit=config.agent.safety_deadline_s,
    )
    if own := [unit.path for unit in config.unit if profiles[unit.profile].sunspec]:
        return Message(
            "{proof}; not computed for units that describe themselves ({units})",
            proof=told,
            units=", ".join(own),
        )
    return told


def _where(config: Config, unit: UnitTable, profiles: Mapping[str, Profile]) -> str:
    bus = next(bus for bus in config.bus if bus.name == unit.bus)
    setting = bus.setting(profiles[unit.profile])
    return f"{bus.endpoint}{f' ({setting})' if setting else ''}, id {unit.unit_id}"


def _collector(status: Mapping[str, Any]) -> Message:
    return joined("; ", (_reached(upstream) for upstream in status["upstreams"]))


def _not_reached(status: Mapping[str, Any]) -> list[str]:
    return [
        Message("the collector at {url} is NOT reached", url=one["url"])
        for one in status["upstreams"]
        if not one["reached"]
    ]


def _reached(upstream: Mapping[str, Any]) -> Message:
    reached = Message("reached by the agent")
    if not upstream["reached"]:
        reached = Message("NOT reached: {why}", why=upstream["trouble"])
    return Message(
        "{url}: {reached}, {acknowledged} of {sealed} batches acknowledged, {dropped} dropped",
        url=upstream["url"],
        reached=reached,
        **{name: upstream["account"][name] for name in ("acknowledged", "sealed", "dropped")},
    )
