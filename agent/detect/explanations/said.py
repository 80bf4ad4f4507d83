"""Sentences of alarms, free of language: which one it is, and what numbers and texts it is filled with. Pure.

A sentence is English with fields. `{away_v*1000:.0f}` is the number `away_v`, in the unit that its name ends
with, times 1000, in a format of Python's; `{for_s:duration}` a length of time in words; `{who}` a text, and
`{who:lower}` one that begins small. A text may be a phrase, whose id begins with #, with what `{}` stands for
in it. docs/sentences.md lists them all: whoever has the record of an alarm can say it in any language.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.detect.duration import duration
from agent.detect.fields import FIELD, number


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, or phrase; `argument` is what `{}` stands for in a phrase."""

    id: str
    english: str
    argument: str = ""

    def of(self, argument: str) -> "Sentence":
        """Return the phrase with its argument."""
        return replace(self, argument=argument)

    @property
    def told(self) -> str:
        """As a record has it: "#cell string1/cell5"."""
        return f"{self.id} {self.argument}" if self.argument else self.id


Field = float | str | Sentence


@dataclass(frozen=True, slots=True)
class Said:
    """Sentences that follow each other, and their fields by name."""

    sentences: tuple[Sentence, ...]
    fields: Mapping[str, Field]

    def then(self, *sentences: Sentence, **fields: Field) -> "Said":
        """Return it with more behind it."""
        return Said((*self.sentences, *sentences), {**self.fields, **fields})

    @property
    def sentence(self) -> str:
        """The ids, parted by spaces."""
        return " ".join(sentence.id for sentence in self.sentences)

    @property
    def numbers(self) -> dict[str, float | None]:
        """By name; None where it is no number."""
        found = {name: value for name, value in self.fields.items() if not isinstance(value, str | Sentence)}
        return {name: float(value) if math.isfinite(value) else None for name, value in found.items()}

    @property
    def texts(self) -> dict[str, str]:
        """By name."""
        found = {name: value for name, value in self.fields.items() if isinstance(value, str | Sentence)}
        return {name: value if isinstance(value, str) else value.told for name, value in found.items()}

    @property
    def text(self) -> str:
        """In English."""
        return " ".join(map(self._filled, self.sentences))

    def told(self) -> dict[str, Any]:
        """Return the fields of an event that say it: `text`, `sentence`, `numbers`, `texts`."""
        return {
            "text": self.text,
            "sentence": self.sentence,
            "numbers": self.numbers,
            "texts": self.texts,
        }

    def _filled(self, sentence: Sentence) -> str:
        def fill(field: re.Match[str]) -> str:
            value = self.fields[field[1]] if field[1] else sentence.argument
            if isinstance(value, str | Sentence):
                text = value if isinstance(value, str) else self._filled(value)
                return text[:1].lower() + text[1:] if field[3] == "lower" else text
            return number(field, self.fields, duration)

        return FIELD.sub(fill, sentence.english)


def said(sentence: Sentence, **fields: Field) -> Said:
    """Return a sentence with its fields."""
    return Said((sentence,), fields)
