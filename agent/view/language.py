"""The language that people read in: one catalogue (gettext) of all that is shown. English needs none.

A text is looked up by its English, a sentence of an alarm by its id: whoever has its record can say it, and
its English stands in docs/sentences.md. Records, logs and the wire stay English; what is
both recorded and shown is a `Message` (`agent.message`), which is English until somebody reads it.
"""

import gettext
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources
from typing import Any

from agent.detect.duration import duration
from agent.detect.fields import FIELD, number
from agent.message import Message

LANGUAGES = {"en": "English", "ko": "한국어"}  # each by its own name
ENGLISH = "en"
SENTENCE = "sentence"  # the context of a sentence's id in a catalogue
NOTHING = "-"  # what a catalogue has for a phrase that says nothing
#: By the unit that `duration` gives.
DURATIONS = {"s": "{n} s", "min": "{n} min", "h": "{n} h", "days": "{n} days"}
DEPTH = 4  # of phrases in phrases: a record may be a stranger's

_current = ContextVar("language", default=ENGLISH)


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Say everything in a language, a key of LANGUAGES, meanwhile."""
    token = _current.set(name if name in LANGUAGES else ENGLISH)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> str:
    """Return the language that is spoken: a key of LANGUAGES."""
    return _current.get()


def preferred(accepted: str) -> str:
    """Return the language that somebody reads, of an Accept-Language header or a locale's name."""
    asked = [one.strip() for one in accepted.replace(":", ",").split(",")]
    for one in sorted(asked, key=_unwanted):
        name = re.split("[-_.;@ ]", one)[0].lower()
        if name in LANGUAGES and _unwanted(one) < 1.0:
            return name
    return ENGLISH


def _unwanted(asked: str) -> float:
    """Return how little a language of an Accept-Language header is wanted: 0 most, 1 not at all."""
    share = re.search(r";\s*q=(\d*\.?\d+)", asked)
    return 1.0 - min(float(share[1]), 1.0) if share else 0.0


@cache
def catalogue(name: str) -> gettext.NullTranslations:
    """Return what a language has for our texts."""
    if name == ENGLISH:
        return gettext.NullTranslations()
    with (resources.files("agent.view") / "languages" / f"{name}.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def made_of(content: object) -> dict[str, Any]:
    """Return what the messages are made of that some content holds, by their English: it goes beside it where
    that is sent as JSON, and `put_together` makes messages of both again.
    """
    if isinstance(content, Message) and content.fields:
        return {str(content): content.as_json()}
    if isinstance(content, str | None):
        return {}
    inner = content.values() if isinstance(content, Mapping) else content
    if not isinstance(inner, Iterable):
        return {}
    return {text: told for one in inner for text, told in made_of(one).items()}


def put_together(content: Any, made_of: Mapping[str, Any]) -> Any:
    """Return content of JSON with the messages that it held when it was sent."""
    if isinstance(content, str):
        return Message.of_json(made_of[content]) if content in made_of else content
    if isinstance(content, dict):
        return {key: put_together(one, made_of) for key, one in content.items()}
    return [put_together(one, made_of) for one in content] if isinstance(content, list) else content


def tr(text: str) -> str:
    """Return a text in the language that is spoken; fields are still to be filled, but those of a message."""
    spoken = current()
    if isinstance(text, Message) and spoken in text.spoken:
        return text.spoken[spoken]
    if isinstance(text, Message) and text.fields:
        return tell(text.template, **text.fields)
    return catalogue(spoken).gettext(text) if text and spoken != ENGLISH else text


def tell(text: str, /, **fields: object) -> str:
    """Return a text in the language that is spoken, with its fields."""
    return tr(text).format(**{key: tr(f) if isinstance(f, Message) else f for key, f in fields.items()})


def recorded(say: Callable[[], str]) -> Message:
    """Return what `say` says now: in English for the record, and in the language that is spoken."""
    with speaking(ENGLISH):
        made = Message(say())
    made.spoken = {current(): say()}
    return made


def length(seconds: float) -> Message:
    """Return a length of time: "75 s", "18 min", "3.5 h", "12 days"."""
    number, unit = duration(seconds).split()
    return Message(DURATIONS[unit], n=number)


def how_long(seconds: float) -> str:
    """Return a length of time in the language that is spoken."""
    return tr(length(seconds))


def text_of(record: Mapping[str, Any]) -> str:
    """Return what the record of an alarm says; in English where it has a sentence that nobody translated."""
    told, ids = str(record.get("text", "")), str(record.get("sentence", "")).split()
    known = [_template(name) for name in ids]
    if current() == ENGLISH or not known or None in known:
        return told
    numbers, texts = record.get("numbers") or {}, record.get("texts") or {}
    try:
        return " ".join(_filled(template or "", "", numbers, texts, DEPTH) for template in known)
    except (KeyError, ValueError, TypeError):  # a record that lacks what its sentence needs
        return told


def _template(name: str) -> str | None:
    found = catalogue(current()).pgettext(SENTENCE, name)
    return None if found == name else "" if found == NOTHING else found


def _filled(
    template: str, argument: str, numbers: Mapping[str, Any], texts: Mapping[str, Any], depth: int
) -> str:
    def fill(field: re.Match[str]) -> str:
        if not field[1]:
            return argument
        if field[1] in texts:
            return _phrase(str(texts[field[1]]), numbers, texts, depth - 1)
        return number(field, numbers, how_long)

    return FIELD.sub(fill, template)


def _phrase(text: str, numbers: Mapping[str, Any], texts: Mapping[str, Any], depth: int) -> str:
    """Return a text of a record; where it begins with the id of a phrase, that phrase."""
    name, _, argument = text.partition(" ")
    template = _template(name) if name.startswith("#") and depth > 0 else None
    return text if template is None else _filled(template, argument, numbers, texts, depth)
