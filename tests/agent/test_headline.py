"""The one sentence: never "normal" for what is not seen now."""

import pytest

from agent.headline import headline

HOT = {"unit": "rack-1", "severity": "critical", "state": "NEW", "text": "cell5 heats."}
ADVICE = {"unit": "rack-1", "severity": "advice", "state": "ACK", "text": "cell7 drifts."}
LIVE, BLIND = {"name": "rack-1", "knowledge": "LIVE"}, {"name": "rack-2", "knowledge": "BLIND"}


@pytest.mark.parametrize(
    ("units", "alarms", "said"),
    [
        ([LIVE], [], "NORMAL - LIVE."),
        ([LIVE], [HOT, ADVICE], "ALARM - LIVE. rack-1: cell5 heats. And 1 more."),
        ([LIVE], [ADVICE], "ATTENTION - LIVE. rack-1: cell7 drifts."),
        ([LIVE], [{**HOT, "state": "SHELVED"}], "NORMAL - LIVE."),
        ([LIVE, BLIND], [], "BLIND. LAST KNOWN: normal. Not seen: rack-2; they may be in any state."),
        ([LIVE, {**BLIND, "knowledge": "STALE"}], [], "STALE. LAST KNOWN: normal. Stale: rack-2."),
        (
            [LIVE],
            [{**HOT, "state": "CLEARED-NEW"}, ADVICE],
            "ALARM - LIVE. rack-1: cell7 drifts. And 1 more.",
        ),
        (
            [LIVE],
            [{**ADVICE, "state": "CLEARED-NEW"}],
            "ATTENTION - LIVE. Over, not acknowledged: rack-1: cell7 drifts.",
        ),
        ([], [], "NEVER. Not every unit has been read since the start."),
    ],
)
def test_condition_and_knowledge_are_said_apart(units: list, alarms: list, said: str) -> None:
    assert headline(units, alarms)["text"] == said
