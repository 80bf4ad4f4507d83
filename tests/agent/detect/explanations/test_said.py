"""Sentences free of language: docs/sentences.md has them all, and says what the agent says.

`python -m tests.agent.detect.explanations.test_said` writes its tables.
"""

import ast
import inspect
import math
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.alarms.record import about_itself, record_of
from agent.clock import Stamp
from agent.detect.detectors import DETECTORS
from agent.detect.explanations.case import OTHERS, PHRASES
from agent.detect.explanations.said import FIELD, Field, Sentence, said
from tests.agent.detect import sayer


def page() -> str:
    """The page as it should be, its words before the tables as they are."""
    sentences = {s.id: s for detector in DETECTORS for s in detector.says}
    sentences |= {s.id: s for s in (OTHERS, *PHRASES)}
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
    for sentence in (*(s for detector in DETECTORS for s in detector.says), OTHERS, *PHRASES):
        assert found.setdefault(sentence.id, sentence.english) == sentence.english
        assert re.fullmatch(r"#?[a-z][a-z0-9-]*", sentence.id)


UNITS = r"(?:\w+_)?(v|a|w|ohm|degc|k|s|percent|times|k_per_s)"
COUNTS = {"beyond", "known", "others", "channels", "decimals"}
WHOLE = [s for d in DETECTORS for s in d.says if not s.id.startswith("#")] + [OTHERS]
PARTS = [s for d in DETECTORS for s in d.says if s.id.startswith("#")] + list(PHRASES)


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


def test_a_record_has_its_sentence_and_one_of_the_agent_itself_has_none() -> None:
    stamp = Stamp(1, 2, True)
    own = about_itself("buffer", "It is full", stamp)
    assert not {"sentence", "numbers", "texts"} & set(record_of("", own, stamp))
    told = said(Sentence("so", "{x_v:.1f} V"), x_v=1.0)
    event = type(own)(**{**asdict(own), "sentence": told.sentence, "numbers": told.numbers})
    record = record_of("", event, stamp)
    assert (record["sentence"], record["numbers"], record["texts"]) == ("so", {"x_v": 1.0}, {})


if __name__ == "__main__":
    Path(sayer.PAGE).write_text(page(), "utf-8")
