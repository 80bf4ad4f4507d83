"""A question: its name, its SQL, what may narrow it, and the columns of its answer. Pure.

One text of SQL for every database: what they say differently lies in their views (docs/archive.md).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: What may narrow a question, and what that means. `from_ns` is of `--last`.
FILTERS = {
    "site": "the site: its name, or its agent's id",
    "unit": 'the unit, as "rack/unit"',
    "place": 'the place within it, as "string1/module2/cell5"',
    "from_ns": "what was so at any moment since then, in ns since 1970",
}
#: What a column holds: its JSON type, and its format there. A time is UTC in ns since 1970.
KINDS = {
    "text": ("string", None),
    "count": ("integer", "int64"),
    "time": ("integer", "int64"),
    "seconds": ("number", "double"),
    "number": ("number", "double"),
    "flag": ("boolean", None),
}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an answer. `name`: in SQL and JSON. kind: of `KINDS`. words: what it says, with its unit.
    head: over it where people read; "": it is for programs alone.
    """

    name: str
    kind: str
    words: str
    head: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """words: one sentence, what is answered. sql: a SELECT with the columns in their order, in which
    `{where}` stands for the conditions, and `:now_ns` and the filters' names for their values.

    conditions: by filter what it asks for. otherwise: what is asked for where that filter is not given.
    read: the names of the SQL's columns, where `work` makes others of them. needs: filters without which it
    is not answered. days: how far back it asks where nothing is said of that; 0: nothing limits it.
    none: what an empty answer says. finding: whether rows are a finding (exit 1). work: from rows to rows,
    what SQL cannot; `asked` has the values of the filters, and `now_ns`.
    """

    name: str
    words: str
    sql: str
    columns: Sequence[Column]
    none: str
    conditions: Mapping[str, str] = field(default_factory=dict)
    otherwise: Mapping[str, str] = field(default_factory=dict)
    finding: bool = False
    read: Sequence[str] = ()
    needs: Sequence[str] = ()
    days: int = 0
    work: Callable[[list[Row], Mapping[str, Any]], list[Row]] | None = None

    def statement(self, asked: Iterable[str]) -> str:
        """The SQL for the filters that are given. Raises ValueError where one does not narrow this, or is
        missing.
        """
        given = set(asked)
        if strange := sorted(given - set(self.conditions)):
            raise ValueError(f"{self.name} is not narrowed by {', '.join(strange)}")
        if missing := [name for name in self.needs if name not in given]:
            raise ValueError(f"{self.name} needs to know of which {' and '.join(missing)}")
        wanted = [condition for name, condition in self.conditions.items() if name in given]
        wanted += [condition for name, condition in self.otherwise.items() if name not in given]
        return self.sql.replace("{where}", " AND ".join(f"({one})" for one in wanted) or "TRUE")
