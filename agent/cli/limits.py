"""cellwarden limits: every limit in force, where it comes from, and who looked at them last."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from time import time
from typing import Any

import click

from agent.cli.common import in_force
from agent.cli.common.codes import Trouble
from agent.cli.common.files import replace_json
from agent.cli.common.in_force import Limit
from agent.cli.common.letters import spoken
from agent.cli.common.load import config_option, load
from agent.cli.common.prompts import you
from agent.cli.common.tables import plain_table, terminal
from agent.config.tables import Config
from agent.detect.declaration import Detector
from agent.detect.detectors import DETECTORS
from agent.detect.first_days import FirstDays
from agent.detect.rows import ROWS
from agent.message import Message
from agent.view.language import tell, tr
from agent.view.words import first_days
from collector.failing import print_json
from drivers.connect import assume
from drivers.files import read_text
from drivers.profile.load import Profile

#: Detectors that judge limits that people give, which are shown by themselves.
GIVEN = ("voltage-limit", "over-temperature", "under-temperature", "overload", "soc-limit")
WORDS = 120  # characters of what a detector sees


def limits_of(config: Config, profiles: Mapping[str, Profile]) -> list[Limit]:
    """Return every limit in force, those of units first."""
    found: dict[Limit, None] = {}
    for profile in {unit.profile: profiles[unit.profile] for unit in config.unit}.values():
        for limit in () if profile.sunspec else _believed(profile):
            found[limit] = None
    for one in in_force.judged(config, profiles):
        for limit in in_force.limits_of(one, profiles[one.unit.profile].model):
            found[limit] = None
    chemistries = {unit.chemistry or "" for unit in config.unit} | {""}
    of = {detector.name: detector for detector in DETECTORS if detector.chemistry in chemistries}
    for row in config.detection.settings().rows():
        if row.detector in of and row.detector not in GIVEN:
            bounds = f"{row.limit:g} {row.unit}" if row.unit else Message(in_words(of[row.detector]))
            if row.on_delay_s:
                bounds = Message("{limit} for {time:g} s", limit=bounds, time=row.on_delay_s)
            beyond = Message("alarm: {severity}", severity=Message(row.severity))
            whose = Message("detector, shipped" if row in ROWS else "site")
            found[Limit(row.detector, bounds, beyond, whose)] = None
    return list(found)


def in_words(detector: Detector) -> str:
    """Return what a detector without a limit in numbers sees, without its details."""
    sees = detector.sees.partition(";")[0]
    return sees if len(sees) <= WORDS else sees.partition(":")[0]


def _believed(profile: Profile) -> list[Limit]:
    said, beyond = Message("profile {model}", model=profile.model), Message("not believed")
    values = [value for value in assume(profile).values if value.valid]
    return [Limit(v.name, _span(v.valid, v.unit), beyond, said) for v in values if v.valid]


def _span(bounds: tuple[float, float], unit: str) -> Message:
    low, high = bounds
    return Message("{low} to {high}", low=f"{low:g}", high=f"{high:g} {unit}".rstrip())


def digest(limits: list[Limit]) -> str:
    """Return a short hash: a review holds for exactly these limits."""
    return blake2b(json.dumps([asdict(limit) for limit in limits]).encode(), digest_size=8).hexdigest()


def reviewed_file(config: Path) -> Path:
    """Return where reviews are recorded: beside the configuration, and part of its backup."""
    return config.with_name("limits-reviewed.json")


def review_of(config: Path, limits: list[Limit]) -> dict[str, Any] | None:
    """Return who reviewed exactly these limits, and when; None where nobody did."""
    try:
        reviews = json.loads(read_text(reviewed_file(config)))
    except (OSError, ValueError):
        return None
    return next((review for review in reversed(reviews) if review["digest"] == digest(limits)), None)


def record_review(config: Path, limits: list[Limit], who: str) -> None:
    """Put on record that somebody reviewed these limits. OSError."""
    path = reviewed_file(config)
    try:
        reviews = json.loads(read_text(path))
    except (OSError, ValueError):
        reviews = []
    now = datetime.now(UTC).isoformat(timespec="seconds")
    reviews.append({"digest": digest(limits), "who": who, "when_utc": now, "limits": len(limits)})
    replace_json(path, reviews)


def first_days_of(config: Config, utc_s: float) -> list[str]:
    """Return a sentence for each unit in its first days: limits hold as reviewed, and are heard sooner."""
    of = {unit.path: FirstDays(unit.commissioned) for unit in config.unit if unit.commissioned}
    return [f"{unit}: {said}" for unit, first in of.items() if (said := first_days(first.report(utc_s)))]


@click.command("limits")
@config_option
@click.option("--review", is_flag=True, help="Record that you have reviewed these limits.")
@click.option("--by", help="Who reviewed; your user name if not said.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@spoken
def command(path: Path, review: bool, by: str | None, yes: bool, as_json: bool) -> None:
    """Show every limit in force and where it comes from; --review records who looked at them.

    Of each value the site's word counts ([[detection.limit]]), else its profile's, else its chemistry's. A
    review holds for exactly the limits that were shown: one that changes makes it void.
    Exit 0 when they were reviewed, 1 when not.

    \b
    Examples:  cellwarden limits
               cellwarden limits --review --by "A. Technician"
    """
    config, profiles = load(path)
    limits = limits_of(config, profiles)
    if not as_json:
        table = plain_table(tr("what"), tr("limit"), tr("beyond it"), tr("from"))
        for limit in limits:
            table.add_row(limit.what, tr(limit.bounds), tr(limit.beyond), tr(limit.source))
        terminal().print(table)
        for said in (*in_force.without_limits(config, profiles), *first_days_of(config, time())):
            terminal().print(tr(said), soft_wrap=True)
    if review and (
        yes or click.confirm(tell("Have you reviewed these {n} limits?", n=len(limits)), default=False)
    ):
        try:
            record_review(path, limits, by or you())
        except OSError as error:
            seen = Message(
                "{file}: the review could not be recorded: {why}.",
                file=reviewed_file(path),
                why=error.strerror,
            )
            raise Trouble("CW-303", seen, "sudo cellwarden limits --review") from error
    done = review_of(path, limits)
    if as_json:
        print_json({"limits": [asdict(limit) for limit in limits], "review": done})
    elif done:
        click.echo(tell("Reviewed by {who}, {when_utc}.", **done))
    if done is None:
        seen = Message("NOT REVIEWED: these {n} limits.", n=len(limits))
        raise Trouble("CW-303", seen, "cellwarden limits --review")
