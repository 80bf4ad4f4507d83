"""Languages: catalogues are whole, a translation holds what its English holds, records say themselves."""

import re
from collections import Counter
from datetime import UTC, datetime

import pytest

from agent.detect.fields import FIELD
from agent.view.actions import ACTIONS, action_of
from agent.view.language import LANGUAGES, how_long, preferred, speaking, text_of
from agent.view.voice import voice
from tests import languages
from tests.agent.detect.explanations.test_said import SAYS

PATHS = {path.stem: path for path in languages.catalogues()}


@pytest.mark.parametrize("name", PATHS)
def test_a_catalogue_has_all_that_is_said_and_a_box_has_the_same(name: str) -> None:
    assert languages.wrong(PATHS[name]) == [], languages.HELP


@pytest.mark.parametrize("name", PATHS)
def test_a_translation_holds_the_same_numbers(name: str) -> None:
    by_id = {s.id: s.english for s in SAYS}
    for message in languages.read(PATHS[name]):
        if message.id:
            english = by_id[message.id] if message.context else str(message.id)
            assert fields(message.string) == fields(english), message.id
            assert figures(english) <= figures(message.string), message.id


def fields(text: str) -> Counter[str]:
    """The fields of a sentence, as they are written."""
    return Counter(field[0] for field in FIELD.finditer(text))


def figures(text: str) -> set[str]:
    """The numbers that stand in a sentence itself."""
    return set(re.findall(r"\d+(?:\.\d+)?", FIELD.sub(" ", text)))


RECORD = {
    "text": "Sensor string1/sensor2 heats 2.8 K/min ...",
    "sentence": "thermal-rate",
    "numbers": {
        **{"own_k_per_s": 0.0467, "temperature_degc": 48.93, "noise_times": 12.0, "certain_k_per_s": 0.04},
        **{"limit_k_per_s": 1.0 / 60.0, "rise_k": 6.0, "rise_s": 120.0},
    },
    "texts": {"who": "#sensor string1/sensor2", "rest": "#nothing", "risen": "#up"},
}


def test_the_record_of_an_alarm_says_itself_in_another_language_with_its_own_numbers() -> None:
    with speaking("ko"):
        assert text_of(RECORD) == (
            "string1/sensor2: 상승률 2.8 K/min, 발생 시 48.9 °C, 약 2분 동안 6.0 K 상승."
            " 잡음의 12배, 확실한 상승률 2.4 K/min(한계 1)."
        )
        assert how_long(4000.0) == "67분"
    assert text_of(RECORD) == RECORD["text"]
    assert how_long(4000.0) == "67 min"


@pytest.mark.parametrize(
    "change",
    [
        {"sentence": "of-a-stranger"},
        {"sentence": ""},
        {"numbers": {}},
        {"numbers": {"own_k_per_s": "hot"}},
        {"texts": {"who": "#up", "rest": "", "risen": "#no-such"}, "numbers": {}},
    ],
)
def test_what_a_record_does_not_let_one_say_is_told_in_english(change: dict[str, object]) -> None:
    with speaking("ko"):
        assert text_of({**RECORD, **change}) == RECORD["text"]


def test_a_phrase_that_holds_itself_ends() -> None:
    record = {
        "text": "x",
        "sentence": "reported",
        "numbers": {},
        "texts": {"what": "#trouble", "other": "#fell"},
    }
    with speaking("ko"):
        assert text_of(record) == "장치 자체 보고: ()."
        assert text_of({**record, "texts": {"what": "#gone", "other": "#gone"}}).count("읽히지 않음") <= 4


@pytest.mark.parametrize(
    ("accepted", "name"),
    [
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("ko_KR.UTF-8", "ko"),
        ("fr-FR,fr;q=0.9,en;q=0.8,ko;q=0.7", "en"),
        ("C.UTF-8", "en"),
        ("", "en"),
    ],
)
def test_people_are_spoken_to_in_the_first_of_their_languages_that_there_is(accepted: str, name: str) -> None:
    assert preferred(accepted) == name
    assert name in LANGUAGES


def test_the_first_line_of_an_alarm_is_korean_with_the_same_numbers_and_its_action_in_english() -> None:
    ahead = {"in_s": 660.0, "soonest_s": 600.0, "latest_s": 720.0, "to_degc": 80.0, "slope_k_per_s": 0.0467}
    present = {"seen": True, "age_s": 0.0, "value": 48.93, "unit": "degC", "ahead": ahead}
    alarm = {"unit": "랙-3", "location": "string1/sensor2", "present": present, "age_s": 0.0, **RECORD}
    alarm |= {"detector": "thermal-rate", "severity": "critical", "state": "NEW"}
    now = datetime(2026, 3, 1, 21, 4, tzinfo=UTC)
    english = voice(alarm, now)
    with speaking("ko"):
        korean = voice(alarm, now)
    assert english.place == "랙-3 string 1 sensor 2"
    assert korean.place == "랙-3 스트링 1 센서 2"
    assert korean.action == f"부하와 충전을 차단하십시오. 열지 마십시오 ({english.action})"
    assert korean.left == "21:15경 80 °C 도달(21:14~21:16, 11분 후)"
    assert figures(english.first) == figures(korean.first)
    assert any("발생 시 48.9 °C" in line for line in korean.below)


def test_what_to_do_stands_in_english_behind_its_korean_for_what_is_critical_alone() -> None:
    with speaking("ko"):
        for detector, row in ACTIONS.items():
            for severity in row.keys() & {"critical", "warning"}:
                texts = {"host": "10.0.0.9", "bus": "bus-1"}
                name, _, side = detector.partition(" ")
                texts |= {"side": f"#{side}", "cause": f"#{side}"}
                said = action_of({"detector": name, "severity": severity, "unit": "r", "texts": texts})
                assert said.endswith(f"({row[severity]})") == (severity == "critical"), said
