"""The report of setup, as far as it can be written without an agent."""

from collections.abc import Sequence
from pathlib import Path

import click

from agent.cli.common.load import load
from agent.cli.common.try_collector import NotReached, NotTaken, try_collector
from agent.cli.report.commissioning import json_of, record_of
from agent.cli.report.commissioning import write as write_report
from agent.cli.report.commissioning.record import Record
from agent.cli.setup.draft import Draft
from agent.cli.setup.trial import Tested
from agent.config.tables import Config
from agent.message import Message, told_by
from agent.view.language import tell


def sign(path: Path, draft: Draft, tested: Sequence[Tested], by: str) -> None:
    """Write what is known of the units that were tested, and of the collector."""
    config, profiles = load(path)
    sights = {done.unit.label: done.sight for done in tested}
    record = record_of(path, config, profiles, {unit.path: sights[unit.name] for unit in config.unit}, by)
    record.collector = reached(config)
    record.remember(Record.last(json_of(path)))
    for unit, table in zip(record.units, config.unit, strict=True):
        unit.panel = draft.panel.get(table.name, unit.panel)
        unit.plate = draft.plate.get(table.name) or unit.plate
    report = write_report(record, path)
    click.echo(tell("Saved. Ten-second proof: {proof}.", proof=record.proof))
    click.echo(tell("Collector: {reached}.", reached=record.collector))
    click.echo(tell("Report so far: {file}", file=report))


def reached(config: Config) -> str:
    """Return whether the collector would take batches, in words."""
    try:
        return try_collector(config.upstream[0], config.agent.id)
    except NotReached as error:
        return Message("NOT reached at {where}; batches will wait on disk", where=error)
    except NotTaken as error:
        return Message("NO batches taken: {why}; they will wait on disk", why=told_by(error))
