"""The catalogues of agent/view/languages: what the code says, gathered by Babel: `scripts/languages`."""

import ast
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

from agent.alarms.response import response
from agent.cli import doctor
from agent.cli.alarm import follow
from agent.cli.common import announced, codes, in_force
from agent.cli.common.came_said import sentence
from agent.cli.doctor import box
from agent.cli.limits import in_words
from agent.cli.live import frame
from agent.cli.page import enable
from agent.cli.report.commissioning import UNSYNCHRONISED
from agent.cli.report.commissioning.page import ACHIEVED, LATER, NEVER_READ
from agent.cli.report.commissioning.record import BLIND, SAME
from agent.cli.report.commissioning.untried import NEVER
from agent.cli.setup import dialogue, label, site, steps
from agent.config import wrong
from agent.detect import limit_words, limits, rows, slow_polling
from agent.detect.detectors import DETECTORS
from agent.detect.knowledge import Knowledge
from agent.detect.table import PRIORITY
from agent.modbus import came, lately, overheard, serial_line, told_apart
from agent.modbus.survey import look
from agent.modbus.survey.match import Sureness
from agent.outputs.coverage import (
    HUNG_KERNEL,
    NEEDS_SYSTEMD,
    NO_HOST_TIMEOUT,
    NO_RELAY,
    SLOW_HOST_TIMEOUT,
    STRICT_GPIOD,
)
from agent.quality import Quality
from agent.transport.row import Endpoint
from agent.transport.rtu_over_tcp import FarEndpoint
from agent.transport.table import TRANSPORTS
from agent.uplink import proxy, refusal
from agent.view import (
    actions,
    alarms,
    cells,
    delivery,
    figures,
    headline,
    language,
    sayings,
    state,
    unseen,
    words,
)
from agent.view.language import ENGLISH, LANGUAGES, SENTENCE
from agent.view.page import blocks, pages
from agent.web import trace
from drivers.line import NO_OTHER_BITS
from drivers.quantities import QUANTITIES

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "agent" / "view" / "languages"
#: What looks a text up: where code imports one of them, and in templates.
LOOKS_UP = ("tr", "tell", "Message")
SAID_BY = ("agent.view.language", "agent.message")
TEMPLATES = [("view/page/templates/**.html", "jinja2"), ("cli/report/templates/**.html", "jinja2")]
#: What people do to alarms, as records have it.
CHANGES = ("acknowledge", "shelve", "unshelve", "drill", "read")
UNMEASURED = {row.detector for row in rows.ROWS if not row.unit}  # their limits are told in words
CAME = [row for rows in came.ROWS.values() for row in rows.values()]  # in place of an answer
#: Tables of what is said, by the file in agent.
TABLES: list[tuple[str, Any]] = [
    ("alarms/response", [response(unit, name) for name in rows.RESPONSES for unit in ("", "u")]),
    ("alarms/site", CHANGES),
    ("cli/alarm/follow", [follow.ON_DISK, follow.NOT_ON_DISK]),
    ("cli/common/announced", [announced.HINT]),
    ("cli/common/codes", [code.likely for code in codes.CODES.values()]),
    ("cli/doctor/__init__", [doctor.HEADS, doctor.PROBLEMS, doctor.NOTES]),
    ("cli/live/frame", [frame.PRIORITY, frame.KEYS, frame.SHORT_KEYS, frame.HELP, frame.PACK, frame.LINKS]),
    ("cli/common/in_force", [in_force.SIDES, in_force.WAYS]),
    ("cli/limits", [in_words(one) for one in DETECTORS if one.name in UNMEASURED]),
    ("cli/report/commissioning/__init__", [UNSYNCHRONISED]),
    ("cli/report/commissioning/page", [LATER, ACHIEVED, NEVER_READ]),
    ("cli/report/commissioning/record", [BLIND, SAME]),
    ("cli/report/commissioning/untried", NEVER),
    ("cli/page/enable", [enable.WARNING, enable.COMPARE]),
    ("cli/setup/dialogue", [dialogue.ANEW, dialogue.GO_BACK]),
    ("cli/setup/label", label.WITHIN),
    ("cli/setup/site", [site.SITE, site.URL, site.URL_OR_NUMBER, site.LONG]),
    ("cli/setup/steps", steps.STEPS),
    ("detect/knowledge", list(Knowledge)),
    ("detect/table", list(PRIORITY)),
    ("detect/limits", [limits.TIERS, limits.WHOSE]),
    ("detect/limit_words", [limit_words.NO_LIMIT, limit_words.NO_LIMIT_OF_BLOCKS]),
    ("detect/limit_words", [limit_words.WIDER, [*limit_words.SIDES.values()]]),
    ("detect/slow_polling", [slow_polling.BEYOND, slow_polling.COSTS]),
    ("cli/common/came_said", [sentence(do) for do in (came.ACCEPT_ID, *(row.do for row in CAME))]),
    ("outputs/coverage", [NO_RELAY, NEEDS_SYSTEMD, STRICT_GPIOD, HUNG_KERNEL, NO_HOST_TIMEOUT]),
    ("outputs/coverage", [SLOW_HOST_TIMEOUT]),
    ("modbus/lately", [lately.TOO_LATE, lately.SOME_TOO_LATE, lately.NEVER_ANSWERS, lately.NOR_MORE]),
    ("modbus/lately", [text for _, text in lately.OF_VERDICT.values()]),
    ("modbus/overheard", [overheard.ANOTHER_MASTER]),
    ("modbus/survey/look", [[guess.title, guess.noun] for guess in look.GUESSES]),
    ("modbus/survey/look", [look.FLOATS, [quality.name.lower().replace("_", " ") for quality in Quality]]),
    ("modbus/survey/match", list(Sureness)),
    ("modbus/told_apart", [told_apart.COUNTS, told_apart.TEXT, [name for _, name in told_apart.SERVICES]]),
    ("modbus/came", [[*row.likely, row.do] for row in CAME]),
    ("modbus/came", [came.ACCEPT_ID, came.UNKNOWN, list(came.Kind)]),
    ("modbus/came", [text for _, text in came.OF_CODE.values()]),
    ("modbus/came", [came.of_exception(code).text for code in came.OF_CODE]),  # as a status has them
    ("modbus/serial_line", [*serial_line.OPEN_ERRORS.values()]),
    ("cli/doctor/box", [*box.THROUGH_PROXY]),
    ("uplink/refusal", [*refusal.ALERTS.values()]),
    ("uplink/proxy", [[*proxy.REFUSALS.values()], proxy.OTHER]),
    ("config/wrong", [[*wrong.BOUNDS.values()], wrong.KINDS_WANTED]),
    ("modbus/survey/presence", [NO_OTHER_BITS]),
    ("control/status", ["store", "relay", "journal"]),
    ("transport/row", [row.far_side for row in TRANSPORTS]),
    ("transport/row", [Endpoint.nothing_sent, FarEndpoint.nothing_sent]),
    ("view/actions", [actions.ACTIONS, actions.OWN, actions.OVER]),
    ("view/alarms", [alarms.STATES, [*alarms.STATES]]),
    ("view/cells", [cells.MANY, cells.COUNTED]),
    ("view/delivery", [delivery.ACCOUNT, delivery.ACCOUNT_WITHHELD]),
    ("view/figures", [kind.label for kind in figures.KINDS]),
    ("view/headline", [headline.CONDITIONS, headline.UNKNOWN]),
    ("view/state", state.LEARNING),
    ("view/headline", [sentence for sentence, _ in headline.NOT_LIVE]),
    ("view/language", language.DURATIONS),
    ("view/page/blocks", blocks.STANDS),
    ("view/page/pages", [pages.MODES, [*pages.SORTS], pages.SPANS, pages.MOVES]),
    ("view/words", [name.replace("_", " ") for name in QUANTITIES]),
    ("view/page/templates/plots", [name.replace("_", " ").capitalize() for name in QUANTITIES]),
    ("view/sayings", sayings.SAYINGS),
    ("view/unseen", unseen.ANY_STATE),
    ("view/words", [words.PARTS, words.DATES]),
    ("web/trace", trace.LABELS),
]
Text = tuple[str | None, str, str, list[str]]  # context, what is looked up, its English, where it is said


