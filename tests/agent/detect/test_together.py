"""Several units silent at once: when it is one alarm, and what it says."""

import pytest

from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import Action, AlarmEvent
from agent.detect.together import Together, Told, UnitContact, _member


def units_of(*last_s: float | None, period_s: float = 1.0, buses: str = "aaaaaaaa") -> dict[str, UnitContact]:
    return {
        f"rack-{k}": UnitContact(s, period_s, f"rs485-{bus}")
        for k, (s, bus) in enumerate(zip(last_s, buses, strict=False))
    }


def of_site(told: list[Told]) -> list[AlarmEvent]:
    return [event for unit, event in told if not unit]


def states(told: list[Told]) -> list[str]:
    return [event.state for event in of_site(told)]


def left(told: list[Told]) -> list[str]:
    return [unit for unit, event in told if unit and event.state == "NORMAL"]


def text(together: Together) -> str:
    (event,) = together.book.active()
    return event.text


@pytest.mark.parametrize(
    ("last_s", "period_s", "raised"),
    [
        ((1000.0, 1000.0), 1.0, False),  # ten seconds of silence, however short the period
        ((999.9, 999.9), 1.0, True),
        ((999.9, 1000.1), 1.0, False),
        ((999.9,), 1.0, False),
        ((999.9, None), 1.0, False),
        ((999.9, 999.9, None), 1.0, True),  # who was never read is nobody to wait for
        ((None, None), 1.0, False),
        ((995.0, 995.0), 5.0, False),  # three polls
        ((994.9, 994.9), 5.0, True),
        ((900.0, 960.0), 1.0, True),  # within a minute of each other
        ((899.9, 960.0), 1.0, False),
        ((100.0, 900.0, 960.0), 1.0, True),
        ((100.0, 200.0, 300.0), 1.0, False),
    ],
)
def test_units_fell_silent_together_if_two_did_within_a_minute(
    last_s: tuple[float | None, ...], period_s: float, raised: bool
) -> None:
    events = Together().judge(1010.0, units_of(*last_s, period_s=period_s))
    assert states(events) == ["NEW"] * raised


def test_its_event_counts_the_units_and_names_them() -> None:
    ((unit, event),) = Together().judge(1010.0, units_of(990.0, 985.0, 1009.0))
    assert (unit, event.detector, event.severity, event.state) == ("", "silent-together", "warning", "NEW")
    assert (event.value, event.limit, event.value_unit, event.t_s, event.since_s, event.count) == (
        2, 2.0, "units", 1010.0, 985.0, 2,
    )  # fmt: skip
    assert event.text == (
        "2 units fell silent together (rack-0, rack-1), 25 s before this was raised; on rs485-a: a cable"
        " beyond the last unit that answers, or a common supply."
    )


def test_who_fell_silent_at_another_time_is_not_in_it() -> None:
    together = Together()
    units = units_of(100.0, 900.0, 960.0)
    (event,) = of_site(together.judge(1010.0, units))
    assert "(rack-1, rack-2)" in event.text
    assert together.listed(units) == {"rack-1", "rack-2"}
    units["rack-3"] = UnitContact(1025.0, 1.0, "rs485-a")  # 65 s later
    assert together.judge(1040.0, units) == []
    assert together.listed(units) == {"rack-1", "rack-2"}


def test_two_causes_are_two_alarms() -> None:
    together = Together()
    units = units_of(100.0, 100.0, 900.0, 900.0, buses="aabb")
    told = of_site(together.judge(1010.0, units))
    assert ["(rack-0, rack-1)" in told[0].text, "(rack-2, rack-3)" in told[1].text] == [True, True]
    assert len({event.name for event in told}) == 2


@pytest.mark.parametrize(
    ("last_s", "buses", "cause"),
    [
        ((990.0, 990.0), "aa", "all units of rs485-a: look at its adapter, cable and supply first"),
        ((990.0, 990.0, 1009.0), "aab", "all units of rs485-a: look at its adapter, cable and supply first"),
        ((990.0, 990.0, 1009.0), "aaa", "on rs485-a: a cable beyond the last unit that answers"),
        ((100.0, 990.0, 990.0), "aaa", "all units of rs485-a: look at its adapter"),
        ((990.0, 990.0, None), "aaa", "all units of rs485-a: look at its adapter"),
        ((990.0, 990.0, 1009.0), "aba", "on 2 buses: look for a common supply or switch"),
        ((990.0, 990.0), "ab", "on 2 buses: look for a common supply or switch"),
    ],
)
def test_the_cause_is_where_all_of_them_are(last_s: tuple[float | None, ...], buses: str, cause: str) -> None:
    (event,) = of_site(Together().judge(1010.0, units_of(*last_s, buses=buses)))
    assert f"; {cause}" in event.text


