"""cellwarden demo: the main job on this machine alone."""

import contextlib
import sys
import tempfile
from pathlib import Path

import click

from agent.cli.common.errors import Finding, Misuse
from agent.cli.common.waiting import waiting
from agent.cli.demo.measure import print_result, problems_of
from agent.cli.demo.play import Demo
from agent.cli.demo.view import View
from agent.detect.watch import warm_up
from collector.failing import print_json
from hil.run.processes import Children, ProcessError


@click.command("demo")
@click.option(
    "--seconds", type=click.IntRange(40, 1500), default=60, show_default=True, help="How long it runs."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Keep its files (config, databases, logs) here."
)
def command(seconds: int, as_json: bool, keep: Path | None) -> None:
    """Watch an agent detect an internal short, on this machine alone.

    Starts a bench of three battery units, a collector, and an agent that polls all three every second. In one
    cell of the rack on the serial line an internal short begins after 18 s; some 20 s later it is a critical
    alarm. The collector is away for six seconds. Nothing outside this machine is touched.

    \b
    Examples:  cellwarden demo
               cellwarden demo --seconds 120 --keep demo-files
               cellwarden demo --json
    """
    with contextlib.ExitStack() as stack:
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            if any(keep.iterdir()):
                raise Misuse(f"{keep} is not empty; name a new folder", "CW-005")
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cellwarden-demo-")))
        with waiting("compiling the detectors: once, a minute or two; the demo's clock begins after it"):
            warm_up()
        children = stack.enter_context(Children(folder.resolve()))
        view = stack.enter_context(View(seconds, live=sys.stdout.isatty() and not as_json))
        try:
            result = Demo(folder.resolve(), seconds, view, children).run()
        except KeyboardInterrupt:
            raise Finding("stopped by you; nothing was measured") from None
        except ProcessError as error:
            raise Finding(str(error)) from error
    problems = problems_of(result)
    if as_json:
        print_json({**result, "problems": problems})
    else:
        print_result(result)
    if problems:
        raise Finding("\n".join(problems))
