"""docs/wire-format.md names what the code knows: every kind, key and word of it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.detect.alarms.states import Action, AlarmState
from agent.detect.rows import ROWS
from agent.detect.table import PRIORITY
from agent.quality import Quality
from agent.uplink import uplink
from agent.uplink.pace import ALARM_S
from agent.wire import ACCEPT
from agent.wire.limits import DEFAULT_LIMITS
from agent.wire.sound import _KEYS, _NEEDED
from collector.app import BODY_TIMEOUT_S
from drivers.quantities import QUANTITIES, UNITS

PAGE = (Path(__file__).parents[3] / "docs" / "wire-format.md").read_text("utf-8")


def section(heading: str) -> str:
    """A section of the page, up to the next heading."""
    found = re.search(rf"^#+ {heading}\n(.*?)(?=^#+ |\Z)", PAGE, re.M | re.S)
    assert found, heading
    return found[1]


def named(text: str) -> set[str]:
    """What stands in backticks."""
    return set(re.findall(r"`([^`]+)`", text))


def test_every_kind_and_key_of_an_event_that_is_checked_is_named() -> None:
    events = section("Events")
    assert set(_KEYS) <= named(events)
    for kind, keys in _KEYS.items():
        assert {*keys, *_NEEDED.get(kind, ())} <= named(events), kind
    for kind, keys in _NEEDED.items():
        assert all(f"**`{key}`**" in events for key in keys), kind


def types_of_keys() -> Iterator[tuple[str, str, str]]:
    """Kind, key and type of each row of the tables of events."""
    kind = "alarm"
    for line in section("Events").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4:
            kind = cells.pop(0).strip("`") or kind
        if len(cells) != 3 or not (keys := re.findall(r"`(\w+)`", cells[0])) or cells[0].endswith("`alarm`"):
            continue
        types = re.split("; " if ";" in cells[1] else r", (?!\d)", cells[1])
        yield from zip([kind] * len(keys), keys, types * len(keys) if len(types) == 1 else types, strict=True)


#: What fits a type of the page, and what does not.
FITTING: dict[str, tuple[Any, Any]] = {
    "int": (5, -1),
    "text": ("a", None),
    "number": (None, "a"),
    "bool": (True, 0),
    "bin, 16": (b"i" * 16, b"i" * 15),
    "map of numbers": ({"a": None}, {"a": "b"}),
    "map of texts": ({"a": "b"}, {"a": None}),
}


def test_the_type_of_a_key_is_what_the_code_asks() -> None:
    rows = list(types_of_keys())
    assert {kind for kind, _, _ in rows} == set(_KEYS)
    assert {(kind, key) for kind, keys in _KEYS.items() for key in keys} == {
        (kind, key) for kind, key, kind_of in rows if kind_of != "array"
    }
    for kind, key, kind_of in rows:
        if kind_of != "array":
            fits, strange = FITTING[kind_of]
            assert _KEYS[kind][key](fits), (kind, key)
            assert _KEYS[kind][key](strange) == (key in ("uid", "offset_ns")), (kind, key)


def test_every_word_of_an_enumeration_is_named() -> None:
    events = named(section("Events"))
    assert set(AlarmState) | set(PRIORITY) <= events
    acts = {str(action) for action in Action} - {Action.RAISE, Action.CLEAR}
    assert acts | {"drill", "read"} <= events
    assert {row.unit for row in ROWS} - {""} <= events
    rows = re.findall(r"^\| (\d) \| (\w+)", section("Quality"), re.M)
    assert len(rows) == len(Quality)


def test_every_unit_of_a_value_is_named() -> None:
    units = {unit for unit, _, _ in UNITS.values()} | {q.unit for q in QUANTITIES.values()}
    assert units - {""} <= named(section("Schema"))


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("Times", f"{uplink.REQUEST_TIMEOUT_S:g} s"),
        ("Times", f"{uplink.HEARTBEAT_S:g} s"),
        ("Times", f"{uplink.YIELD_S:g} s"),
        ("Times", f"{ALARM_S:g} s"),
        ("Times", f"{BODY_TIMEOUT_S:g} s"),
        ("Growth", ACCEPT),
        ("Limits", f"{DEFAULT_LIMITS.frames:,}; {DEFAULT_LIMITS.values:,} | refused"),
        ("Limits", f"{DEFAULT_LIMITS.containers:,}; {DEFAULT_LIMITS.depth} | refused"),
        ("Limits", f"{DEFAULT_LIMITS.schema_containers:,}; {DEFAULT_LIMITS.depth} | unusable"),
        ("Limits", f"{DEFAULT_LIMITS.text:,} characters; 2^40 | 400"),
        ("Limits", f"{DEFAULT_LIMITS.containers:,}; {DEFAULT_LIMITS.keys} | 413"),
        ("Limits", f"{DEFAULT_LIMITS.request >> 20} MiB; {DEFAULT_LIMITS.batches}; {DEFAULT_LIMITS.schemas}"),
    ],
)
def test_a_number_of_the_page_is_that_of_the_code(where: str, said: str) -> None:
    assert said in section(where)
