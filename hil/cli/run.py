"""cellwarden-hil run: scenarios and their verdicts."""

import logging
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from hil.cli import refuse
from hil.run.agent import run_agent
from hil.run.direct import run_direct
from hil.scenario.evidence import Evidence
from hil.scenario.expect import clock
from hil.scenario.report import write_html
from hil.scenario.room import RoomError
from hil.scenario.scenario import SHIPPED, Scenario, find_scenario, load_scenario
from hil.scenario.verdict import ScenarioVerdict, judge, junit, text

FOLDER = click.Path(path_type=Path, file_okay=False)
EPILOG = """\
\b
Exit codes: 0 everything held, 1 an expectation failed, 2 a scenario is wrong,
3 the bench itself could not keep up, and so proves nothing.
\b
Examples:  cellwarden-hil run internal_short_0r1
           cellwarden-hil run mine.toml --way agent --time-scale 10 --keep files/
           cellwarden-hil run --all --report out/
"""


@click.command("run", epilog=EPILOG)
@click.argument("names", metavar="[SCENARIO]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Run every scenario that is shipped.")
@click.option(
    "--way",
    type=click.Choice(["direct", "agent"]),
    help="In process (direct), or a real agent over real sockets; otherwise as the scenario says.",
)
@click.option(
    "--time-scale", type=click.FloatRange(1, 1000), help="How many times faster the agent's time runs."
)
@click.option(
    "--report", type=click.Path(path_type=Path, file_okay=False), help="Write report.html and junit.xml here."
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the agent's and collector's files here.",
)
def command(
    names: tuple[str, ...],
    every: bool,
    way: str | None,
    time_scale: float | None,
    report: Path | None,
    keep: Path | None,
) -> None:
    """Run scenarios, by name or as files, and say whether what they expect was seen."""
    if every == bool(names):
        refuse(["name scenarios, or say --all; `cellwarden-hil list` shows those that are shipped"])
    if every:
        names = tuple(path.stem for path in sorted(SHIPPED.glob("*.toml")))
    scenarios = _load(names, way, time_scale)
    logging.basicConfig(
        level=logging.ERROR, format="cellwarden-hil: %(message)s"
    )  # lateness is in the verdict
    verdicts: list[ScenarioVerdict] = []
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[t]}"), TimeRemainingColumn(),
        transient=True, disable=not sys.stderr.isatty(), console=Console(stderr=True),
    ) as bars:  # fmt: skip
        for name, scenario in scenarios.items():
            bar = bars.add_task(name, total=scenario.lasts_s, t="")
            try:
                evidence = _run(scenario, keep and keep / name, _Bar(bars, bar))
            except RoomError as error:
                refuse(f"{name}: {problem}" for problem in error.problems)
            bars.remove_task(bar)
            verdicts.append(judge(name, scenario, evidence))
            click.echo(text(verdicts[-1]))
    if report:
        report.mkdir(parents=True, exist_ok=True)
        (report / "junit.xml").write_bytes(junit(verdicts))
        write_html(report / "report.html", verdicts)
        click.echo(f"{report / 'report.html'} and junit.xml are written")
    _conclude(verdicts)


class _Bar:
    """Moves a bar with the scenario's time."""

    def __init__(self, bars: Progress, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def __call__(self, t_s: float) -> None:
        self._bars.update(self._task, completed=t_s, t=clock(t_s))


def _run(scenario: Scenario, keep: Path | None, progress: _Bar) -> Evidence:
    """Run it the way it says."""
    if scenario.way == "direct":
        return run_direct(scenario, progress)
    return run_agent(scenario, progress, keep)


def _load(names: tuple[str, ...], way: str | None, time_scale: float | None) -> dict[str, Scenario]:
    """All scenarios, with what the command line says; exits 2 with every problem of every file."""
    scenarios, problems = {}, []
    said = {k: v for k, v in {"way": way, "time_scale": time_scale}.items() if v is not None}
    for name in names:
        try:
            path = find_scenario(name)
            scenarios[path.stem] = load_scenario(path, said)
        except RoomError as error:
            problems += error.problems
    if problems:
        refuse(problems)
    return scenarios


def _conclude(verdicts: list[ScenarioVerdict]) -> None:
    counts = {word: sum(v.word == word for v in verdicts) for word in ("held", "FAILED", "NO VERDICT")}
    if len(verdicts) > 1:
        click.echo(", ".join(f"{n} {word}" for word, n in counts.items() if n))
    sys.exit(max(verdict.code for verdict in verdicts))
