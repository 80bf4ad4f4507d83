"""What people are shown: never normal for what is not seen, never a figure that hides what it is made of."""

from math import nan

from agent.modbus.came import Came, Kind
from agent.view.alarms import counts
from agent.view.cells import band, spoken
from agent.view.raised import Raised
from agent.view.trends import Trends
from agent.view.unseen import unseen_lines
from tests.agent.view.sites import NOW, alarm, at, point, rack, record, shown, status, unit


def figure(view: dict, key: str) -> dict:
    return next(f for f in view["units"][0]["figures"] if f["key"] == key)


def box(view: dict, place: str) -> dict:
    return next(b for b in view["units"][0]["cells"] if b["place"] == place)


def test_a_cell_is_held_against_the_median_of_its_own_string() -> None:
    points = rack()
    at(points, "string2/cell17")["last"] = 3.222
    unit_ = shown(status([unit()]), {"rack-1": points})["units"][0]
    assert unit_["sentence"] == (
        "240 cells: 239 in band, 0 high, 1 low, 0 in alarm, 0 unknown;"
        " 4 sensors: 4 in band, 0 high, 0 low, 0 in alarm, 0 unknown; worst string 2 cell 17"
    )
    cell = next(b for b in unit_["cells"] if b["place"] == "string2/cell17")
    assert (cell["name"], cell["mark"], cell["mv"]) == ("string 2 cell 17", "-", -18.0)
    assert spoken(cell) == "String 2 cell 17, 3.222 volts, 18 millivolts below median"


def test_the_band_is_the_packs_own_spread_and_never_finer_than_its_register() -> None:
    def bands(mv: list[float]) -> float:
        return band([{"v": x / 1e3, "mv": x} for x in mv], "v", "mv", 1e3, 10.0)

    assert bands([0.0] * 20 + [1.0]) == 3.0
    assert bands([0.0] * 20 + [10.0]) == 30.0
    assert bands([-5.0, 0.0, 5.0, 6.0] * 6 + [900.0] * 3) == 29.7
    assert bands([0.0, 50.0]) == 10.0, "too few to tell"
    assert bands([0.0] * 20) == 10.0


def test_an_alarm_marks_its_cell_and_says_what_to_do_who_saw_it_and_how_often() -> None:
    this = alarm(state="ACK", forecast="", evidence_for="it sank at once")
    log = [
        record(this, "NEW", 4000.0),
        record(this, "NORMAL", 3900.0),
        record(this, "NEW", 866.0),
        {
            **record(this, "ACK", 650.0),
            "kind": "change",
            "what": "acknowledge",
            "who": "kim",
            "alarm": this["id"],
        },
    ]
    view = shown(status([unit()], [this], log), {"rack-1": rack()})
    (row,) = view["alarms"]["active"]
    assert (row["where"], row["priority"], row["state"]) == ("rack-1 string 2 cell 17", 2, "ACK")
    assert (row["raised"], row["zone"]) == ("13:48:05", "+02:00")
    assert (row["then"], row["limit"], row["times_24h"]) == ("18 mV", "12 mV", 2)
    assert row["by"] == "kim, 13:51:41"
    assert row["evidence"] == ["For it, when raised: it sank at once"]
    assert row["do"] == "Measure the cell by hand."
    assert box(view, "string2/cell17")["mark"] == "2"
    assert view["log"][0]["text"] == "acknowledge by kim rack-1:cell-imbalance:string2/cell17"


def test_an_acknowledgement_of_an_earlier_alarm_is_not_told_of_this_one() -> None:
    this = alarm()
    earlier = {
        **record(this, "ACK", 3950.0),
        "kind": "change",
        "what": "acknowledge",
        "who": "kim",
        "alarm": this["id"],
    }
    view = shown(status([unit()], [this], [earlier, record(this, "NEW", 866.0)]), {"rack-1": rack()})
    assert view["alarms"]["active"][0]["by"] == ""


def test_a_blind_unit_has_no_figures_only_last_ones_and_its_alarms_are_last_known() -> None:
    blind = unit(knowledge="BLIND", age_s=1100.0)
    view = shown(status([blind], [alarm()]), {"rack-1": rack(age_s=1100.0)})
    assert [f["value"] for f in view["units"][0]["figures"]] == [None] * 8
    assert (figure(view, "voltage")["last"], figure(view, "voltage")["sight"]) == (768.4, "blind")
    assert {b["mark"] for b in view["units"][0]["cells"]} == {"?"}
    assert view["alarms"]["active"][0]["knowledge"] == "last known"
    said = view["units"][0]["blind"]
    assert (said["since"], said["for"], said["warning"]) == (
        "13:44:11",
        "18 min",
        "The battery may be in any state.",
    )
    assert "in band" not in view["units"][0]["sentence"].replace("0 in band", "")
    assert view["units"][0]["link"]["letter"] == "F"


