"""cellwarden setup: from a cable to a configuration that is tested, proven and on paper."""

import getpass
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from agent.cli.codes import Trouble
from agent.cli.greeting import NotReached, NotTaken, greet
from agent.cli.limits import limits_of, review_of
from agent.cli.load import load
from agent.cli.profile.common import profile_dir_option
from agent.cli.reach import endpoints
from agent.cli.setup.commissioning import Signed, Tested, page
from agent.cli.setup.draft import Draft
from agent.cli.setup.find import find, where
from agent.cli.setup.talk import Talk
from agent.cli.setup.trial import try_out
from agent.cli.setup.write import kept, write
from agent.config import Config, Name
from agent.control import client


@click.command("setup")
@click.option("--config", "path", type=click.Path(path_type=Path), default=Path("/etc/cellwarden/agent.toml"),
              show_default=True, help="The file to write.")  # fmt: skip
@click.option("--endpoint", "where", multiple=True, help="Serial device or HOST[:PORT]; repeatable.")
@click.option(
    "--line", "line_texts", multiple=True, help="Try only this line setting, as 9600-8N1; repeatable."
)
@click.option("--id", "ids", type=click.IntRange(0, 255), multiple=True, help="Look only for this unit id.")
@click.option("--label", "labels", multiple=True, help="Panel label of the units found, in their order.")
@click.option("--upstream", help="The collector's URL.")
@click.option("--agent-id", help="This box's name at the collector; its host name if not said.")
@click.option("--by", help="Who commissions; your user name if not said.")
@click.option("--yes", is_flag=True, help="Take what is proposed, and ask nothing.")
@click.option("--allow-late", is_flag=True, help="Write it even where the safety deadline cannot be kept.")
@click.option("--fresh", is_flag=True, help="Forget where an earlier run was stopped.")
@profile_dir_option
def command(
    path: Path,
    where: tuple[str, ...],
    line_texts: tuple[str, ...],
    ids: tuple[int, ...],
    labels: tuple[str, ...],
    upstream: str | None,
    agent_id: str | None,
    by: str | None,
    yes: bool,
    fresh: bool,
    allow_late: bool,
    folders: tuple[Path, ...],
) -> None:
    """Find the battery, test it, and write a configuration that keeps the deadline; six steps.

    Ctrl-C is safe at any point: nothing is half-written, and the next run goes on at the open step. Every
    question has a flag, and --yes takes what is proposed. The old file is kept as agent.toml.1. Ends with a
    commissioning report (commissioning.html beside the configuration) to print and sign.

    \b
    Examples:  sudo cellwarden setup
               cellwarden setup --config agent.toml --endpoint /dev/ttyUSB0 --line 9600-8N1 --label rack-1 \\
                                --upstream https://collector.example:8443 --yes
    """
    if not yes and not sys.stdin.isatty():
        raise Trouble(
            "CW-310", "There is no terminal to ask at, and --yes was not said.", "cellwarden setup --help"
        )
    dialogue = Dialogue(
        path, yes=yes, fresh=fresh, folders=folders, by=by or getpass.getuser(), agent=agent_id
    )
    try:
        dialogue.allow_late = allow_late
        dialogue.run(where, line_texts, ids, labels, upstream)
    except (KeyboardInterrupt, click.Abort):
        click.echo(
            "\nStopped. Nothing is half-written; run setup again: it resumes at the open step.", err=True
        )
        raise click.exceptions.Exit(1) from None


