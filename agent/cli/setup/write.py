"""Step 6 of setup: a file that keeps the deadline, shown as a difference, replaced whole."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import click

from agent.cli.check import late_units
from agent.cli.common.codes import Trouble
from agent.cli.common.load import load
from agent.cli.common.prompts import Prompts
from agent.cli.setup.draft import Draft, toml_of
from agent.cli.setup.trial import Tested
from drivers.durable import replace_whole

PERIODS_S = (1.0, 2.0, 5.0)
LEAST_S, TIMES = 0.3, 10.0  # a time-out from what was measured: at least, and times the slowest answer


def write(
    prompts: Prompts,
    path: Path,
    draft: Draft,
    tested: Sequence[Tested],
    agent: str | None,
    *,
    allow_late: bool,
) -> None:
    """Replace `path`. Raises Trouble where nothing was written, and Exit where it is not wanted."""
    new = path.with_name(path.name + ".new")
    try:
        late = _proven(new, path, draft, tested, agent)
        load(new)
        click.echo(
            "5/6 Limits                     NOT REVIEWED until you confirm: cellwarden limits --review"
        )
        old = path.read_text() if path.is_file() else ""
        text = new.read_text()
        diff = difflib.unified_diff(old.splitlines(), text.splitlines(), "old", "new", lineterm="")
        click.echo("\n".join(diff) or "    it is the same as before")
        if late and not allow_late:
            seen = "\n       ".join([*late, "Nothing was written."])
            raise Trouble("CW-302", seen, "cellwarden setup --allow-late")
        kept = f" (old one kept as {path.name}.1)" if old else ""
        if not prompts.agree(f"6/6 Write {path}{kept}?", proposed=False):
            click.echo("Nothing was written; run setup again to go on here.")
            raise click.exceptions.Exit(1)
        if old:
            replace_whole(path.with_name(path.name + ".1"), old.encode())
        replace_whole(path, text.encode())
    finally:
        new.unlink(missing_ok=True)


def _proven(new: Path, path: Path, draft: Draft, tested: Sequence[Tested], agent: str | None) -> list[str]:
    """Write a file beside the old one that keeps the deadline, if one can; return who is late.

    With the shortest period, and the profiles' time-outs or, where too long, ones from what was measured.
    """
    late: list[str] = []
    for measured in (False, True):
        for done in tested:
            tight = measured and bool(done.unit.line)
            done.unit.timeout_s = max(LEAST_S, round(TIMES * done.slowest_s, 1)) if tight else 0.0
        for draft.period_s in PERIODS_S:
            new.write_text(toml_of(draft, path, agent))
            late = late_units(new, *load(new))
            if not late:
                return []
    return [line.replace(new.name, path.name) for line in late]
