"""Sentences free of language: docs/sentences.md has them all, and says what the agent says.

`python -m tests.agent.detect.explanations.test_said` writes its tables.
"""

import ast
import importlib
import inspect
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.alarms import site
from agent.alarms.record import about_itself, record_of
from agent.clock import Stamp
from agent.detect import doubles, identity, liveness, refused, reported, together, unseen
from agent.detect.detectors import DETECTORS
from agent.detect.explanations.case import OTHERS, PHRASES
from agent.detect.explanations.said import Field, Sentence, said
from agent.detect.fields import FIELD
from agent.runtime import agent as runtime
from agent.store import buffer_alarms
from agent.uplink import alarms as uplink_alarms
from tests.agent.detect import sayer
from tests.graph import modules

#: Files that raise alarms and are no detectors.
OTHER_FILES = (
    *(unseen, together, doubles, identity, refused, liveness, reported),
    *(site, buffer_alarms, uplink_alarms, runtime),
)
SAYS = (
    *(s for detector in DETECTORS for s in detector.says),
    *(s for file in OTHER_FILES for s in file.SAYS),
    *(OTHERS, *PHRASES),
)


def page() -> str:
    """The page as it should be, its words before the tables as they are."""
    sentences = {s.id: s for s in SAYS}
    rows = [f"| `{s.id}` | {f'`{s.english}`' if s.english else ''} |" for s in sentences.values()]
    whole = [row for row in rows if not row.startswith("| `#")]
    parts = [row for row in rows if row.startswith("| `#")]
    tables = [["| sentence | English |", "| --- | --- |", *sorted(whole)]]
    tables += [["| phrase | English |", "| --- | --- |", *sorted(parts)]]
    first, second = ("\n".join(table) for table in tables)
    head, _, _ = sayer.PAGE.read_text("utf-8").partition("## Sentences\n")
    return f"{head}## Sentences\n\n{first}\n\n## Phrases\n\n{second}\n"


def test_the_page_has_every_sentence_of_every_detector() -> None:
    assert sayer.PAGE.read_text("utf-8") == page()
    assert all(detector.says for detector in DETECTORS)


def test_an_id_has_one_meaning() -> None:
    found: dict[str, str] = {}
    for sentence in SAYS:
        assert found.setdefault(sentence.id, sentence.english) == sentence.english
        assert re.fullmatch(r"#?[a-z][a-z0-9-]*", sentence.id)


UNITS = r"(?:\w+_)?(v|a|w|bytes|ohm|degc|k|s|percent|times|k_per_s)"
COUNTS = {"beyond", "known", "others", "channels", "decimals", "units", "still", "buses", "batches"}
COUNTS |= {"moved", "wanted", "sequence", "bound", "last"}
WHOLE = [s for s in SAYS if not s.id.startswith("#")]
PARTS = [s for s in SAYS if s.id.startswith("#")]


@pytest.mark.parametrize("sentence", [*WHOLE, *PARTS], ids=lambda s: s.id)
def test_a_number_has_a_unit_in_its_name(sentence: Sentence) -> None:
    for field in FIELD.finditer(sentence.english):
        if field[3] and field[3] != "lower":
            assert field[1] in COUNTS or re.fullmatch(UNITS, field[1]), field[0]


PLAIN = [s for s in PARTS if not any(field[1] for field in FIELD.finditer(s.english))]
numbers = st.floats(-1e7, 1e7) | st.sampled_from([0.0, -0.0, math.nan, math.inf, 0.5, 89.5, 5400.0])


@given(st.sampled_from(WHOLE), st.data())
def test_a_reader_far_away_says_every_sentence_as_the_agent_does(
    sentence: Sentence, data: st.DataObject
) -> None:
    fields: dict[str, Field] = {}

    def fill(one: Sentence) -> None:
        for field in FIELD.finditer(one.english):
            name, how = field[1], field[3]
            for nested in re.findall(r"\{(\w+)\}", how or ""):
                fields[nested] = data.draw(st.integers(0, 5))
            if not name or name in fields:
                continue
            if how and how != "lower":
                fields[name] = data.draw(numbers)
            elif data.draw(st.booleans()):
                fields[name] = data.draw(st.sampled_from(["string1/cell5", "Rack 7"]))
            else:
                part = data.draw(st.sampled_from(PARTS if one is sentence else PLAIN))
                fields[name] = part.of("string2") if "{}" in part.english else part
                fill(part)

    fill(sentence)
    told = said(sentence, **fields)
    record = {"sentence": told.sentence, "numbers": told.numbers, "texts": told.texts}
    assert sayer.say(record, sayer.words_of(page())) == told.text


def test_no_detector_says_what_is_in_no_sentence() -> None:
    """`Case.event` alone makes a text; whoever changes one afterwards would say what no record does."""
    for detector in DETECTORS:
        source = ast.parse(inspect.getsource(detector.explain))
        assert not [k for k in ast.walk(source) if isinstance(k, ast.keyword) and k.arg == "text"], detector


def test_no_file_has_a_sentence_that_is_not_on_the_page() -> None:
    """A sentence in a variable of a file, or in a table there, is one of those that are declared."""
    for name, path in modules().items():
        if name.startswith("agent.") and "Sentence(" in path.read_text("utf-8"):
            found = [*_sentences(vars(importlib.import_module(name)))]
            assert {s for s in found if not s.argument} <= {*SAYS}, name


def _sentences(value: object) -> Iterator[Sentence]:
    if isinstance(value, Sentence):
        yield value
    elif isinstance(value, dict | list | tuple | set | frozenset):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _sentences(one)


def test_no_alarm_is_made_without_its_sentence() -> None:
    """Whoever makes an event tells what is said, and gives no text of its own."""
    for name, path in modules().items():
        if not name.startswith("agent.") or name == "agent.detect.alarms.states":
            continue
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "AlarmEvent":
                told = [k for k in call.keywords if k.arg is None and ".told()" in ast.unparse(k.value)]
                assert told, f"{name}, line {call.lineno}"


def test_a_record_has_its_sentence_and_one_that_an_older_version_kept_has_none() -> None:
    stamp, told = Stamp(1, 2, True), said(Sentence("so", "{x_v:.1f} V"), x_v=1.0)
    own = about_itself("buffer", told, stamp)
    record = record_of("", own, stamp)
    assert (record["text"], record["sentence"], record["numbers"]) == ("1.0 V", "so", {"x_v": 1.0})
    assert record["texts"] == {}
    before = replace(own, sentence="")
    assert not {"sentence", "numbers", "texts"} & set(record_of("", before, stamp))


if __name__ == "__main__":
    Path(sayer.PAGE).write_text(page(), "utf-8")
