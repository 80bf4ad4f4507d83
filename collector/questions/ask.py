"""Asking an archive a question of the table."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from collector.archive import Archive
from collector.questions.question import Question, Row

DAY_NS = 86_400 * 10**9


def ask(archive: Archive, question: Question, asked: Mapping[str, Any], now_ns: int) -> list[Row]:
    """The rows of an answer. asked: values by filter, those that were given. Raises ArchiveError, and
    ValueError where a filter does not narrow this question.
    """
    if question.days:
        asked = {"from_ns": now_ns - question.days * DAY_NS, **asked}
    values = {**asked, "now_ns": now_ns}
    names = question.read or [column.name for column in question.columns]
    flags = [column.name for column in question.columns if column.kind == "flag"]
    rows = [dict(zip(names, row, strict=True)) for row in archive.select(question.statement(asked), values)]
    for row in rows:
        row.update((flag, bool(row[flag])) for flag in flags if row.get(flag) is not None)
    return question.work(rows, values) if question.work else rows


def alike(word: str, known: list[str]) -> str:
    """What was meant by a word that is none of the known, for the end of a sentence."""
    near = get_close_matches(word, known, 1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(known[:10]) or 'none'}{', ...' if len(known) > 10 else ''}"
