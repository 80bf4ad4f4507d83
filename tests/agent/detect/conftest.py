"""Whatever an alarm says in a test of detectors can be said by docs/sentences.md alone."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.explanations.case import Case
from tests.agent.detect import sayer


@pytest.fixture(scope="session")
def words() -> sayer.Words:
    return sayer.words_of(sayer.PAGE.read_text("utf-8"))


@pytest.fixture(autouse=True)
def _said_far_away(monkeypatch: pytest.MonkeyPatch, words: sayer.Words) -> Iterator[None]:
    event_of, found = Case.event, list[AlarmEvent]()

    def event(case: Case, *given: Any, **more: Any) -> AlarmEvent:
        found.append(event_of(case, *given, **more))
        return found[-1]

    monkeypatch.setattr(Case, "event", event)
    yield
    for one in found:
        record = asdict(one)
        if set(one.sentence.split(" ")) <= set(words):  # a test may have sentences of its own
            assert sayer.say(record, words) == one.text
