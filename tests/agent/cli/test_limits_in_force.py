"""cellwarden limits and check: whose each limit is, what a site made wider, and what has no limit."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.config.file import load_config
from hil.run import configuration

PROFILE = """
schema = 1
model = "mine"
transports = ["tcp"]
[limits.cell_voltage]
operating = [2.8, 3.55]
safety = [2.5, 3.65]
[limits.current]
operating = [-100, 50]
[[point]]
name = "cell_voltage"
address = 0
count = 4
unit = "mV"
[[point]]
name = "cell_temperature"
address = 10
count = 2
unit = "degC"
scale = 0.1
[[point]]
name = "pack_current"
address = 20
type = "i16"
scale = 0.1
unit = "A"
"""
REVIEW = 'reviewed_by = "A. Engineer"\nwhy = "cells of maker B"\n'


def site(folder: Path, limits: str = "", profile: str = PROFILE, **unit: Any) -> Path:
    (folder / "mine.toml").write_text(profile)
    text = configuration.agent(folder, "http://127.0.0.1:1/")
    text += configuration.tcp_unit("rack-1", 1, "./mine.toml", **unit) + limits
    path = folder / "agent.toml"
    path.write_text(text)
    return path


def table(quantity: str, tier: str, **keys: float) -> str:
    said = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[[detection.limit]]\nquantity = "{quantity}"\ntier = "{tier}"\n{said}'


def in_force(path: Path) -> list[tuple[str, str, str, str]]:
    found = CliRunner().invoke(main, ["limits", "--config", str(path), "--json"])
    limits = json.loads(found.stdout.splitlines()[0])["limits"]
    return [(of["what"], of["bounds"], of["beyond"], of["source"]) for of in limits]


def test_each_limit_is_shown_with_whose_it_is(tmp_path: Path) -> None:
    limits = table("cell_voltage", "operating", high=3.5) + table("soc", "operating", low=10)
    found = in_force(site(tmp_path, limits, chemistry="LFP"))
    ours, profile = "set by the site", "profile mine"
    for line in (
        ("cell_voltage", "below 2.8 V", "alarm: advice (operating)", profile),
        ("cell_voltage", "over 3.5 V", "alarm: advice (operating)", ours),
        ("cell_voltage", "below 2.5 V", "alarm: critical (safety)", profile),
        ("cell_voltage", "over 3.65 V", "alarm: critical (safety)", profile),
        ("cell_temperature", "over 60 degC", "alarm: warning (recommended)", "of lithium cells in general"),
        ("cell_temperature", "over 75 degC", "alarm: critical (safety)", "of lithium cells in general"),
        ("current", "over 50 A charge", "alarm: advice (operating)", profile),
        ("current", "over 120 A discharge", "alarm: warning (recommended)", profile),
    ):
        assert found.count(line) == 1, line
    assert not [of for of in found if of[0] in ("voltage-limit", "over-temperature", "overload")]
    bare = PROFILE.replace("[limits.cell_voltage]\noperating = [2.8, 3.55]\nsafety = [2.5, 3.65]\n", "")
    found = in_force(site(tmp_path, profile=bare, chemistry="LFP"))
    assert ("cell_voltage", "over 3.9 V", "alarm: critical (safety)", "chemistry LFP") in found


def test_a_limit_of_the_profile_that_no_detector_judges_is_said_to_be_one(tmp_path: Path) -> None:
    profile = PROFILE.replace(
        "[limits.current]",
        "[limits.cell_voltage_max]\nsafety = [-inf, 3.7]\n[limits.soc]\nsafety = [5, 95]\n[limits.current]",
    )
    for name, address in (("cell_voltage_max", 30), ("soc", 31)):
        unit = 'unit = "mV"' if name != "soc" else 'unit = "%"'
        profile += f'[[point]]\nname = "{name}"\naddress = {address}\n{unit}\n'
    found = in_force(site(tmp_path, profile=profile))
    assert ("cell_voltage_max", "over 3.7 V", "not judged (safety)", "profile mine") in found
    assert ("soc", "below 5 %", "not judged (safety)", "profile mine") in found


def test_a_wider_safety_limit_needs_somebody_who_answers_for_it(tmp_path: Path) -> None:
    wide = table("cell_voltage", "safety", high=3.7)
    refused = CliRunner().invoke(main, ["check", "--config", str(site(tmp_path, wide))])
    assert refused.exit_code == 2
    assert (
        "agent.toml: [[detection.limit]] cell_voltage: the highest safety limit 3.7 V is wider than 3.65 V "
        "of the profile (rack-1): write one that is not wider, or who reviewed it and why: reviewed_by"
    ) in refused.output
    assert ("cell_voltage", "over 3.65 V", "alarm: critical (safety)", "profile mine") in in_force(
        site(tmp_path, wide)
    ), "until somebody does, the narrower one holds"
    path = site(tmp_path, wide + REVIEW)
    assert CliRunner().invoke(main, ["check", "--config", str(path)]).exit_code == 0
    said = "set by the site; reviewed by A. Engineer: cells of maker B"
    assert ("cell_voltage", "over 3.7 V", "alarm: critical (safety)", said) in in_force(path)


def test_a_limit_of_some_units_holds_for_them_alone_and_names_them(tmp_path: Path) -> None:
    limits = table("cell_voltage", "operating", high=3.5) + 'units = ["rack-2"]\n'
    limits += table("current", "operating", low=-80) + 'units = ["rack-2"]\n'
    path = site(tmp_path, limits)
    refused = CliRunner().invoke(main, ["check", "--config", str(path)])
    assert "units: there is no [[unit]] named 'rack-2'; did you mean 'rack-1'?" in refused.output
    path.write_text(path.read_text() + configuration.tcp_unit("rack-2", 2, "./mine.toml"))
    found = in_force(path)
    for line in (
        ("cell_voltage", "over 3.55 V", "alarm: advice (operating)", "profile mine"),
        ("cell_voltage", "over 3.5 V", "alarm: advice (operating)", "set by the site, for rack-2"),
        ("current", "over 100 A discharge", "alarm: advice (operating)", "profile mine"),
        ("current", "over 80 A discharge", "alarm: advice (operating)", "set by the site, for rack-2"),
    ):
        assert found.count(line) == 1, line
    detection = load_config(path).detection
    assert [len(detection.settings(unit=name).limits) for name in ("rack-1", "rack-2", "")] == [0, 2, 0]


def heat(severity: str, limit: float, more: str = "") -> str:
    return (
        f'[[detection.override]]\ndetector = "over-temperature"\nseverity = "{severity}"\nlimit = {limit}\n'
        + more
    )


def test_a_row_of_over_temperature_is_held_to_the_rule_of_limits(tmp_path: Path) -> None:
    path = site(tmp_path, heat("critical", 80))
    refused = CliRunner().invoke(main, ["check", "--config", str(path)])
    assert refused.exit_code == 2
    assert (
        "[[detection.override]] cell_temperature: the highest safety limit 80 degC is wider than 75 degC of "
        "lithium cells in general (rack-1): write one that is not wider, or who reviewed it and why"
    ) in refused.output
    shipped = ("cell_temperature", "over 75 degC", "alarm: critical (safety)", "of lithium cells in general")
    assert shipped in in_force(path), "until somebody does, the narrower one holds"
    for more, source in ((REVIEW, "set by the site; reviewed by A. Engineer: cells of maker B"), ("", "")):
        limit = 80 if more else 70
        path = site(tmp_path, heat("critical", limit, more) + heat("warning", 66))
        assert CliRunner().invoke(main, ["check", "--config", str(path)]).exit_code == 0
        found, ours = in_force(path), source or "set by the site"
        assert ("cell_temperature", f"over {limit} degC", "alarm: critical (safety)", ours) in found
        held = ("cell_temperature", "over 66 degC", "alarm: warning (recommended)", "set by the site")
        assert held in found, "a warning may be set as one likes"


@pytest.mark.parametrize(
    ("limits", "unit", "said"),
    [
        (
            "",
            {"cells_per_block": 6},
            "rack-1 cells_per_block: its profile ./mine.toml tells no voltage of blocks",
        ),
        (
            table("module_voltage", "safety", high=15),
            {},
            "[[detection.limit]] module_voltage: no unit tells it",
        ),
        (
            heat("warning", 66) * 2,
            {},
            "over-temperature warning: it stands there 2 times, and the last holds",
        ),
        (
            table("cell_voltage", "operating", high=4.2),
            {"chemistry": "LFP"},
            "cell_voltage: high of operating, 4.2 V, is not within 3.",
        ),
        (
            table("cell_voltage", "recommended", low=2.0) + table("cell_voltage", "safety", low=2.9),
            {"chemistry": "LFP"},
            "cell_voltage: low of recommended, 2 V, is not within 2.9 V of safety (rack-1",
        ),
        (
            table("cell_voltage", "safety", low=3.3) + table("cell_voltage", "operating", high=3.2),
            {"chemistry": "LFP"},
            "cell_voltage: every reading of rack-1 is below 3.3 V or over 3.2, and raises alarms",
        ),
        ('[detection]\nshadow = ["no-measurement"]\n', {}, "in the shadow: no-measurement: nobody is told"),
    ],
)
def test_what_changes_nothing_or_takes_away_more_than_it_says_is_said(
    tmp_path: Path, limits: str, unit: dict[str, Any], said: str
) -> None:
    path = site(tmp_path, chemistry="LFP")
    checked = CliRunner().invoke(main, ["check", "--config", str(path)])
    assert (checked.exit_code, "no effect" in checked.output) == (0, False), checked.output
    checked = CliRunner().invoke(main, ["check", "--config", str(site(tmp_path, limits, **unit))])
    assert (checked.exit_code, said in checked.output) == (0, True), checked.output


def test_limits_are_those_of_the_batteries_that_are_there_and_heat_without_a_number_is_one(
    tmp_path: Path,
) -> None:
    found = in_force(site(tmp_path, chemistry="LFP"))
    assert not [line for line in found if line[0].startswith("vrla")]
    assert [line for line in in_force(site(tmp_path, chemistry="VRLA")) if line[0].startswith("vrla")]
    told = {(what, beyond): bounds for what, bounds, beyond, _ in found}
    assert told["last-resort", "alarm: critical"].startswith("GB 38031-2025 C.5.3.7 on raw values: 1 K/s")
    assert told["sudden-heat", "alarm: critical"].endswith(
        "(60 degC, or the safety limit) between two frames, with a witness"
    )
    assert "alone" in told["unproven-heat", "alarm: critical"]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (table("cell_voltage", "safety"), "say low, high or both"),
        (table("cell_voltage", "safety", low=3.0, high=3.0), "low 3 is not below high 3"),
        (table("soc", "safety", low=5), 'a limit of soc is advice only: write tier = "operating"'),
        (table("current", "operating", low=50), "low 50: low is of discharge, which is below 0"),
        (table("power", "safety", high=-3000), "high -3000: high is of charge, which is above 0"),
        (table("cell_voltage", "safety", high=3650), "3650 V is never reached: write one within 0 and 5.5 V"),
        (table("cell_temperature", "safety", high=333), "333 degC is never reached"),
        (
            table("cell_voltage", "safety", high=3.6) + table("cell_voltage", "safety", low=3, high=3.5),
            "[[detection.limit]] cell_voltage safety: high stands there 2 times, and only one could hold",
        ),
        (table("speed", "safety", low=5), "quantity"),
        (table("cell_voltage", "outer", low=2.5), "tier"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(tmp_path: Path, limit: str, said: str) -> None:
    refused = CliRunner().invoke(main, ["check", "--config", str(site(tmp_path, limit))])
    assert refused.exit_code == 2
    assert said in refused.output


def test_a_unit_whose_voltages_have_no_limit_is_named(tmp_path: Path) -> None:
    bare = PROFILE.replace("[limits.cell_voltage]\noperating = [2.8, 3.55]\nsafety = [2.5, 3.65]\n", "")
    path = site(tmp_path, profile=bare)
    for command in ("check", "limits"):
        assert (
            "rack-1: no voltage limit known: set chemistry"
            in CliRunner().invoke(main, [command, "--config", str(path)]).output
        )
    path = site(tmp_path, profile=bare, chemistry="LFP")
    assert "no voltage limit known" not in CliRunner().invoke(main, ["check", "--config", str(path)]).output
