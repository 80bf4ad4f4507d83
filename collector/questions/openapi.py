"""The HTTP API's description (OpenAPI 3.1), made of the table of questions. Pure.

docs/openapi.json is what this returns; a test holds it to that.
"""

from collections.abc import Sequence
from typing import Any

from collector.questions.question import FILTERS, KINDS, Column, Question
from collector.questions.table import QUESTIONS

PATH = "/v1/query"
#: Filters that are written otherwise than they are held: the parameter, and what it is.
WRITTEN = {"from_ns": ("last", "what was so at any moment of this long up to now, such as 7d or 12h")}


def parameter(name: str) -> str:
    """What a filter is called in an address."""
    return WRITTEN[name][0] if name in WRITTEN else name


def description() -> dict[str, Any]:
    """The whole of it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cellwarden-collector",
            "version": "1",
            "description": "What people ask an archive, read only. Times are UTC in ns since 1970.",
        },
        "paths": {
            PATH: {"get": _get("Which questions there are", "questions", [], _rows(LIST))},
            **{f"{PATH}/{question.name}": {"get": _of(question)} for question in QUESTIONS.values()},
        },
        "components": {
            "schemas": {
                "error": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {"error": {"type": "string", "description": "what is wrong, in words"}},
                }
            }
        },
    }


LIST = (
    Column("name", "text", "its name, the end of its address"),
    Column("words", "text", "what is answered"),
    Column("parameters", "text", "what may narrow it, apart by commas"),
)


def listed() -> list[dict[str, str]]:
    """The answer about which questions there are."""
    return [
        {
            "name": question.name,
            "words": question.words,
            "parameters": ",".join(map(parameter, question.conditions)),
        }
        for question in QUESTIONS.values()
    ]


def _of(question: Question) -> dict[str, Any]:
    parameters = [
        {
            "name": parameter(name),
            "in": "query",
            "required": name in question.needs,
            "description": WRITTEN[name][1] if name in WRITTEN else FILTERS[name],
            "schema": {"type": "string"},
        }
        for name in question.conditions
    ]
    return _get(question.words, question.name, parameters, _rows(question.columns))


def _get(words: str, name: str, parameters: list[dict[str, Any]], rows: dict[str, Any]) -> dict[str, Any]:
    wrong = {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}}
    return {
        "summary": words,
        "operationId": name,
        "parameters": parameters,
        "responses": {
            "200": {"description": "the rows", "content": {"application/json": {"schema": rows}}},
            "400": {"description": "a parameter that cannot be understood", "content": wrong},
            "503": {"description": "the archive cannot be read", "content": wrong},
        },
    }


def _rows(columns: Sequence[Column]) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {
            "type": "object",
            "required": [column.name for column in columns],
            "properties": {column.name: _column(column) for column in columns},
        },
    }


def _column(column: Column) -> dict[str, Any]:
    kind, form = KINDS[column.kind]
    said: dict[str, Any] = {"type": [kind, "null"], "description": column.words}
    return said | ({"format": form} if form else {})