def catalogues() -> list[Path]:
    """The catalogue of each language but English."""
    return [FOLDER / f"{name}.po" for name in LANGUAGES if name != ENGLISH]


def said() -> Iterator[Text]:
    """Yield all that is to be translated."""
    from tests.agent.detect.explanations.test_said import SAYS  # compiled detectors

    for one in {s.id: s for s in SAYS}.values():
        yield SENTENCE, one.id, one.english, []
    for file, _, text, _, _ in extract_from_dir(str(ROOT / "agent"), TEMPLATES, keywords={"_": None}):
        yield None, str(text), "", [f"agent/{file}"]
    for path in sorted(path for room in ("agent", "drivers") for path in (ROOT / room).rglob("*.py")):
        for text in looked_up(ast.parse(path.read_text("utf-8"))):
            yield None, text, "", [str(path.relative_to(ROOT))]
    for text, where in tables():
        yield None, text, "", [where]


def looked_up(tree: ast.AST) -> Iterator[str]:
    """Yield the texts that code looks up, wherever it does: Babel passes over those within an f-string."""
    known = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in SAID_BY
        for alias in node.names
    } | {node.name for node in ast.iter_child_nodes(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    for node in ast.walk(tree):
        called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if called in known and called in LOOKS_UP:
            yield from constants(node.args[0])


def constants(node: ast.expr) -> Iterator[str]:
    """Yield the texts that an expression can be: "a" if it is so else "b", or what it says or "c"."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from [*constants(node.body), *constants(node.orelse)]
    elif isinstance(node, ast.BoolOp):
        yield from (text for value in node.values for text in constants(value))


def tables() -> Iterator[tuple[str, str]]:
    """Yield the texts that stand in tables, and the file of each."""
    for file, table in TABLES:
        for text in filter(None, texts_in(table)):
            yield text, f"agent/{file}.py"


def texts_in(table: Any) -> Iterator[str]:
    """Yield the texts of a table, however deep."""
    if isinstance(table, str):
        yield table
    else:
        for one in table.values() if isinstance(table, Mapping) else table:
            yield from texts_in(one)


BEGUN = datetime(2026, 12, 1, tzinfo=UTC)  # the same texts are the same bytes, whenever they are written
HELP = (
    "scripts/languages puts what the code says into agent/view/languages/*.po: fill in each empty msgstr,"
    " with the fields of its msgid, and run it again"
)
HEADER = """# {name}, by scripts/languages. No technician whose language it is has read it yet.
msgid ""
msgstr ""
"Language: {name}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
Messages = dict[tuple[str | None, str], str]  # (context, what is looked up) -> the translation


def brought_up(path: Path) -> Catalog:
    """Return a catalogue with what is said today, and the translations that it has of that."""
    before, after = read(path), Catalog(path.stem, fuzzy=False, creation_date=BEGUN)
    for context, text, english, places in said():
        old = before.get(text, context)
        after.add(
            text,
            old.string if old else "",
            locations=[(place, 0) for place in places],
            auto_comments=[english] if english else [],
            user_comments=old.user_comments if old else [],
            context=context,
        )
    return after


def read(path: Path) -> Catalog:
    """Return the catalogue in a .po file."""
    with path.open("rb") as file:
        return read_po(file)


def messages(catalog: Catalog) -> Messages:
    """Return what a catalogue has."""
    return {(m.context, str(m.id)): str(m.string) for m in catalog if m.id}


def wrong(path: Path) -> list[str]:
    """Return what is wrong with a catalogue, a line each."""
    wanted = messages(brought_up(path))
    lines = [f"{path.name}: no translation of {text!r}" for (_, text), found in wanted.items() if not found]
    lines += [] if messages(read(path)) == wanted else [f"{path.name} is not what the code says"]
    with path.with_suffix(".mo").open("rb") as file:
        if messages(read_mo(file)) != {key: text for key, text in wanted.items() if text}:
            lines.append(f"{path.stem}.mo is not what {path.name} says")
    return lines


def write(path: Path) -> None:
    """Bring a catalogue up to date, as its file and as a box has it."""
    catalog = brought_up(path)
    with path.open("wb") as file:
        file.write(HEADER.format(name=path.stem).encode())
        write_po(file, catalog, width=110, include_lineno=False, sort_output=True, omit_header=True)
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, catalog)


def main(check: bool) -> int:
    """Write the catalogues, or (check) leave them; say what is wrong; return the exit code."""
    lines = []
    for path in catalogues():
        if not check:
            write(path)
        lines += wrong(path)
    print("\n".join(lines or ["the catalogues say what the code says"]))
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
