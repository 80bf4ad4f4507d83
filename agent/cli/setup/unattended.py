"""setup --answers: the same without a dialogue. What the file of the agent says already is left as it is."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import click

from agent.cli.common.codes import Trouble
from agent.cli.common.errors import Misuse, unusable_file
from agent.cli.common.in_force import without_limits
from agent.cli.common.load import Loaded, load
from agent.cli.page.disable import close_page
from agent.cli.page.enable import Opened, open_page
from agent.cli.profile.common import known_profiles
from agent.cli.report.commissioning.running import command_of, start_of
from agent.cli.scan.found import FoundUnit
from agent.cli.scan.survey import Survey
from agent.cli.setup.answers import Answers, BusAnswer, PageAnswer, UnitAnswer
from agent.cli.setup.draft import ChosenUnit, Draft
from agent.cli.setup.find import SURE_ENOUGH, chosen, must_be_free, no_profile_fits
from agent.cli.setup.sign import reached, sign
from agent.cli.setup.text import CannotMerge, bus_at
from agent.cli.setup.trial import Tested, try_out
from agent.cli.setup.write import candidate
from agent.config.tables import Config, UnitTable
from agent.message import Message
from agent.modbus.survey.match import Sureness, sureness
from agent.modbus.survey.presence import USUAL_LINES, LineSetting
from agent.view.language import tell, tr
from agent.wire.hosts import is_loopback
from drivers.profile.load import Profile


@dataclass
class Deployed:
    """What came of it: the units that are polled now, whether the file is another one, and the page."""

    units: list[str] = field(default_factory=list)
    written: bool = False
    closed: bool = False
    page: Opened | None = None

    @property
    def changed(self) -> bool:
        """Whether anything is other than before."""
        return self.written or self.closed or bool(self.page and any(self.page.new.values()))


@dataclass
class Deployment:
    """One run: where the configuration is, and with which profiles and by whom."""

    path: Path
    socket: Path
    folders: tuple[Path, ...]
    by: str
    allow_late: bool

    def run(self, answers: Answers) -> Deployed:
        """Bring the configuration to what the answers say. Raises Misuse and Trouble: nothing changed ."""
        done = Deployed()
        before = Loaded(*load(self.path)) if self.path.is_file() else None
        draft = self._draft(answers, before)
        tested = [try_out(unit, self.socket, self.folders) for unit in draft.units if not unit.kept]
        try:
            new = candidate(self.path, draft, tested, before.config if before else None)
        except CannotMerge as error:
            cannot = Message("{what}. Nothing was changed.", what=f"{self.path}: {error}")
            raise Misuse(cannot, "CW-301") from error
        except OSError as error:
            raise unusable_file(error) from error
        if new.changes:
            new.show()
            if not self.allow_late:
                new.must_keep_the_deadline()
            try:
                kept = new.put(self.path)
            except OSError as error:
                raise unusable_file(error) from error
            done.written = True
            old = f" ({tell('old one kept as {file}', file=kept)})" if kept else ""
            click.echo(tell("Written: {file}", file=f"{self.path}{old}"))
        if answers.page:
            self._page(answers.page, done)
        config, profiles = load(self.path)
        done.units = [unit.path for unit in config.unit]
        if not done.changed:
            click.echo(tell("{file} is as the answers say: nothing changed.", file=self.path))
            return done
        self._tell(config, profiles, draft, tested)
        return done

    def _draft(self, answers: Answers, before: Loaded | None) -> Draft:
        draft = Draft(
            endpoints=[bus.endpoint for bus in answers.bus],
            upstream=answers.upstream.url,
            upstream_more={key: said for key, said in answers.upstream_keys().items() if key != "url"},
            agent=answers.agent.id or "",
            site=answers.agent.site or "",
        )
        for bus in answers.bus:
            known, sought = held(bus, before)
            found = [] if sought is None else self._found(bus, sought)
            order = [unit.unit_id for unit in bus.unit]
            draft.units += sorted(known + found, key=lambda unit: order.index(unit.unit_id) if order else 0)
        _label(draft.units)
        return draft

    def _found(self, bus: BusAnswer, sought: Sequence[UnitAnswer]) -> list[ChosenUnit]:
        """Scan for the units of which something is not known; for all there are where none is named."""
        place = bus.place
        must_be_free(place, self.socket)
        lines = [bus.setting] if bus.setting else list(USUAL_LINES)
        ids = [unit.unit_id for unit in sought]
        profiles = known_profiles(self.folders)
        survey = Survey([place], lines, ids or place.transport.usual_ids, profiles, and_profiles_ids=not ids)
        asyncio.run(survey.run())
        for trouble in survey.troubles:
            raise trouble
        if not survey.units:
            raise survey.nothing()
        units = {unit.found.unit_id: unit for unit in survey.units}
        if not sought:
            some = [unit for found in survey.units if (unit := _of_scan(found, "", left_out=True))]
            if not some:
                raise no_profile_fits(place)
            return some
        found = []
        for answer in sought:
            if (seen := units.get(answer.unit_id)) is None or not seen.found.heard:
                silent = Message(
                    "No answer from id {id} at {place}. Nothing was changed.", id=answer.unit_id, place=place
                )
                raise Trouble("CW-201", silent, f"cellwarden scan {place} --id {answer.unit_id}")
            if unit := _of_scan(seen, answer.profile or "", left_out=False):
                found.append(_with(unit, answer))
        return found

    def _page(self, wanted: PageAnswer, done: Deployed) -> None:
        if wanted.enable:
            done.page = open_page(self.path, wanted.listen, wanted.names, keep_old=not done.written)
            return
        address = load(self.path)[0].web.address
        if address and not is_loopback(address[0]):
            done.closed = close_page(self.path, keep_old=not done.written)

    def _tell(
        self, config: Config, profiles: dict[str, Profile], draft: Draft, tested: Sequence[Tested]
    ) -> None:
        for line in without_limits(config, profiles):
            click.echo(tr(line))
        if len(tested) == len(config.unit):
            sign(self.path, draft, tested, self.by)
        else:
            click.echo(tell("Collector: {reached}.", reached=reached(config)))
        click.echo(
            tell("Next: {start}; then {report}", start=start_of(self.path), report=command_of(self.path))
        )


def held(bus: BusAnswer, before: Loaded | None) -> tuple[list[ChosenUnit], list[UnitAnswer] | None]:
    """Return the units of a bus of which all is known, and those that must be looked for: [] every one that
    is there, None no one. Pure.
    """
    config, profiles = (before.config, before.profiles) if before else (None, {})
    there = bus_at(config, bus.endpoint)
    old: dict[int, UnitTable] = {}
    settings: set[LineSetting | None] = set()
    if config and there:
        old = {u.unit_id: u for u in config.unit if u.bus == there.name and u.instance == 1}
        if bus.place.sets_line:
            settings = {there.setting(profiles[unit.profile]) for unit in old.values()}
    line = bus.setting or next(iter(settings), None)
    known: list[ChosenUnit] = []
    sought: list[UnitAnswer] = []
    for answer in bus.unit or [UnitAnswer(unit_id=unit_id) for unit_id in old]:
        was = old.get(answer.unit_id)
        profile = answer.profile or (was.profile if was else "")
        if not profile or (bus.place.sets_line and line is None):
            sought.append(answer)
            continue
        kept = was is not None and was.profile == profile and settings <= {line}
        unit = ChosenUnit(bus.endpoint, answer.unit_id, profile, str(line or "").replace(" ", "-"), kept=kept)
        unit.label = was.name if was else ""
        known.append(_with(unit, answer))
    return known, sought if sought or not known else None


def _with(unit: ChosenUnit, answer: UnitAnswer) -> ChosenUnit:
    """Put into a unit what is said of it."""
    unit.label = answer.name or unit.label
    unit.chemistry = answer.chemistry or ""
    unit.more = answer.more()
    return unit


def _of_scan(seen: FoundUnit, profile: str, *, left_out: bool) -> ChosenUnit | None:
    """Return a unit that was found. left_out: None where no profile fits it, else Trouble."""
    if profile:
        return chosen(seen, profile)
    sure = sureness(seen.matches) if seen.identified else Sureness.NOT_RECOGNISED
    if sure in SURE_ENOUGH:
        return chosen(seen, seen.matches[0].profile.model)
    at = f"{seen.endpoint} id {seen.found.unit_id}"
    told = Message("{at}: {reading}", at=at, reading=seen.reading)
    if left_out and sure is Sureness.NOT_RECOGNISED:
        click.echo(f"    {tell('{unit}; left out', unit=told)}")
        return None
    run = f"cellwarden probe {seen.endpoint} --id {seen.found.unit_id}"
    likely = (Message("its profile must be said: profile of its [[bus.unit]]"),)
    raise Trouble("CW-212", Message("{what}. Nothing was changed.", what=told), run, likely)


def _label(units: Sequence[ChosenUnit]) -> None:
    """Give names to units that have none: rack- and their place, or the next that no other has."""
    taken = {unit.label for unit in units}
    for place, unit in enumerate(units, 1):
        unit.label = unit.label or next(name for n in count(place) if (name := f"rack-{n}") not in taken)
        taken.add(unit.label)