class Dialogue:
    """The six steps in their order, and what is known between them."""

    def __init__(
        self, path: Path, *, yes: bool, fresh: bool, folders: tuple[Path, ...], by: str, agent: str | None
    ) -> None:
        self.path, self.folders, self.by, self.agent = path, folders, by, agent
        self.talk = Talk(yes)
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
        upstream: str | None,
    ) -> None:
        """Go through the steps that are open."""
        draft = self.draft
        if asked and list(asked) != draft.endpoints:
            draft = self.draft = Draft(endpoints=list(asked))
        if draft.step > 1 and not asked:
            click.echo(f"An earlier run was stopped; it goes on at step {draft.step} (--fresh begins anew).")
        if not draft.endpoints:
            draft.endpoints = where(self.talk)
            self._save()
        else:
            click.echo(f"1/6 Where is the battery?      {', '.join(draft.endpoints)}")
        if not draft.units:
            wanted = endpoints(tuple(draft.endpoints), 502)
            draft.endpoints = [str(endpoint) for endpoint in wanted]
            draft.units = find(self.talk, wanted, lines, ids, self.folders)
            self._save()
        for unit in draft.units:
            self.tested.append(try_out(unit, self.path.parent / "control.sock", self.folders))
        draft.tested = True
        self._save()
        self._label(labels)
        self._collector(upstream)
        late = write(self.talk, self.path, draft, self.tested, self.agent, allow_late=self.allow_late)
        self._sign(late)

    def _save(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.draft.save(self.kept)
        except OSError as error:
            seen = f"{self.kept}: cannot be written: {error.strerror}. Nothing was changed."
            raise Trouble("CW-602", seen, "sudo cellwarden setup") from error

    def _label(self, labels: tuple[str, ...]) -> None:
        for number, done in enumerate(self.tested, 1):
            unit, seen = done.unit, done.coverage()
            cells = sum(count for _, count, _ in seen)
            modules = f" in {len(seen)} modules" if len(seen) > 1 else ""
            told = f"{cells} cell voltages{modules}" if cells else "no single cells"
            click.echo(f"4/6 How is it labelled?        {unit.endpoint} id {unit.unit_id}: {told}")
            given = labels[number - 1] if number <= len(labels) else ""
            while not unit.label:
                label = given or self.talk.ask("    Its label on the panel", f"rack-{number}")
                if _is_name(label) and label not in {other.label for other in self.draft.units}:
                    unit.label = label
                else:
                    click.echo(f"    {label!r}: letters, digits, dot, dash; each label once", err=True)
                    given = ""
                    if self.talk.yes:
                        raise Trouble(
                            "CW-310", f"--label {label!r} cannot be used.", "cellwarden setup --help"
                        )
            self._save()
            said_v = done.pack_v()
            if said_v is not None and not self.talk.yes and unit.label not in self.draft.panel_v:
                shown = f"    It says {said_v:.2f} V. What does its panel show? (- to skip)"
                answer = self.talk.ask(shown, "-")
                try:
                    self.draft.panel_v[unit.label] = float(answer.replace(",", "."))
                except ValueError:
                    click.echo("    not compared")
                self._save()

    def _collector(self, upstream: str | None) -> None:
        if upstream or not self.draft.upstream:
            self.draft.upstream = upstream or self.talk.ask(
                "    The collector's URL", "http://127.0.0.1:8000"
            )
            self._save()

    def _sign(self, late: list[str]) -> None:
        """Write the commissioning report, and say what is next."""
        config, profiles = load(self.path)
        signed = Signed(
            agent=config.agent.id,
            who=self.by,
            when=datetime.now().astimezone().isoformat(timespec="minutes"),
            period_s=self.draft.period_s,
            proof="; ".join(late) or kept(self.tested, config.agent.safety_deadline_s, self.folders),
            collector=_reached(config),
            alarm=self._drill(config.control.socket),
            limits=_reviewed(review_of(self.path, limits_of(config, profiles))),
        )
        report = self.path.with_name("commissioning.html")
        report.write_text(page(self.tested, self.draft.panel_v, signed))
        self.kept.unlink(missing_ok=True)
        click.echo(f"Saved. Ten-second proof: {signed.proof}.")
        click.echo(f"Collector: {signed.collector}.  Test alarm: {signed.alarm}.")
        click.echo(f"Report to print and sign: {report}")
        usual = self.path == Path("/etc/cellwarden/agent.toml")
        start = "sudo systemctl restart cellwarden" if usual else f"cellwarden run --config {self.path}"
        click.echo(f"Next: {start}")

    def _drill(self, socket: Path) -> str:
        """Have a running agent test its outputs, and a person say whether they acted."""
        try:
            client.get(socket, "/v1/status")
        except (client.NotRunning, client.Refusal):
            return "not done: no agent runs yet; cellwarden alarm test"
        if self.talk.yes or not self.talk.agree("    Test the alarm outputs for 10 s now?"):
            return "not done"
        try:
            client.post(socket, "/v1/alarms/test", {"seconds": 10})
        except (client.NotRunning, client.Refusal) as error:
            return f"failed: {error}"
        seen = self.talk.agree("    Did horn, lamp or relay act?", False)
        return "seen and confirmed" if seen else "NOT seen"


def _is_name(label: str) -> bool:
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(Name).validate_python(label)
    except ValidationError:
        return False
    return True


def _reached(config: Config) -> str:
    try:
        return greet(config.upstream, config.agent.id)
    except NotReached as error:
        return f"NOT reached at {error}; batches will wait on disk"
    except NotTaken as error:
        return f"NO batches taken: {error}; they will wait on disk"


def _reviewed(review: dict[str, Any] | None) -> str:
    return f"reviewed by {review['who']}, {review['when_utc']}" if review else "NOT REVIEWED"