def at_hosts(*hosts: str, last_s: float | None = 990.0, trouble: str = "") -> dict[str, UnitContact]:
    """Two units on each bus."""
    return {
        f"rack-{k}": UnitContact(last_s, 1.0, f"bus-{k // 2}", host, trouble)
        for k, host in enumerate(host for host in hosts for _ in range(2))
    }


@pytest.mark.parametrize(
    ("units", "cause"),
    [
        (
            at_hosts("10.0.0.5"),
            "all units of bus-0: look at the gateway 10.0.0.5, its network and power first.",
        ),
        (
            at_hosts("", trouble="ttyUSB0: gone"),
            "look at its adapter, cable and supply first (ttyUSB0: gone).",
        ),
        (
            at_hosts("10.0.0.5", "10.0.0.5"),
            "all units of bus-0, bus-1: look at their gateway 10.0.0.5, its network and power first.",
        ),
        (
            at_hosts("10.0.0.5", "10.0.0.5") | {"well": UnitContact(1009.0, 1.0, "bus-1", "10.0.0.5")},
            "some units of bus-0, bus-1: look at their gateway 10.0.0.5, its network and power first.",
        ),
        (at_hosts("10.0.0.5", "10.0.0.6"), "on 2 buses: look for a common supply or switch"),
        (at_hosts("", ""), "on 2 buses: look for a common supply or switch"),
    ],
)
def test_buses_of_one_host_have_its_gateway_in_common(units: dict[str, UnitContact], cause: str) -> None:
    (event,) = of_site(Together().judge(1010.0, units))
    assert cause in event.text


def test_units_leave_it_one_by_one_each_with_an_event_and_the_last_one_ends_it() -> None:
    together = Together()
    units = units_of(990.0, 990.0, 990.0, 990.0)
    together.judge(1010.0, units)
    for name, t_s in (("rack-1", 1100.0), ("rack-3", 1200.0)):
        units[name] = UnitContact(t_s, 1.0, "rs485-a")
        assert together.judge(t_s, units) == [], "it is read for ten seconds before that counts"
        units[name] = UnitContact(t_s + 10.0, 1.0, "rs485-a")
        ((unit, event),) = together.judge(t_s + 10.0, units)
        assert (unit, event.name, event.state) == (name, "silent-together:", "NORMAL")
        units[name] = UnitContact(1e9, 1.0, "rs485-a")
    assert event.text == (
        "It is read again; of the 4 units that fell silent together still silent: rack-0, rack-2."
    )
    assert text(together) == (
        "2 of 4 units that fell silent together are still silent (rack-0, rack-2); on rs485-a: a cable beyond"
        " the last unit that answers, or a common supply. Read again: rack-1, rack-3."
    )
    assert together.listed(units) == {"rack-0", "rack-2"}
    units["rack-0"] = UnitContact(1300.0, 1.0, "rs485-a")
    together.judge(1300.0, units)
    units["rack-0"] = UnitContact(1310.0, 1.0, "rs485-a")
    told = together.judge(1310.0, units)
    assert (left(told), states(told)) == (["rack-0"], ["CLEARED-NEW"])
    assert together.listed(units) == frozenset(), "what the last one has is its own"


def test_all_that_come_back_at_once_leave_it_at_once() -> None:
    together = Together()
    together.judge(1010.0, units_of(990.0, 990.0))
    together.judge(1110.0, units_of(1100.0, 1100.0))  # ten seconds old is not silent
    assert together.judge(1110.0, units_of(1109.5, 1109.5)) == []
    told = together.judge(1110.0, units_of(1110.0, 1110.0))
    assert (left(told), states(told)) == (["rack-0", "rack-1"], ["CLEARED-NEW"])
    text = "It is read again; of the 2 units that fell silent together none of them is silent any more."
    assert {event.text for unit, event in told if unit} == {text}
    assert {event.since_s for unit, event in told if unit} == {990.0}


