"""A bench that could not keep up says so: every tick that it missed counts."""

import asyncio
import time

import pytest

from hil.run.bench import Bench, Served
from hil.run.lateness import lateness
from hil.scenario.scenario import Scenario, find_scenario, load_scenario

NOBODY: dict[str, list[dict[str, object]]] = {"units": []}
FASTER = 200.0  # times: a tick of 20 s is a tenth of a second


def scenario() -> Scenario:
    return load_scenario(find_scenario("collector_outage_day"))


async def test_each_tick_counts_that_passes_while_the_bench_does_something_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, stop, ticks = Bench(scenario(), FASTER, 20.0), asyncio.Event(), []

    def slow(_unit: Served, t_s: float) -> None:
        ticks.append(t_s)
        if len(ticks) == 2:
            time.sleep(0.55)  # what is late is the bench itself
        if len(ticks) == 4:
            stop.set()

    monkeypatch.setattr(Served, "tick", slow)
    async with asyncio.timeout(10.0):
        await bench.run(stop, lambda said: None)
    assert bench.late_ticks >= 4


@pytest.mark.parametrize(("late_ticks", "blamed"), [(0, False), (97, False), (98, True)])
def test_a_run_of_which_more_than_a_fiftieth_was_late_proves_nothing(late_ticks: int, blamed: bool) -> None:
    bench = Bench(scenario(), FASTER, 20.0)
    bench.late_ticks = late_ticks  # of 4,860
    said = lateness(scenario(), bench, NOBODY, NOBODY)
    assert said == ("it was late for 1960 of 97200 seconds of the scenario" if blamed else "")


def test_cycles_of_a_unit_that_came_late_are_told_first() -> None:
    bench = Bench(scenario(), FASTER, 20.0)
    before, after = ({"units": [{"name": "rack-1", "late_cycles": late}]} for late in (3, 101))
    assert lateness(scenario(), bench, before, after).startswith(
        "98 of 4860 poll cycles of rack-1 came late;"
    )
    after["units"][0]["late_cycles"] = 100
    assert lateness(scenario(), bench, before, after) == ""
