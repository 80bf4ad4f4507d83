"""cellwarden doctor: ordered checks from the cable to the collector, each with what to run next."""

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
from rich.cells import set_cell_size

from agent.cli.common.codes import CODES
from agent.cli.common.errors import Finding
from agent.cli.common.letters import language
from agent.cli.common.load import config_option
from agent.cli.doctor import box, bundle, wire
from agent.cli.doctor.results import Check, CheckState, Result, examine
from agent.cli.doctor.site import Site
from agent.view.language import speaking, tell, tr
from collector.failing import print_json

CHECKS = (
    Check("config", wire.config),
    Check("service", box.service),
    Check("port", wire.port, ("config",)),
    Check("permission", wire.permission, ("config",)),
    Check("bus", wire.answers, ("config",)),
    Check("line", wire.line, ("config",)),
    Check("profile match", wire.identity, ("config",)),
    Check("cells", wire.cells, ("config",)),
    Check("deadline", wire.deadline, ("config",)),
    Check("limits", wire.limits, ("config",)),
    Check("history", box.history, ("config",)),
    Check("disk", box.disk, ("config",)),
    Check("wear", box.wear),
    Check("clock", box.clock),
    Check("power", box.power),
    Check("page", box.page, ("config",)),
    Check("metrics", box.metrics, ("config",)),
    Check("certificate", box.certificate, ("config",)),
    Check("dns", box.dns, ("config",)),
    Check("collector", box.collector, ("dns", "certificate")),
)
WIDTH = 9
#: How findings begin, and how many there are.
HEADS = ("PROBLEM", "note", "unknown", "good")
PROBLEMS, NOTES = ("{n} problem", "{n} problems"), ("{n} note", "{n} notes")


@click.command("doctor")
@config_option
@click.option("--socket", type=click.Path(path_type=Path), help="The agent's, if not as configured.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--bundle",
    "to",
    type=click.Path(path_type=Path),
    is_flag=False,
    flag_value=Path("cellwarden-doctor.tar.gz"),
    help="Write what support needs into one file, names and addresses removed; the list is shown first.",
)
@click.option("--yes", is_flag=True, help="Write the bundle without asking.")
def command(path: Path, socket: Path | None, as_json: bool, to: Path | None, yes: bool) -> None:
    """Look for what is wrong, from the cable to the collector, and say what to run next.

    Works with the agent running, which is then asked and keeps its ports, or stopped. Needs no network. A
    cause that failed hides what follows from it; what could not be looked at is unknown, not good. Exit 0
    without a problem, 1 with one; notes change nothing.

    \b
    Examples:  cellwarden doctor
               cellwarden doctor --config agent.toml --json
               cellwarden doctor --bundle support.tar.gz
    """
    start_s = time.monotonic()
    site = Site(path, socket)
    results = examine(CHECKS, site)
    took_s = time.monotonic() - start_s
    problems = [result for result in results if result.state is CheckState.PROBLEM]
    if to is not None:
        with speaking(language()):
            bundle.write(Path(to), site, results, ask=not yes)
    elif as_json:
        told = {
            "exit": int(bool(problems)),
            "took_s": round(took_s, 2),
            "results": [r.as_json() for r in results],
        }
        print_json(told)
    else:
        with speaking(language()):
            click.echo(report(results, took_s, datetime.now()))
    if problems:
        raise click.exceptions.Exit(Finding.exit_code)


def report(results: Sequence[Result], took_s: float, now: datetime) -> str:
    """Return the results for people, what must be acted on first."""
    by_state = {state: [r for r in results if r.state is state] for state in CheckState}
    problems, notes = by_state[CheckState.PROBLEM], by_state[CheckState.NOTE]
    # a check is no better than its worst finding
    worse = {result.check for result in (*problems, *notes, *by_state[CheckState.UNKNOWN])}
    well = [result for result in by_state[CheckState.GOOD] if result.check not in worse]
    lines = [
        tell(
            "{problems}, {notes}, {good} good, {unknown} not checked.  Exit {exit}.  {at}, took {took:.1f} s",
            problems=_count(len(problems), *PROBLEMS),
            notes=_count(len(notes), *NOTES),
            good=len(well),
            unknown=len(by_state[CheckState.UNKNOWN]),
            exit=int(bool(problems)),
            at=f"{now:%H:%M:%S}",
            took=took_s,
        )
    ]
    for result in problems:
        lines.append(f"{_head('PROBLEM')}{result.check:<{WIDTH}}  {tr(result.seen)}")
        likely = result.likely or (CODES[result.code].likely if result.code else ())
        if likely:
            numbered = " ".join(f"({n}) {tr(cause)}" for n, cause in enumerate(likely, 1))
            lines.append(f"{'':<{WIDTH + 11}}{tell('Likely: {causes}', causes=numbered)}")
        run = tell("Try:    {run}", run=tr(result.run) or "-")
        lines.append(f"{'':<{WIDTH + 11}}{run}   [{result.code}]")
    lines += [
        f"{_head('note')}{r.check:<{WIDTH}}  {tr(r.seen)}" + (f"     {tr(r.run)}" if r.run else "")
        for r in notes
    ]
    lines += _unknowns(by_state[CheckState.UNKNOWN])
    if well:
        told = ", ".join(f"{r.check} ({tr(r.seen)})" if r.seen else r.check for r in well)
        lines.append(f"{_head('good')}{told}")
    lines.append(
        tr("Send for help: cellwarden doctor --bundle (names and addresses removed, list shown first)")
    )
    return "\n".join(lines)


def _unknowns(results: Sequence[Result]) -> list[str]:
    """What was not looked at, those with one reason on one line."""
    by_reason: dict[str, dict[str, None]] = {}
    for result in results:
        by_reason.setdefault(result.seen, {})[result.check] = None
    return [f"{_head('unknown')}{', '.join(checks)}: {tr(seen)}" for seen, checks in by_reason.items()]


def _head(state: str) -> str:
    """Return how a finding begins: its state, in a column of its own."""
    return set_cell_size(tr(state), 9)


def _count(n: int, one: str, several: str) -> str:
    return tell(one if n == 1 else several, n=n)