def test_who_answers_now_and_then_stays_in_it() -> None:
    together = Together()
    units = units_of(990.0, 990.0, 1009.0)
    together.judge(1010.0, units)
    for t_s in (1100.0, 1130.0, 1160.0, 1190.0):
        units["rack-0"] = UnitContact(t_s, 1.0, "rs485-a")
        units["rack-2"] = UnitContact(t_s + 15.0, 1.0, "rs485-a")
        assert together.judge(t_s + 1.0, units) == together.judge(t_s + 15.0, units) == []
    assert together.listed(units) == {"rack-0", "rack-1"}


def test_who_falls_silent_at_once_but_is_found_later_joins_and_it_is_told_again() -> None:
    together = Together()
    units = units_of(990.0, 990.0) | {"slow": UnitContact(985.0, 30.0, "rs485-b")}
    assert states(together.judge(1010.0, units)) == ["NEW"]
    units["overdue"] = UnitContact(1070.0, 1.0, "rs485-b")  # nobody waits for it: the alarm stands already
    (again,) = of_site(together.judge(1076.0, units))
    assert (again.state, again.count, again.t_s) == ("NEW", 3, 1076.0)
    assert again.text.startswith(
        "3 units fell silent together (rack-0, rack-1, slow), 20 s before this was raised"
    )
    assert "on 2 buses: look for a common supply or switch" in again.text
    together.book.do(Action.ACKNOWLEDGE, again.name, 1080.0)
    units["late"] = UnitContact(1000.0, 40.0, "rs485-b")
    (told,) = of_site(together.judge(1125.0, units))
    assert told.state == "ACK"


def test_units_of_long_periods_fell_silent_at_once_within_a_period() -> None:
    units = units_of(1000.0, 1250.0, period_s=300.0)
    assert states(Together().judge(2200.0, units)) == ["NEW"]
    units = units_of(1000.0, 1310.0, period_s=300.0)
    assert Together().judge(2300.0, units) == []


def never(
    buses: str, *, hosts: str = "", lost: str = "", unseen_s: float = 61.0, alone: str = ""
) -> dict[str, UnitContact]:
    """Units that were not read since the start. lost, alone: numbers of those that are."""
    return {
        f"rack-{k}": UnitContact(
            None,
            1.0,
            f"bus-{bus}",
            hosts[k] if hosts else "",
            unseen_s=unseen_s,
            lost=not lost or str(k) in lost,
            alone=str(k) in alone,
        )
        for k, bus in enumerate(buses)
    }


HEARD = {"heard": UnitContact(1009.0, 1.0, "bus-z", "z")}


@pytest.mark.parametrize(
    ("units", "lists"),
    [
        (never("aaa") | HEARD, [3]),
        (never("aaa", lost="1") | HEARD, [3]),  # the first of them is out of sight, nothing else was read
        (never("aaa", lost="9") | HEARD, []),  # none is out of sight yet
        (never("aaa", unseen_s=10.0) | HEARD, []),
        (never("aaa", unseen_s=9.0) | HEARD, []),  # they had no time to answer
        (never("aa") | {"heard": UnitContact(1009.0, 1.0, "bus-a")}, []),  # each of them its own
        (never("aa") | {"was": UnitContact(500.0, 1.0, "bus-a", unseen_s=510.0, lost=True)} | HEARD, []),
        (never("ab") | HEARD, []),
        (never("a") | HEARD, []),
        (never("ab"), [2]),  # of the whole site nothing is read
        (never("aabb") | HEARD, [2, 2]),
        (never("ab", hosts="xx") | HEARD, [2]),
        (never("abc", hosts="xxz") | HEARD, [2]),
        (never("aaa", alone="0") | HEARD, [2]),
        (never("aaa", alone="01") | HEARD, []),
    ],
)
def test_units_that_were_never_read_share_a_cause_where_nothing_beside_them_answers(
    units: dict[str, UnitContact], lists: list[int]
) -> None:
    told = of_site(Together().judge(1010.0, units))
    assert sorted(event.count for event in told) == lists
    for event in told:
        assert f"{event.count} units were not read since the start" in event.text
        assert event.since_s <= 1010.0 - 10.0


def test_who_was_never_read_joins_what_was_kept_of_its_bus_and_for_ten_minutes_only() -> None:
    for later_s, lists in ((600.0, 3), (601.0, 2)):
        before = Together()
        before.judge(1010.0, units_of(990.0, 990.0, 1009.0, 1009.0, buses="aabz"))
        book = AlarmBook()
        book.from_plain(before.book.to_plain())
        units = {
            name: UnitContact(None, 1.0, bus, unseen_s=61.0, lost=True)
            for name, bus in (("rack-0", "a"), ("rack-1", "a"), ("rack-2", "a"), ("other", "b"))
        } | HEARD
        after = Together(book)
        after.judge(1010.0 + later_s, units)
        assert len(after.listed(units)) == lists
        assert "other" not in after.listed(units)