def test_a_stale_unit_keeps_its_values_with_their_age_and_calls_none_of_its_cells_in_band() -> None:
    view = shown(status([unit(knowledge="STALE", age_s=22.0)]), {"rack-1": rack(age_s=22.0)})
    assert (figure(view, "max")["value"], figure(view, "max")["sight"]) == (3.281, "stale")
    assert {b["mark"] for b in view["units"][0]["cells"]} == {"~"}


def test_a_figure_of_a_part_of_the_cells_says_so() -> None:
    points = rack()
    for c in range(1, 13):
        at(points, f"string3/cell{c}").update(value=None, quality="no_reply", last_age_s=30.0)
    view = shown(status([unit(knowledge="PARTIAL")]), {"rack-1": points})
    assert (figure(view, "min")["n"], figure(view, "min")["m"]) == (228, 240)
    assert box(view, "string3/cell1")["mark"] == "~"
    assert box(view, "string3/cell13")["mark"] == ""
    assert "12 stale" in view["units"][0]["sentence"]


def test_a_sensor_that_the_unit_says_it_has_not_is_neither_in_band_nor_missed() -> None:
    points = rack(1, 4)
    points.append(point("cell_voltage", "string1/cell5", None, None, quality="missing"))
    points.append(point("cell_voltage", "string1/cell6", None, None, quality="no_reply"))
    view = shown(status([unit()]), {"rack-1": points})
    assert figure(view, "min")["m"] == 5
    assert "1 unknown, 1 without a sensor" in view["units"][0]["sentence"]


def test_currents_of_parallel_strings_add_up_and_their_voltages_do_not() -> None:
    points = [point("current", f"string{s}", 2.0) for s in (1, 2)]
    points += [point("voltage", f"string{s}", 48.0 + s) for s in (1, 2)]
    view = shown(status([unit()]), {"rack-1": points})
    assert (figure(view, "current")["value"], figure(view, "voltage")["value"]) == (4.0, 49.5)


def test_a_flood_is_one_line_for_each_string_with_what_was_first_on_top() -> None:
    these = [alarm(f"string{s}/cell{c}", age_s=60.0 - c) for s in (1, 2) for c in range(1, 7)]
    log = [record(a, "NEW", a["age_s"]) for a in these]
    view = shown(status([unit()], these, log), {"rack-1": rack()})
    assert view["alarms"]["counts"]["flood"]
    assert [(r["location"], r["more"]) for r in view["alarms"]["active"]] == [
        ("string1/cell1", 5),
        ("string2/cell1", 5),
    ]


def test_alarms_are_counted_and_one_that_comes_and_goes_three_times_a_minute_chatters() -> None:
    this = alarm()
    log = [
        record(this, state, ago)
        for ago, state in ((50, "NEW"), (40, "NORMAL"), (30, "NEW"), (20, "NORMAL"), (9, "NEW"))
    ]
    counts = shown(status([unit()], [this], log), {"rack-1": rack()})["alarms"]["counts"]
    assert (counts["last_10_min"], counts["chattering"], counts["last_ended"]) == (3, 1, "14:02:11")


def blind_block(bus: dict, alarms: list | None = None, **more: object) -> dict:
    said = status([unit(knowledge="BLIND", age_s=1100.0, **more)], alarms, buses=[bus])
    return shown(said, {"rack-1": rack()})["units"][0]["blind"]


def test_a_silent_unit_says_what_came_what_is_likely_and_how_often_it_was_asked() -> None:
    came = Came(Kind.NOTHING, "does not answer").as_json()
    said = blind_block(
        {"name": "line", "open": True, "trouble": "", "came": None}, came=came, trouble=came["text"]
    )
    assert said["cause"] == (
        "CW-201: it does not answer; device off or cable out; A/B swapped; another id or line setting"
    )
    assert said["tried"] == "it was polled 12 times since its last answer, and is polled again every 8 s"
    assert said["next"] == "cellwarden doctor"


def test_a_unit_on_a_bus_that_cannot_be_opened_names_the_trouble_of_the_bus() -> None:
    why = "/dev/ttyUSB0: no such device; see what is plugged in"
    bus = {"name": "line", "port": "/dev/ttyUSB0", "open": False, "trouble": why, "came": None}
    said = blind_block(bus, trouble="", in_vain=0)
    assert (said["cause"], said["tried"]) == (
        why,
        "its port /dev/ttyUSB0 is opened again and again, at most 8 s apart",
    )
    came = Came(Kind.NOT_TAKEN, "refuses the connection", frames="tcp").as_json()
    said = blind_block({**bus, "came": came}, trouble="")
    assert said["cause"].startswith(f"CW-103: {why}; another port; Modbus TCP is switched off")


