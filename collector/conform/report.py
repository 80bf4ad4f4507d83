"""What a run found, for people and for programs. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from collector.conform.row import Row
from collector.conform.run import Outcome

PAGE = "docs/wire-format.md"
#: Its sections of which there are rows, in its order.
SECTIONS = (
    "Batch",
    "Narrow",
    "Values",
    "Quality",
    "Events",
    "Schema",
    "Request",
    "Answer",
    "Other statuses",
    "Limits",
    "Growth",
)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Every row, by section."""
    for section in sections(rows):
        yield section
        for row in rows:
            if row.section == section:
                yield f"  {row.id}: {row.asked}"
                yield f"      {row.why}"


def lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What is wrong by section of the page, what was not asked, and how many are right."""
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    for section in sections([outcome.row for outcome in wrong]):
        yield f"{section} ({PAGE}#{anchor(section)})"
        for outcome in wrong:
            if outcome.row.section == section:
                yield f"  {outcome.row.id}: {outcome.wrong}"
                yield f"      asked: {outcome.row.asked}"
                yield f"      {outcome.row.why}"
    for why, count in Counter(outcome.unasked for outcome in outcomes if outcome.unasked).items():
        yield f"not asked, {count}: {why}"
    asked = sum(1 for outcome in outcomes if not outcome.unasked)
    yield f"{asked} asked, {asked - len(wrong)} right, {len(wrong)} wrong"


def plain(outcome: Outcome) -> dict[str, Any]:
    """An outcome, for JSON."""
    row = outcome.row
    state = "not asked" if outcome.unasked else "wrong" if outcome.wrong else "right"
    return {
        "id": row.id,
        "section": row.section,
        "asked": row.asked,
        "why": row.why,
        "state": state,
        "said": outcome.wrong or outcome.unasked,
    }


def sections(rows: Sequence[Row]) -> list[str]:
    """The sections of rows, in the order of the page."""
    found = {row.section for row in rows}
    return [section for section in SECTIONS if section in found]


def anchor(section: str) -> str:
    """The name of a heading in a link."""
    return section.lower().replace(" ", "-")