def test_a_unit_that_had_no_time_to_answer_since_the_agent_is_awake_is_not_accused() -> None:
    units = {f"rack-{k}": UnitContact(990.0, 1.0, "rs485-a", fair=False) for k in range(2)}
    assert Together().judge(4000.0, units) == []
    never_read = {
        f"rack-{k}": UnitContact(None, 1.0, "a", unseen_s=99.0, lost=True, fair=False) for k in range(2)
    }
    assert Together().judge(4000.0, never_read) == []


def test_a_cause_that_somebody_put_aside_takes_no_unit_in_and_out_of_service_hides_none() -> None:
    together = Together()
    units = units_of(990.0, 990.0, 1009.0)
    together.judge(1010.0, units)
    (event,) = together.book.active()
    together.book.do(Action.SHELVE, event.name, 1010.0, 9e9)
    units["rack-2"] = UnitContact(1009.0, 1.0, "rs485-a")
    assert together.judge(1030.0, units) == []
    assert together.listed(units) == {"rack-0", "rack-1"}
    together.book.do(Action.REMOVE, event.name, 1040.0)
    assert together.listed(units) == frozenset()


def test_a_unit_that_is_not_polled_any_more_leaves_it() -> None:
    together = Together()
    units = units_of(990.0, 990.0, 990.0)
    together.judge(1010.0, units)
    del units["rack-1"]
    assert together.judge(1020.0, units) == []
    assert text(together) == (
        "2 of 3 units that fell silent together are still silent (rack-0, rack-2); all units of rs485-a: look"
        " at its adapter, cable and supply first."
    )
    del units["rack-2"]
    assert states(together.judge(1030.0, units)) == ["CLEARED-NEW"]


def test_it_waits_ten_seconds_for_a_unit_that_is_overdue() -> None:
    for overdue_s, t_s, raised in (
        (3.0, 1010.0, True),  # three polls are not overdue
        (3.5, 1010.0, False),
        (3.5, 1020.0, False),
        (3.5, 1020.5, True),
    ):
        together = Together()
        together.judge(1010.0, units_of(999.0, 999.0, 1010.0 - overdue_s))
        events = together.judge(t_s, units_of(999.0, 999.0, t_s - overdue_s))
        stood = bool(together.book.standing())
        assert stood == raised
        assert states(events) == ["NEW"] * (raised and t_s > 1010.0)


def test_who_answers_meanwhile_begins_the_wait_anew() -> None:
    together = Together()
    assert together.judge(1010.0, units_of(999.0, 999.0, 1006.0)) == []
    assert together.judge(1015.0, units_of(1014.0, 999.0, 1014.0)) == []
    assert together.judge(1025.0, units_of(1014.0, 1014.0, 1021.0)) == []
    assert together.judge(1035.0, units_of(1014.0, 1014.0, 1031.0)) == []
    assert states(together.judge(1035.5, units_of(1014.0, 1014.0, 1031.5))) == ["NEW"]


def test_an_alarm_that_was_kept_goes_on_with_its_list() -> None:
    before = Together()
    before.judge(1010.0, units_of(990.0, 990.0, 990.0, 1009.0))
    book = AlarmBook()
    book.from_plain(before.book.to_plain())
    after = Together(book)
    units = units_of(None, None, None, None)
    assert after.judge(1020.0, units) == []
    assert after.listed(units) == {"rack-0", "rack-1", "rack-2"}
    assert "fell silent together" in text(after)
    after.judge(1030.0, units_of(1029.0, 1029.0, None, 1029.0))
    told = after.judge(1040.0, units_of(1039.0, 1039.0, None, 1039.0))
    assert (left(told), states(told)) == (["rack-0", "rack-1"], ["CLEARED-NEW"])
    (again,) = of_site(after.judge(1070.0, units_of(1050.0, 1050.0, 1069.0, 1069.0)))
    assert (again.state, again.name) == ("NEW", "silent-together:"), "it was not acknowledged, and goes on"
    assert len(after.book.all()) == 1


def test_what_a_unit_is_called_in_a_kept_alarm_never_changes() -> None:
    assert _member("rack-1") == ("silent-together", 10063077059635)
