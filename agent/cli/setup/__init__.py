"""cellwarden setup: from a cable to a configuration that is tested, proven and on paper."""

import asyncio
import difflib
import getpass
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from agent.cli.check import late_units
from agent.cli.codes import Trouble
from agent.cli.greeting import NotReached, NotTaken, greet
from agent.cli.inspect_unit import known_profiles, rows
from agent.cli.limits import limits_of, review_of
from agent.cli.load import load
from agent.cli.profile.common import load as load_named
from agent.cli.profile.common import profile_dir_option
from agent.cli.reach import agents_bus, endpoints, opened
from agent.cli.scan import Survey, Unit
from agent.cli.setup.commissioning import Signed, Tested, page
from agent.cli.setup.draft import Chosen, Draft, toml_of
from agent.config import Config, Name
from agent.control import client
from agent.modbus.ports import PortError
from agent.survey.endpoint import Host, console_of, holder, parse, serial_devices
from agent.survey.match import hold, sureness
from agent.survey.presence import GATEWAY_IDS, USUAL_IDS, USUAL_LINES, LineSetting
from drivers.registers import Read, Reply

PERIODS_S = (1.0, 2.0, 5.0)
READ_S = 1.0
LEAST_S, TIMES = 0.3, 10.0  # a time-out from what was measured: at least, and times the slowest answer


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
    """The six steps, and what they have in common."""

    def __init__(
        self, path: Path, *, yes: bool, fresh: bool, folders: tuple[Path, ...], by: str, agent: str | None
    ) -> None:
        self.path, self.yes, self.folders, self.by, self.agent = path, yes, folders, by, agent
        self.kept = path.with_name(path.name + ".setup")
        self.draft = Draft() if fresh else Draft.resume(self.kept)
        self.tested: list[Tested] = []
        self.allow_late = False

    def run(
        self,
        where: tuple[str, ...],
        lines: tuple[str, ...],
        ids: tuple[int, ...],
        labels: tuple[str, ...],
        upstream: str | None,
    ) -> None:
        """Go through the steps that are open."""
        draft = self.draft
        if where and list(where) != draft.endpoints:
            draft = self.draft = Draft(endpoints=list(where))
        if draft.step > 1 and not where:
            click.echo(f"An earlier run was stopped; it goes on at step {draft.step} (--fresh begins anew).")
        if not draft.endpoints:
            draft.endpoints = self._where()
            self._save()
        else:
            click.echo(f"1/6 Where is the battery?      {', '.join(draft.endpoints)}")
        if not draft.units:
            draft.units = self._find(lines, ids)
            self._save()
        self._test()
        self._label(labels)
        self._collector(upstream)
        self._write()

    def _save(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.draft.save(self.kept)
        except OSError as error:
            seen = f"{self.kept}: cannot be written: {error.strerror}. Nothing was changed."
            raise Trouble("CW-602", seen, "sudo cellwarden setup") from error

    def _ask(self, question: str, proposed: str) -> str:
        if self.yes:
            click.echo(f"{question} > {proposed}")
            return proposed
        return str(click.prompt(question, default=proposed, prompt_suffix=" > "))

    def _agree(self, question: str, proposed: bool = True) -> bool:
        if self.yes:
            click.echo(f"{question} > y")
            return True
        return bool(click.confirm(question, default=proposed, prompt_suffix=" > "))

    # ---- 1 and 2

    def _where(self) -> list[str]:
        devices = serial_devices()
        told = []
        for device in devices:
            held = holder(device)
            state = "console" if console_of(device) else f"in use by: {held[1]}" if held else "free"
            told.append(f"{device} ({state})")
        free = [device for device, text in zip(devices, told, strict=True) if text.endswith("(free)")]
        click.echo(f"1/6 Where is the battery?      found {', '.join(told) or 'no serial adapter'}")
        if self.yes and not free:
            raise Trouble(
                "CW-310", "No serial device is free, and no --endpoint was said.", "cellwarden setup --help"
            )
        answer = self._ask("    Devices or hosts, apart by spaces", " ".join(free[:1]) or "192.0.2.10")
        return answer.split()

    def _find(self, lines: tuple[str, ...], ids: tuple[int, ...]) -> list[Chosen]:
        click.echo("2/6 Looking for devices")
        wanted = endpoints(tuple(self.draft.endpoints), 502)
        self.draft.endpoints = [str(endpoint) for endpoint in wanted]
        units: list[Unit] = []
        for endpoint in wanted:
            usual = GATEWAY_IDS if isinstance(endpoint, Host) else USUAL_IDS
            settings = [LineSetting.parse(text) for text in lines] or list(USUAL_LINES)
            survey = Survey([endpoint], settings, ids or usual, known_profiles(self.folders))
            asyncio.run(survey.run())
            for trouble in survey.troubles:
                trouble.show()
            units += survey.units
        chosen = [found for unit in units if (found := self._choose(unit)) is not None]
        if not chosen:
            raise Trouble(
                "CW-220", "No unit was found that a profile fits.", f"cellwarden scan {wanted[0]} --full"
            )
        return chosen

    def _choose(self, unit: Unit) -> Chosen | None:
        where = f"    {unit.endpoint} id {unit.found.unit_id}: {unit.reading}"
        if not unit.identified or sureness(unit.matches) == "not recognised":
            click.echo(f"{where}; left out")
            return None
        if not self._agree(f"{where}. Use it?"):
            return None
        return Chosen(
            str(unit.endpoint),
            unit.found.unit_id,
            unit.matches[0].profile.model,
            str(unit.found.line).replace(" ", "-") if unit.found.line else "",
        )

    # ---- 3

    def _test(self) -> None:
        for unit in self.draft.units:
            (endpoint,) = parse(unit.endpoint)
            if agents_bus(self.path.parent / "control.sock", endpoint):
                raise Trouble(
                    "CW-110", f"{endpoint} is held by a running agent.", "sudo systemctl stop cellwarden"
                )
            self.tested.append(asyncio.run(self._read(unit)))
            done = self.tested[-1]
            absent = f"; {done.absent} absent (fine)" if done.absent else ""
            told = f"{unit.endpoint} id {unit.unit_id}: {done.good} of {len(done.rows)} values"
            click.echo(f"3/6 Test before saving         {told} read in {done.took_s:.1f} s{absent}")
        self.draft.tested = True
        self._save()

    async def _read(self, unit: Chosen) -> Tested:
        (endpoint,) = parse(unit.endpoint)
        profile = load_named(unit.profile, self.folders)
        port = await opened(endpoint, LineSetting.parse(unit.line or "9600"))

        answers: list[float] = []

        async def ask(read: Read, pause_s: float) -> Reply:
            answer = await port.ask(unit.unit_id + read.unit_offset, read, READ_S, pause_s)
            answers.append(answer.response_s or 0.0)
            return answer.reply

        start_s = time.monotonic()
        try:
            match = await hold(profile, ask, whole=True)
        except PortError as error:
            raise Trouble("CW-104", f"{error}. Nothing was written.", "cellwarden setup") from error
        finally:
            port.close()
        if match.layout is None or match.image is None:
            seen = f"id {unit.unit_id} on {unit.endpoint}: {match.why}. Nothing was written."
            raise Trouble("CW-211", seen, f"cellwarden scan {unit.endpoint}")
        told = rows(match.layout, match.image, profile.address_step)
        return Tested(unit, match.layout, told, time.monotonic() - start_s, max(answers, default=0.0))

    # ---- 4 and 5

    def _label(self, labels: tuple[str, ...]) -> None:
        for number, done in enumerate(self.tested, 1):
            unit, seen = done.unit, done.coverage()
            cells = sum(count for _, count, _ in seen)
            modules = f" in {len(seen)} modules" if len(seen) > 1 else ""
            told = f"{cells} cell voltages{modules}" if cells else "no single cells"
            click.echo(f"4/6 How is it labelled?        {unit.endpoint} id {unit.unit_id}: {told}")
            given = labels[number - 1] if number <= len(labels) else ""
            while not unit.label:
                label = given or self._ask("    Its label on the panel", f"rack-{number}")
                if _is_name(label) and label not in {other.label for other in self.draft.units}:
                    unit.label = label
                else:
                    click.echo(f"    {label!r}: letters, digits, dot, dash; each label once", err=True)
                    given = ""
                    if self.yes:
                        raise Trouble(
                            "CW-310", f"--label {label!r} cannot be used.", "cellwarden setup --help"
                        )
            self._save()
            said_v = done.pack_v()
            if said_v is not None and not self.yes and unit.label not in self.draft.panel_v:
                answer = self._ask(f"    It says {said_v:.2f} V. What does its panel show? (- to skip)", "-")
                try:
                    self.draft.panel_v[unit.label] = float(answer.replace(",", "."))
                except ValueError:
                    click.echo("    not compared")
                self._save()

    def _collector(self, upstream: str | None) -> None:
        if upstream or not self.draft.upstream:
            self.draft.upstream = upstream or self._ask("    The collector's URL", "http://127.0.0.1:8000")
            self._save()

    # ---- 6

    def _write(self) -> None:
        new = self.path.with_name(self.path.name + ".new")
        try:
            late = self._proven(new)
            config, profiles = load(new)
            limits = limits_of(config, profiles)
            click.echo(
                "5/6 Limits                     NOT REVIEWED until you confirm: cellwarden limits --review"
            )
            old = self.path.read_text() if self.path.exists() else ""
            text = new.read_text()
            diff = difflib.unified_diff(old.splitlines(), text.splitlines(), "old", "new", lineterm="")
            click.echo("\n".join(diff) or "    it is the same as before")
            if late and not self.allow_late:
                raise Trouble(
                    "CW-302",
                    "\n       ".join([*late, "Nothing was written."]),
                    "cellwarden setup --allow-late",
                )
            kept = f" (old one kept as {self.path.name}.1)" if old else ""
            if not self._agree(f"6/6 Write {self.path}{kept}?", proposed=False):
                click.echo("Nothing was written; run setup again to go on here.")
                raise click.exceptions.Exit(1)
            if old:
                self.path.with_name(self.path.name + ".1").write_text(old)
            os.replace(new, self.path)
        finally:
            new.unlink(missing_ok=True)
        signed = Signed(
            agent=config.agent.id,
            who=self.by,
            when=datetime.now().astimezone().isoformat(timespec="minutes"),
            period_s=self.draft.period_s,
            proof="; ".join(late) or self._kept(config.agent.safety_deadline_s),
            collector=_reached(config),
            alarm=self._drill(config.control.socket),
            limits=_reviewed(review_of(self.path, limits)),
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

    def _proven(self, new: Path) -> list[str]:
        """Write a file beside the old one that keeps the deadline, if one can; return who is late.

        With the shortest period, and the profiles' time-outs or, where too long, ones from what was measured.
        """
        late: list[str] = []
        for measured in (False, True):
            for done in self.tested:
                tight = measured and bool(done.unit.line)
                done.unit.timeout_s = max(LEAST_S, round(TIMES * done.slowest_s, 1)) if tight else 0.0
            for self.draft.period_s in PERIODS_S:
                new.write_text(toml_of(self.draft, self.path, self.agent))
                late = late_units(new, *load(new))
                if not late:
                    return []
        return [line.replace(new.name, self.path.name) for line in late]

    def _kept(self, deadline_s: float) -> str:
        """Return what was proven, and of whom nothing was."""
        told = f"every safety point within {deadline_s:g} s, computed with any one unit dead"
        own = [done.unit.label for done in self.tested if load_named(done.unit.profile, self.folders).sunspec]
        return f"{told}; not computed for {', '.join(own)}, which describe themselves" if own else told

    def _drill(self, socket: Path) -> str:
        """Have a running agent test its outputs, and a person say whether they acted."""
        try:
            client.get(socket, "/v1/status")
        except (client.NotRunning, client.Refusal):
            return "not done: no agent runs yet; cellwarden alarm test"
        if self.yes or not self._agree("    Test the alarm outputs for 10 s now?"):
            return "not done"
        try:
            client.post(socket, "/v1/alarms/test", {"seconds": 10})
        except (client.NotRunning, client.Refusal) as error:
            return f"failed: {error}"
        return "seen and confirmed" if self._agree("    Did horn, lamp or relay act?", False) else "NOT seen"


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
