"""The dialogue of setup: six steps, from a cable to a configuration."""

from pathlib import Path

import click

from agent.cli.common.codes import Trouble
from agent.cli.common.open_port import endpoints
from agent.cli.common.prompts import Prompts
from agent.cli.profile.common import load as profile_of
from agent.cli.report.commissioning.compare import panel, plate
from agent.cli.setup.before import socket_of, usable
from agent.cli.setup.draft import Draft
from agent.cli.setup.find import find, upstream_of, where
from agent.cli.setup.sign import sign
from agent.cli.setup.trial import Tested, try_out
from agent.cli.setup.write import write
from agent.detect.limits import CELL_V
from agent.keys.values import Name

UNKNOWN = "unknown"


class Dialogue:
    """The six steps in their order, and what is known between them."""

    def __init__(
        self, path: Path, *, yes: bool, fresh: bool, folders: tuple[Path, ...], by: str, agent: str | None
    ) -> None:
        self.path, self.folders, self.by, self.agent = path, folders, by, agent
        self.prompts = Prompts(yes)
        self.kept = path.with_name(path.name + ".setup")
        self.draft = Draft() if fresh else Draft.resume(self.kept)
        self.tested: list[Tested] = []
        self.allow_late = False

    def run(
        self,
        asked: tuple[str, ...],
        lines: tuple[str, ...],
        ids: tuple[int, ...],
        labels: tuple[str, ...],
        chemistry: str | None,
        upstream: str | None,
    ) -> None:
        """Go through the steps that are open."""
        draft = self.draft
        if asked and list(asked) != draft.endpoints:
            draft = self.draft = Draft(endpoints=list(asked))
        if draft.step > 1 and not asked:
            click.echo(f"An earlier run was stopped; it goes on at step {draft.step} (--fresh begins anew).")
        if not draft.endpoints:
            draft.endpoints = where(self.prompts)
            self._save()
        else:
            click.echo(f"1/6 Where is the battery?      {', '.join(draft.endpoints)}")
        if not draft.units:
            wanted = endpoints(tuple(draft.endpoints), 502)
            draft.endpoints = [str(endpoint) for endpoint in wanted]
            draft.units = find(self.prompts, wanted, lines, ids, self.folders)
            self._save()
        for unit in draft.units:
            self.tested.append(try_out(unit, socket_of(self.path), self.folders))
        draft.tested = True
        self._save()
        self._label(labels, chemistry)
        self._collector(upstream)
        draft.agent = self.agent or ""
        before = usable(self.path)
        write(self.prompts, self.path, draft, self.tested, before, allow_late=self.allow_late)
        sign(self.path, draft, self.tested, self.by)
        self.kept.unlink(missing_ok=True)

    def _save(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.draft.save(self.kept)
        except OSError as error:
            seen = f"{self.kept}: cannot be written: {error.strerror}. Nothing was changed."
            raise Trouble("CW-602", seen, "sudo cellwarden setup") from error

    def _label(self, labels: tuple[str, ...], chemistry: str | None) -> None:
        for number, done in enumerate(self.tested, 1):
            unit, seen = done.unit, done.sight.coverage()
            cells = sum(count for _, count, _ in seen)
            modules = sum(count > 0 for _, count, _ in seen)
            within = f" in {modules} modules" if modules > 1 else ""
            told = f"{cells} cell voltages{within}" if cells else "no single cells"
            click.echo(f"4/6 How is it labelled?        {unit.endpoint} id {unit.unit_id}: {told}")
            given = labels[number - 1] if number <= len(labels) else ""
            while not unit.label:
                label = given or self.prompts.ask("    Its label on the panel", f"rack-{number}")
                if _is_name(label) and label not in {other.label for other in self.draft.units}:
                    unit.label = label
                else:
                    click.echo(f"    {label!r}: letters, digits, dot, dash; each label once", err=True)
                    given = ""
                    if self.prompts.yes:
                        raise Trouble(
                            "CW-310", f"--label {label!r} cannot be used.", "cellwarden setup --help"
                        )
            if (
                done.sight.tells_cells()
                and not unit.chemistry
                and "cell_voltage" not in profile_of(unit.profile, self.folders).limits
            ):
                unit.chemistry = self._chemistry(chemistry)
            self._save()
            if not self.prompts.yes and unit.label not in self.draft.plate:
                if compared := panel(self.prompts, done.sight.pack_v()):
                    self.draft.panel[unit.label] = compared
                self.draft.plate[unit.label] = plate(self.prompts, done.sight.identity)
                self._save()

    def _chemistry(self, given: str | None) -> str:
        """Return what somebody says of the cells, "" where nobody knows: it is never guessed."""
        known = {name.upper(): name for name in CELL_V}
        while not given:
            said = self.prompts.ask(f"    Chemistry on its plate ({', '.join(CELL_V)}, {UNKNOWN})", UNKNOWN)
            if said == UNKNOWN:
                click.echo("    without it its voltages have no limit; write chemistry to its [[unit]] later")
                return ""
            given = known.get(said.upper())
        return given

    def _collector(self, upstream: str | None) -> None:
        if upstream or not self.draft.upstream:
            self.draft.upstream = upstream or upstream_of(self.prompts)
            self._save()


def _is_name(label: str) -> bool:
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(Name).validate_python(label)
    except ValidationError:
        return False
    return True
