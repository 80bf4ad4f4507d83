"""A site with more cells than fit on a page: the worst unit is looked at whole, the others at a glance."""

from pathlib import Path

import numpy as np

from agent.bench.rack_300 import profile_text
from agent.cli.common.load import load
from agent.runtime import Agent
from agent.view.tiles import figure_of
from agent.web.screen import shown_units
from drivers.connect import assume
from drivers.profile.load import parse_profile
from hil.run import configuration
from tests.agent.control.test_moment import read


async def test_of_a_large_site_the_worst_unit_is_whole_and_the_others_have_their_tile(tmp_path: Path) -> None:
    (tmp_path / "bench-300.toml").write_text(profile_text())
    racks = "".join(
        configuration.tcp_unit(f"rack-{k}", 9 + k, "bench-300.toml", period_s=5.0, chemistry="LFP")
        for k in range(3)
    )
    (tmp_path / "agent.toml").write_text(configuration.agent(tmp_path, web={"listen": ""}) + racks)
    layout = assume(parse_profile(profile_text()))
    agent = Agent(*load(tmp_path / "agent.toml"))
    parts, dice = agent.parts, np.random.default_rng(1)
    for name, unit in parts.units.items():
        latest = read(layout, dice, (0.0,))
        latest.last.at_s[:] = unit.heard_s = parts.clock.boottime_s()
        parts.watching.latest[name] = latest
    parts.units["rack-1"].heard_s = None  # it is not seen: the worst

    first = await agent._report.view()
    assert first["tiles"][0]["name"] == "rack-1"
    assert [one["name"] for one in first["units"] if one["whole"]] == ["rack-1"]
    assert [first["units"][u]["name"] for u in shown_units(first, None)] == ["rack-1"]
    second = await agent._report.brief("rack-2", sentences=True)
    assert [one["name"] for one in second["units"] if one["cells"]] == ["rack-2"]
    told = [[(t["name"], t["hottest_degc"], t["away_mv"]) for t in v["tiles"]] for v in (first, second)]
    assert told[0] == told[1], "whole or not, a tile says the same"
    assert told[0][1][1] is not None
    assert all(len(figure_of(one, "hottest")["trend"]) >= 0 for one in first["units"]), "each has its line"
    parts.store.close()
