"""Step 6 of setup: a file that keeps the deadline, shown as a difference, replaced whole."""

import difflib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from agent.cli.check import late_units
from agent.cli.common.codes import Trouble
from agent.cli.common.load import load
from agent.cli.common.prompts import Prompts
from agent.cli.setup.draft import Draft
from agent.cli.setup.steps import LAST
from agent.cli.setup.text import merged, toml_of
from agent.cli.setup.trial import Tested
from agent.config.tables import Config
from agent.message import Message, joined
from agent.view.language import tell, tr
from drivers.durable import replace_whole

PERIODS_S = (1.0, 2.0, 5.0)
LEAST_S, TIMES = 0.3, 10.0  # a time-out from what was measured: at least, and times the slowest answer
NOTHING = Message("Nothing was written.")


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the file would say, what it says (None: there is none), and who would be late."""

    text: str
    old: str | None
    late: Sequence[str] = ()

    @property
    def changes(self) -> bool:
        """Whether it would say anything else."""
        try:
            return self.old is None or tomllib.loads(self.old) != tomllib.loads(self.text)
        except tomllib.TOMLDecodeError:
            return True

    def show(self) -> None:
        """Print the difference."""
        old = (self.old or "").splitlines()
        diff = difflib.unified_diff(old, self.text.splitlines(), "old", "new", lineterm="")
        click.echo("\n".join(diff) if self.changes else f"    {tr('it is the same as before')}")

    def must_keep_the_deadline(self) -> None:
        """Raise Trouble where somebody would be late."""
        if self.late:
            seen = joined("\n       ", [*self.late, NOTHING])
            raise Trouble("CW-302", seen, "cellwarden setup --allow-late")

    def put(self, path: Path) -> str:
        """Replace the file whole; return where the old one is kept, "" where there was none."""
        if self.old is None:
            replace_whole(path, self.text.encode())
            return ""
        mode, kept = path.stat().st_mode & 0o777, path.with_name(f"{path.name}.1")
        replace_whole(kept, self.old.encode(), mode)
        replace_whole(path, self.text.encode(), mode)
        return kept.name


def write(
    prompts: Prompts,
    path: Path,
    draft: Draft,
    tested: Sequence[Tested],
    before: Config | None,
    *,
    allow_late: bool,
) -> None:
    """Replace `path`. Raises Trouble where nothing was written, and Exit where it is not wanted."""
    new = candidate(path, draft, tested, before)
    unreviewed = tr("Limits are NOT REVIEWED until you confirm them: cellwarden limits --review")
    click.echo(f"    {unreviewed}")
    new.show()
    if not allow_late:
        new.must_keep_the_deadline()
    asked = tell("Write {file}?", file=path)
    if new.old is not None:
        asked = tell("Write {file} (old one kept as {kept})?", file=path, kept=f"{path.name}.1")
    if not prompts.agree(f"{LAST}/{LAST} {asked}", proposed=False):
        click.echo(f"{tr(NOTHING)} {tr('Run setup again to go on here.')}")
        raise click.exceptions.Exit(1)
    new.put(path)


def candidate(path: Path, draft: Draft, tested: Sequence[Tested], before: Config | None) -> Candidate:
    """Return a file that keeps the deadline, if one can. Raises Misuse where none can be used.

    With the shortest period, and the profiles' time-outs or, where too long, ones from what was measured.
    `before`: the file as it is, where it can be used; all else in it is left as it is.
    """
    old = path.read_text() if path.is_file() else None
    beside = path.with_name(f"{path.name}.new")

    def late() -> list[str]:
        beside.write_text(text())
        return late_units(path, *load(beside))

    def text() -> str:
        return toml_of(draft, path) if old is None or before is None else merged(old, before, draft)

    try:
        if not tested:
            late()
            return Candidate(text(), old)
        who: list[str] = []
        for measured in (False, True):
            for done in tested:
                tight = measured and bool(done.unit.line)
                done.unit.timeout_s = max(LEAST_S, round(TIMES * done.slowest_s, 1)) if tight else 0.0
            for draft.period_s in PERIODS_S:
                who = late()
                if not who:
                    return Candidate(text(), old)
        return Candidate(text(), old, who)
    finally:
        beside.unlink(missing_ok=True)
