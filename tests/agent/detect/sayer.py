"""Says the record of an alarm by docs/sentences.md alone, as a reader far away does: with nothing of ours."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[3] / "docs" / "sentences.md"
Words = dict[str, str]


def words_of(page: str) -> Words:
    """Sentences and phrases by their ids, as the tables have them."""
    rows = re.findall(r"^\| `([^`]+)` \| ?(.*?) ?\|$", page, re.M)
    return {name: english[1:-1] if english.startswith("`") else english for name, english in rows}


def long(seconds: float) -> str:
    for below, divisor, form in ((90, 1, "{:.0f} s"), (5400, 60, "{:.0f} min"), (172800, 3600, "{:.1f} h")):
        if seconds < below:
            return form.format(max(0.0, seconds) / divisor)
    return f"{seconds / 86400:.0f} days"


def say(record: dict[str, Any], words: Words) -> str:
    """The text of a record with `sentence`, `numbers` and `texts`."""
    return " ".join(_said(words[name], record, words) for name in record["sentence"].split(" "))


def _said(english: str, record: dict[str, Any], words: Words, argument: str = "") -> str:
    numbers, texts = record["numbers"], record["texts"]
    parts = re.split(r"\{([^{}]*(?:\{\w+\}[^{}]*)*)\}", english)
    for i in range(1, len(parts), 2):
        field, _, form = parts[i].partition(":")
        name, _, times = field.partition("*")
        if name in texts or not name:
            text = texts[name] if name else argument
            phrase, _, rest = text.partition(" ")
            if phrase.startswith("#") and phrase in words and name:
                text = _said(words[phrase], record, words, rest)
            parts[i] = text[:1].lower() + text[1:] if form == "lower" else text
        elif numbers[name] is None:
            parts[i] = "?"
        else:
            number = numbers[name] * float(times or 1)
            for nested in re.findall(r"\{(\w+)\}", form):
                form = form.replace(f"{{{nested}}}", str(int(numbers[nested])))
            parts[i] = long(number) if form == "duration" else format(number, form)
    return "".join(parts)
