"""cellwarden setup: from a cable to a configuration that is tested, proven and on paper."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from agent.cli.common.codes import Trouble
from agent.cli.common.errors import Misuse
from agent.cli.common.letters import spoken
from agent.cli.common.prompts import Prompts, you
from agent.cli.common.usual import CONFIG
from agent.cli.profile.common import json_option, profile_dir_option
from agent.cli.setup.answers import read_answers
from agent.cli.setup.before import socket_of
from agent.cli.setup.dialogue import Dialogue
from agent.cli.setup.page import offer, say_where
from agent.cli.setup.prove import prove
from agent.cli.setup.said import Said
from agent.cli.setup.unattended import Deployment
from agent.detect.limits import CELL_V
from agent.message import Message
from agent.view.language import tell, tr
from collector.failing import print_json, words_on_stderr

#: What is said in the answers file where there is one.
IN_THE_FILE = (
    *("where", "line_texts", "ids", "labels", "chemistry"),
    *("site", "upstream", "page", "agent_id", "yes", "fresh"),
)


@click.command("setup")
@click.option("--config", "path", type=click.Path(path_type=Path), default=CONFIG,
              show_default=True, help="The file to write.")  # fmt: skip
@click.option(
    "--answers",
    "answers_path",
    type=click.Path(path_type=Path),
    help="No dialogue: what it would ask stands in this file.",
)
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
@click.option("--site", help="What people call the room; this box's name if not said.")
@click.option("--upstream", help="The collector's URL.")
@click.option("--page/--no-page", default=None, help="Open the page to phones and desks of this network.")
@click.option("--agent-id", help="This box's name at the collector; its host name if not said.")
@click.option("--by", help="Who commissions; your user name if not said.")
@click.option("--yes", is_flag=True, help="Take what is proposed, and ask nothing.")
@click.option("--allow-late", is_flag=True, help="Write it even where the safety deadline cannot be kept.")
@click.option("--fresh", is_flag=True, help="Forget where an earlier run was stopped.")
@json_option
@profile_dir_option
@click.pass_context
@spoken
def command(
    context: click.Context, /, path: Path, answers_path: Path | None, as_json: bool, **options: Any
) -> None:
    """Find the battery, test it, and write a configuration that keeps the deadline; six steps.

    What a scan has found within the last hour is taken over. Ctrl-C is safe at any point: nothing is
    half-written, and the next run goes on at the open step; "<" goes back to the one before, --fresh forgets
    all answers. Every question has a flag, and --yes takes what is proposed. The old file is kept as
    agent.toml.1, and what it says beside buses and units stays. Ends with the commissioning report
    (commissioning.html beside the configuration): at once where the agent is started then, else as far as it
    goes, and `cellwarden report commissioning` completes it; and with the page's address, for phones where
    you want that: `cellwarden page enable` says what that means.

    With --answers FILE nobody is asked. Where agent.toml is as the file says already, no unit is polled,
    and nothing changes; a changed answer changes that alone. Exit 0 when it is so, changed or not
    (--json says which); 1 or 3 where a unit is not as the file says or does not answer, 4 where the running
    agent holds its port, 2 where the file or what would follow from it cannot be used: nothing changed then.

    \b
    Examples:  sudo cellwarden setup
               cellwarden setup --config agent.toml --endpoint /dev/ttyUSB0 --line 9600-8N1 --label rack-1 \\
                                --upstream https://collector.example:8440 --yes
               sudo cellwarden setup --answers answers.toml --json
    """
    said = Said(**options)
    with words_on_stderr() if as_json else nullcontext():
        if answers_path is None:
            if not said.yes and not sys.stdin.isatty():
                seen = Message("There is no terminal to ask at, and --yes was not said.")
                raise Trouble("CW-310", seen, "cellwarden setup --help")
            told = _asking(path, said)
        else:
            if flags := [name for name in IN_THE_FILE if options[name] not in (None, (), False)]:
                wrong = ", ".join(one.opts[0] for one in context.command.params if one.name in flags)
                raise Misuse(Message("{options}: write that into {file}", options=wrong, file=answers_path))
            told = _unattended(path, answers_path, said)
    if as_json:
        print_json({"config": str(path), **told})
    if told["exit"]:
        raise click.exceptions.Exit(told["exit"])


def _unattended(path: Path, answers_path: Path, said: Said) -> dict[str, Any]:
    answers = read_answers(answers_path, said.folders)
    by = said.by or answers.by or you()
    done = Deployment(path, socket_of(path), said.folders, by, said.allow_late).run(answers)
    if done.page and done.changed:
        done.page.tell(logged=True)
    return {
        "changed": done.changed,
        "written": done.written,
        "exit": 0,
        "units": done.units,
        "page": done.page.as_json() if done.page else None,
    }


def _asking(path: Path, said: Said) -> dict[str, Any]:
    dialogue, by = Dialogue(path, said), said.by or you()
    left = tr("Nothing is half-written; run setup again: it resumes at the open step.")
    code, written, opened = 0, False, None
    try:
        dialogue.run(by)
        written = True
        left = tell(
            "{file} is written; the report is not complete: cellwarden report commissioning", file=path
        )
        at_the_end = Prompts(said.yes)
        opened = offer(path, at_the_end, said.page)
        try:
            prove(path, at_the_end, by)
        finally:
            say_where(path, opened)
    except (KeyboardInterrupt, click.Abort):
        click.echo(f"\n{tr('Stopped.')} {left}", err=True)
        code = 1
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    return {"written": written, "exit": code, "page": opened.as_json() if opened else None}