def test_another_master_on_the_line_and_who_fell_silent_with_it_are_told_beside_the_cause() -> None:
    together = alarm("", unit="", detector="silent-together", texts={"names": "rack-1, rack-2"})
    bus = {"name": "line", "open": True, "trouble": "another master asks on this line", "came": None}
    said = blind_block(bus, [together], trouble="is busy")
    assert said["cause"] == ("silent with rack-2: what they share; is busy; another master asks on this line")
    over = blind_block(bus, [{**together, "state": "CLEARED-NEW"}], trouble="is busy")
    assert over["cause"].startswith("is busy")


def test_ten_units_of_one_cause_are_one_paragraph_and_others_have_their_own() -> None:
    names = [f"rack-{k}" for k in range(1, 11)]
    together = alarm("", unit="", detector="silent-together", texts={"names": ", ".join(names)})
    units = [unit(name, "NEVER", None) for name in names] + [unit("rack-11", "BLIND", 90.0), unit("rack-12")]
    bus = {"line": {"name": "line", "open": True, "trouble": "", "came": None}}
    first, other = unseen_lines(units, bus, [together], NOW)
    assert first.startswith("rack-1, rack-2, rack-3 and 7 more: NEVER since the start. The battery may be in")
    assert "Likely: they are silent together: what they share; " in first
    assert other.startswith("rack-11: BLIND since 14:01:01 (2 min).")
    assert "Answered 99.8 % of the last hour." in other
    alone = unseen_lines(units[:2], bus, [{**together, "state": "CLEARED-NEW"}], NOW)
    assert [line.partition(":")[0] for line in alone] == ["rack-1", "rack-2"]


def test_a_trend_has_a_gap_where_nothing_was_known_and_an_hour_counts_the_time_that_was_due() -> None:
    trends = Trends()
    for i in range(130):
        trends.begin()
        trends.take("rack-1", {"min": nan if i == 125 else 3.2}, 10.0 * i, 5.0 * i)
    line = trends.of("rack-1", "min")
    assert len(line) == 120
    assert [i for i, y in enumerate(line) if y is None] == [115]
    assert trends.answered("rack-1", 1300.0, 650.0) == 50.0
    trends.take("rack-1", {}, 10.0, 1.0)
    assert trends.answered("rack-1", 20.0, 11.0) == 55.0, "it was taken away, and is polled anew"
    assert trends.answered("rack-2", 0.0, 0.0) is None, "nothing was due yet"


def test_an_alarm_that_grows_worse_does_not_chatter_and_has_come_once() -> None:
    this = alarm(severity="critical", age_s=10.0)
    log = [
        record({**this, "severity": severity}, "NEW", ago)
        for ago, severity in ((50, "advice"), (30, "warning"), (10, "critical"))
    ]
    view = shown(status([unit()], [this], log), {"rack-1": rack()})
    assert view["alarms"]["counts"]["chattering"] == 0
    (row,) = view["alarms"]["active"]
    assert (row["times_24h"], row["raised"]) == (1, "14:02:21")
    assert view["alarms"]["counts"]["raised"] == {"24": [0, 2, 0], "168": [1, 4, 1]}


def test_when_the_last_alarm_ended_is_known_over_a_restart() -> None:
    ended_ns = round((NOW.timestamp() - 3 * 86400) * 1e9)
    assert counts([], [], NOW, Raised({}, ended_ns))["last_ended"] == "22 Nov 14:02"
    log = [record(alarm(), "NORMAL", 60.0)]
    assert counts([], log, NOW, Raised({}, ended_ns))["last_ended"] == "14:01:31"


def test_limits_that_are_not_there_or_were_made_wider_are_notes_and_no_fault_of_the_link() -> None:
    why, wide = "no voltage limit known: set chemistry", "cell_voltage: wider; reviewed by A: why"
    found = shown(
        status([unit(knowledge="PARTIAL", limits={"unknown": why, "widened": []})]), {"rack-1": rack()}
    )
    assert found["units"][0]["notes"] == [why], "and not that its liveness cannot be proven"
    assert found["units"][0]["link"]["letter"] == ""
    found = shown(status([unit(limits={"unknown": "", "widened": [wide]})]), {"rack-1": rack()})
    assert found["units"][0]["notes"] == [wide]
    other = shown(status([unit(knowledge="PARTIAL")]), {"rack-1": rack()})
    assert other["units"][0]["link"]["letter"] == "S"
