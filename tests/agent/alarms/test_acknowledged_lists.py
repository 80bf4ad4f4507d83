"""A list of alarms is acknowledged as it was shown: what grew worse or came later stays NEW."""

from agent.alarms.causes import causes
from agent.alarms.record import AlarmId
from agent.alarms.seen import grown, seen
from agent.alarms.site import Person
from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import Action, AlarmEvent, called
from agent.detect.table import TIERS, Row
from tests.agent.alarms.test_alarm_ids import Site

KIM = Person(1000, "kim")
ROWS = tuple(Row("thermal-slope", "", one, 1.0, "", 0, 0, 0, latch=False) if one else None for one in TIERS)
ADVICE, WARNING, CRITICAL = 1, 2, 3


class Rack(Site):
    """A site of two units, whose sensors get hot as a test wants them to."""

    def __init__(self) -> None:
        super().__init__("u", "v")
        self.books = {unit: AlarmBook() for unit in ("u", "v")}
        for unit, book in self.books.items():
            self.site_alarms.watch(unit, {"watch": book})

    def hot(self, sensor: int, tier: int = WARNING, unit: str = "u", string: str = "string1") -> None:
        self.clock.t_s += 1.0
        stamp = self.clock.stamp()

        def explain(channel: int, row: Row, _members: set[int]) -> AlarmEvent:
            place = f"{string}/sensor{channel}"
            return AlarmEvent(
                row.detector, row.severity, "NEW", place, "", 0.0, row.limit, row.unit, "hot", 0.0,
                name=called(row.detector, place),
            )  # fmt: skip

        change = [(sensor, string, tier)]
        changed = self.books[unit].change("thermal-slope", ROWS, change, self.clock.t_s, explain)
        self.site_alarms.found(unit, stamp, changed)

    def shown(self) -> list[tuple[str, str]]:
        return [(alarm["id"], alarm["seen"]) for alarm in self.listed().values()]

    def acknowledge(self, shown: list[tuple[str, str]]) -> dict[str, str]:
        return {one.id: one.why for one in self.site_alarms.acknowledge(shown, KIM)}


def test_what_was_shown_is_acknowledged_each_recorded_and_what_came_later_is_new() -> None:
    site = Rack()
    site.hot(1)
    site.hot(2, unit="v")
    shown = site.shown()
    site.hot(3, string="string2")
    done = site.acknowledge(shown)
    assert done == {"u:thermal-slope:string1/sensor1": "", "v:thermal-slope:string1/sensor2": ""}
    assert site.states() == {**dict.fromkeys(done, "ACK"), "u:thermal-slope:string2/sensor3": "NEW"}
    changes = [e.record for e in site.events if e.record["kind"] == "change"]
    assert [(c["what"], c["who"], c["alarm"]) for c in changes] == [("acknowledge", "kim", i) for i in done]
    assert site.states() == site.upstream()


def test_one_that_grew_worse_meanwhile_stays_new_and_says_so() -> None:
    site = Rack()
    site.hot(1, ADVICE)
    site.hot(2, unit="v")
    shown = site.shown()
    site.hot(1, CRITICAL)
    done = site.acknowledge(shown)
    worse, same = "u:thermal-slope:string1/sensor1", "v:thermal-slope:string1/sensor2"
    assert done == {worse: "it grew worse meanwhile: critical now, advice when it was shown", same: ""}
    assert site.states() == {worse: "NEW", same: "ACK"}
    assert site.acknowledge(site.shown())[worse] == "", "now that it is seen"


def test_one_that_was_over_and_came_again_is_another_one() -> None:
    site = Rack()
    site.hot(1)
    shown = site.shown()
    site.hot(1, 0)
    site.hot(1)
    assert site.acknowledge(shown) == {shown[0][0]: "it was raised anew meanwhile, 0 s ago"}
    assert set(site.states().values()) == {"NEW"}


def test_one_that_is_over_meanwhile_is_less_than_was_shown_and_is_acknowledged() -> None:
    site = Rack()
    site.hot(1)
    shown = site.shown()
    site.hot(1, 0)
    assert list(site.acknowledge(shown).values()) == [""]
    assert site.states() == {}
    (gone,) = site.site_alarms.acknowledge(shown, KIM)
    assert gone.gone
    assert "may be over already" in gone.why


def test_one_that_stands_for_more_places_than_were_shown_is_not_acknowledged() -> None:
    site = Rack()
    site.hot(1)
    shown = site.shown()
    site.hot(2)
    grew = "it grew meanwhile: it stands for 2 places now, 1 when it was shown"
    assert site.acknowledge(shown) == {"u:thermal-slope:string1/sensor1": grew}


def test_what_is_shelved_stays_shelved() -> None:
    site = Rack()
    site.hot(1)
    shown = site.shown()
    site.site_alarms.do(Action.SHELVE, shown[0][0], KIM, until_s=1e9)
    assert site.acknowledge(shown) == {shown[0][0]: "it is shelved, and comes back by itself"}
    assert set(site.states().values()) == {"SHELVED"}


def test_what_nobody_can_have_seen_is_no_proof_of_having_seen_it() -> None:
    site = Rack()
    site.hot(1)
    (name, saw) = site.shown()[0]
    for bad in ("x", saw + "0" * 30, "critical", "terrible.1:1", f"{saw} "):
        assert site.acknowledge([(name, bad)]) == {name: "what was seen of it cannot be read"}
    assert site.acknowledge([(name, "")]) == {name: ""}, "who names one alarm means it as it is"


def test_a_test_alarm_is_acknowledged_with_others() -> None:
    site = Rack()
    site.hot(1)
    site.site_alarms.test(5.0, KIM)
    assert set(site.acknowledge(site.shown()).values()) == {""}
    assert site.site_alarms.last_test
    assert site.site_alarms.last_test.seen_by == "kim"


def event(detector: str, location: str = "", **texts: str) -> AlarmEvent:
    name = called("unseen" if detector == "blind" and not location else detector, location)
    return AlarmEvent(
        detector, "warning", "NEW", location, "", 1.0, 1.0, "", "text", 5.0, name=name, texts=texts
    )


def test_causes_are_a_cable_with_its_units_or_a_family_in_a_string_and_never_what_a_unit_reports() -> None:
    said = [
        ("", event("silent-together", names="u, v", again="w")),
        ("u", event("blind")),
        ("w", event("blind")),
        ("x", event("blind")),
        ("u", event("thermal-slope", "string1/sensor1")),
        ("u", event("over-temperature", "string1/sensor2")),
        ("u", event("over-temperature", "string2/sensor9")),
        ("u", event("cell-imbalance", "string1/cell1")),
        ("u", event("reported", "string1")),
        ("u", event("reported", "string2")),
    ]
    of = list(causes([(AlarmId(unit, one.name), one) for unit, one in said]).values())
    assert of[:3] == [":silent-together:"] * 3
    assert of[4] == of[5]
    assert len(set(of)) == 7, "x, heat of two strings, voltage, and each of the reported ones are alone"
    assert of[-2:] == ["u:reported:string1", "u:reported:string2"]


def test_more_severe_in_words_is_what_more_severe_is_in_numbers() -> None:
    one = event("blind")
    assert grown(one, seen(one), 9.0) == ""
    assert grown(one, seen(one).replace("warning", "critical"), 9.0) == "", "it is less than was shown"
    assert "grew worse" in grown(one, seen(one).replace("warning", "advice"), 9.0)
