"""A text for people, made anywhere and said in their language where they read it (agent/view/language.py)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self


class Message(str):
    """A text in English that `tr` says in another language: it keeps its template, with fields in braces, and
    what they hold, which may be messages.
    """

    template: str
    fields: Mapping[str, object]
    spoken: Mapping[str, str] = {}  # by language, what `recorded` made: that has no template

    def __new__(cls, template: str, /, **fields: object) -> Self:
        """Make one of its template; without fields it is the text itself, braces and all."""
        made = super().__new__(cls, template.format(**fields) if fields else template)
        made.template, made.fields = template, fields
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[str], Mapping[str, object]]:
        """Return what a copy is made of."""
        return (self.template,), self.fields

    def as_json(self) -> dict[str, Any]:
        """Return it for a file that is read again."""
        return {"template": self.template, "fields": {key: _plain(f) for key, f in self.fields.items()}}

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Self:
        """Return what `as_json` told. KeyError, TypeError."""
        fields = {
            key: cls.of_json(field["message"]) if isinstance(field, dict) else field
            for key, field in told["fields"].items()
        }
        return cls(told["template"], **fields)


def _plain(field: object) -> object:
    """Return a field of a message as JSON has it."""
    if isinstance(field, Message):
        return {"message": field.as_json()}
    return field if isinstance(field, int | float) or field is None else str(field)


def message(text: str) -> Message:
    """Return a text as a message: itself, where it is one."""
    return text if isinstance(text, Message) else Message(text)


def joined(apart: str, texts: Iterable[str]) -> Message:
    """Return texts, messages or not, as one message with something between them."""
    some = {f"t{n}": text for n, text in enumerate(texts)}
    return Message(apart.join(f"{{{name}}}" for name in some), **some)


def either(texts: Sequence[str]) -> str:
    """Return texts, messages or not, of which one holds: "a or b or c"."""
    *before, last = texts
    return Message("{one} or {other}", one=either(before), other=last) if before else last


def both(texts: Sequence[str]) -> str:
    """Return texts, messages or not, of which all hold: "a and b and c"."""
    *before, last = texts
    return Message("{one} and {other}", one=both(before), other=last) if before else last


def told_by(error: BaseException) -> str:
    """Return what an error says: its message, where it has one."""
    what = error.args[0] if error.args else None
    return what if isinstance(what, Message) else str(error)
