"""cellwarden setup: from a cable to a configuration that is tested, proven and on paper."""

import sys
from contextlib import nullcontext
from pathlib import Path

import click

from agent.cli.common.codes import Trouble
from agent.cli.common.load import load
from agent.cli.common.open_port import endpoints
from agent.cli.common.prompts import Prompts, you
from agent.cli.common.try_collector import NotReached, NotTaken, try_collector
from agent.cli.common.usual import CONFIG
from agent.cli.profile.common import json_option, profile_dir_option
from agent.cli.profile.common import load as profile_of
from agent.cli.report.commissioning import json_of, record_of
from agent.cli.report.commissioning import write as write_report
from agent.cli.report.commissioning.compare import panel, plate
from agent.cli.report.commissioning.record import Record
from agent.cli.setup.draft import Draft
from agent.cli.setup.find import find, upstream_of, where
from agent.cli.setup.prove import prove
from agent.cli.setup.trial import Tested, try_out
from agent.cli.setup.write import write
from agent.config.tables import Config
from agent.detect.limits import CELL_V
from agent.keys.values import Name
from collector.failing import print_json, words_on_stderr

UNKNOWN = "unknown"


@click.command("setup")
@click.option("--config", "path", type=click.Path(path_type=Path), default=CONFIG,
              show_default=True, help="The file to write.")  # fmt: skip
@click.option(
    "--endpoint",
    "where",
    multiple=True,
    help="Serial device, HOST[:PORT], or {rtu-over-tcp,rfc2217}://HOST:PORT; repeatable.",
)
@click.option(
    "--line", "line_texts", multiple=True, help="Try only this line setting, as 9600-8N1; repeatable."
)
@click.option("--id", "ids", type=click.IntRange(0, 255), multiple=True, help="Look only for this unit id.")
@click.option("--label", "labels", multiple=True, help="Panel label of the units found, in their order.")
@click.option(
    "--chemistry",
    type=click.Choice([*CELL_V], case_sensitive=False),
    help="Of the cells of units whose profile gives no limits of voltage.",
)
@click.option("--upstream", help="The collector's URL.")
@click.option("--agent-id", help="This box's name at the collector; its host name if not said.")
@click.option("--by", help="Who commissions; your user name if not said.")
@click.option("--yes", is_flag=True, help="Take what is proposed, and ask nothing.")
@click.option("--allow-late", is_flag=True, help="Write it even where the safety deadline cannot be kept.")
@click.option("--fresh", is_flag=True, help="Forget where an earlier run was stopped.")
@json_option
@profile_dir_option
def command(
    path: Path,
    where: tuple[str, ...],
    line_texts: tuple[str, ...],
    ids: tuple[int, ...],
    labels: tuple[str, ...],
    chemistry: str | None,
    upstream: str | None,
    agent_id: str | None,
    by: str | None,
    yes: bool,
    fresh: bool,
    allow_late: bool,
    as_json: bool,
    folders: tuple[Path, ...],
) -> None:
    """Find the battery, test it, and write a configuration that keeps the deadline; six steps.

    Ctrl-C is safe at any point: nothing is half-written, and the next run goes on at the open step. Every
    question has a flag, and --yes takes what is proposed. The old file is kept as agent.toml.1. Ends with the
    commissioning report (commissioning.html beside the configuration): at once where the agent is started
    then, else as far as it goes, and `cellwarden report commissioning` completes it.

    \b
    Examples:  sudo cellwarden setup
               cellwarden setup --config agent.toml --endpoint /dev/ttyUSB0 --line 9600-8N1 --label rack-1 \\
                                --upstream https://collector.example:8440 --yes
    """
    if not yes and not sys.stdin.isatty():
        raise Trouble(
            "CW-310", "There is no terminal to ask at, and --yes was not said.", "cellwarden setup --help"
        )
    who = by or you()
    dialogue = Dialogue(path, yes=yes, fresh=fresh, folders=folders, by=who, agent=agent_id)
    dialogue.allow_late = allow_late
    left = "Nothing is half-written; run setup again: it resumes at the open step."
    code, written = 0, False
    with words_on_stderr() if as_json else nullcontext():
        try:
            dialogue.run(where, line_texts, ids, labels, chemistry, upstream)
            written = True
            left = f"{path} is written; the report is not complete: cellwarden report commissioning"
            prove(path, dialogue.prompts, who)
        except (KeyboardInterrupt, click.Abort):
            click.echo(f"\nStopped. {left}", err=True)
            code = 1
        except click.exceptions.Exit as ended:
            code = ended.exit_code
    if as_json:
        print_json({"config": str(path), "written": written, "exit": code})
    if code:
        raise click.exceptions.Exit(code)


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
            self.tested.append(try_out(unit, self.path.parent / "control.sock", self.folders))
        draft.tested = True
        self._save()
        self._label(labels, chemistry)
        self._collector(upstream)
        write(self.prompts, self.path, draft, self.tested, self.agent, allow_late=self.allow_late)
        self._sign()

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

    def _sign(self) -> None:
        """Write the report as far as it can be without an agent."""
        config, profiles = load(self.path)
        seen = {done.unit.label: done.sight for done in self.tested}
        record = record_of(self.path, config, profiles, seen, self.by)
        record.collector = _reached(config)
        record.remember(Record.last(json_of(self.path)))
        for unit in record.units:
            unit.panel = self.draft.panel.get(unit.label, unit.panel)
            unit.plate = self.draft.plate.get(unit.label) or unit.plate
        report = write_report(record, self.path)
        self.kept.unlink(missing_ok=True)
        click.echo(f"Saved. Ten-second proof: {record.proof}.")
        click.echo(f"Collector: {record.collector}.")
        click.echo(f"Report so far: {report}")


def _is_name(label: str) -> bool:
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(Name).validate_python(label)
    except ValidationError:
        return False
    return True


def _reached(config: Config) -> str:
    try:
        return try_collector(config.upstream[0], config.agent.id)
    except NotReached as error:
        return f"NOT reached at {error}; batches will wait on disk"
    except NotTaken as error:
        return f"NO batches taken: {error}; they will wait on disk"
