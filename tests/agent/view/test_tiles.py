"""The overview: which unit comes first, and what its tile tells."""

from agent.view.tiles import tiles
from tests.agent.view.sites import alarm, at, rack, shown, status, unit


def named(*names: str) -> dict[str, list]:
    return {name: rack() for name in names}


def test_the_worst_comes_first_and_what_is_well_keeps_its_order() -> None:
    units = [unit(name) for name in ("a", "b", "c")]
    units += [unit("blind", "BLIND", 500.0), unit("half", "PARTIAL"), unit("advised"), unit("warned")]
    units += [unit("critical"), unit("shelved")]
    alarms = [
        alarm(unit="critical", severity="critical", location=""),
        alarm(unit="warned", severity="warning"),
        alarm(unit="advised", severity="advice"),
        alarm(unit="shelved", severity="critical", state="SHELVED"),
        alarm(unit="half", severity="advice"),
    ]
    view = shown(status(units, alarms), named(*(one["name"] for one in units)))
    order = [tile["name"] for tile in view["tiles"]]
    assert order == ["critical", "blind", "warned", "half", "advised", "a", "b", "c", "shelved"]
    assert [tile["priority"] for tile in view["tiles"]] == [1, 0, 2, 3, 3, 0, 0, 0, 0]
    assert [view["units"][tile["u"]]["name"] for tile in view["tiles"]] == order


def test_a_tile_has_the_hottest_sensor_and_the_cell_that_strays_most() -> None:
    points = named("rack-1")
    at(points["rack-1"], "string2/cell17")["last"] = 3.2
    (tile,) = shown(status([unit()]), points)["tiles"]
    assert (tile["hottest_degc"], round(tile["away_mv"])) == (25.4, -40)
    assert tile["away_at"] == "string 2 cell 17"


def test_of_a_unit_that_was_never_read_nothing_is_known() -> None:
    (tile,) = shown(status([unit(knowledge="NEVER", age_s=None)]), {})["tiles"]
    assert (tile["hottest_degc"], tile["away_mv"], tile["age_s"]) == (None, None, None)
    assert tiles([], []) == []
