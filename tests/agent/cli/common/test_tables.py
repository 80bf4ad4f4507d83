"""Tables on a narrow terminal: the answer stays whole."""

import io
import re
from collections import Counter

import pytest
from rich.cells import cell_len
from rich.console import Console

from agent.cli.common.tables import plain_table
from agent.view.tiles import worst_first

TROUBLE = "no answer from the unit for 18 min; the port opens and does not answer; look at its supply first"


def printed(width: int, *, spare: tuple[str, ...] = ("age", "cells V", "hottest")) -> list[str]:
    table = plain_table("unit", "knowledge", "age", "cells V", "hottest", "trouble", spare=spare)
    table.add_row("rack-12/bmu-string-4", "PARTIAL", "2 h", "3.201-3.216", "29.8 °C", "")
    table.add_row("rack-13/bmu-string-4", "BLIND", "12 min", "--", "--", TROUBLE)
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_what_fits_is_shown_whole() -> None:
    wide = printed(200)
    assert wide[0].split() == ["unit", "knowledge", "age", "cells", "V", "hottest", "trouble"]
    assert TROUBLE in wide[2]


def test_on_80_columns_a_figure_is_left_out_and_no_word_is_broken() -> None:
    lines = printed(80)
    assert all(len(line) <= 80 for line in lines)
    assert "hottest" not in lines[0]
    assert lines[1].split() == ["rack-12/bmu-string-4", "PARTIAL", "2", "h", "3.201-3.216"]
    at = lines[0].index("trouble")
    assert " ".join(line[at:].strip() for line in lines[2:]) == TROUBLE


def test_a_terminal_of_40_columns_has_the_unit_its_state_and_the_sentence() -> None:
    lines = printed(40)
    assert all(len(line) <= 40 for line in lines)
    text = " ".join(" ".join(lines).split())
    assert text == f"rack-12/bmu-string-4 knowledge PARTIAL rack-13/bmu-string-4 knowledge BLIND {TROUBLE}"


@pytest.mark.parametrize("width", [60, 70, 80, 90, 200])
def test_of_figures_that_do_not_fit_the_names_are_folded_and_no_digit_is_cut_off(width: int) -> None:
    row = ("2026-09-21T12:00:00.000Z", "rack1/bmu1", "string1/cell12", "cell_voltage", "3.302", "V", "good")
    table = plain_table("utc", "unit", "place", "name", "value", "si_unit", "quality")
    table.add_row(*row)
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "3.302" in shown.split()
    assert set(row[:1]) <= set(shown.split())
    assert Counter("".join(row)) <= Counter(shown)


def test_the_status_has_the_worst_unit_first() -> None:
    def unit(name: str, knowledge: str) -> dict[str, str]:
        return {"name": name, "knowledge": knowledge}

    names = [("a", "LIVE"), ("b", "PARTIAL"), ("c", "BLIND"), ("d", "LIVE"), ("e", "LIVE"), ("f", "LIVE")]
    alarms = [
        {"unit": "d", "severity": "critical", "state": "NEW"},
        {"unit": "e", "severity": "warning", "state": "ACK"},
        {"unit": "f", "severity": "critical", "state": "SHELVED"},
    ]
    found = worst_first([unit(*one) for one in names], alarms)
    assert "".join(one["name"] for one in found) == "dcebaf"


@pytest.mark.parametrize("width", [40, 80])
def test_beside_a_name_of_64_wide_letters_no_figure_is_lost(width: int) -> None:
    table = plain_table("unit", "knowledge", "age", "hottest", "trouble", spare=("age", "hottest"))
    table.add_row("전" * 64, "PARTIAL", "2 s", "25.4 °C", "")
    table.add_row("rack-2", "LIVE", "1 s", "24.0 °C", "")
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert max(map(cell_len, shown.splitlines())) <= width
    assert shown.count("전") == 64
    assert re.search(r"knowledge\s+PARTIAL", shown)
    assert "rack-2  knowledge LIVE" in shown


def test_the_heads_of_a_table_that_lost_a_column_are_whole() -> None:
    table = plain_table("unit", "every", "values", "oldest", "one dead", spare=("values",))
    table.add_row("rack-1", "1 s", "told by the unit itself", "", "")
    console = Console(file=io.StringIO(), width=40, highlight=False)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().split("\n")[0] == "unit    every  oldest  one dead"


@pytest.mark.parametrize("width", [40, 60])
def test_a_sentence_that_would_be_a_column_of_letters_stands_below_its_row(width: int) -> None:
    told = "rack-1: Look at the battery; check power and cable. Not seen for 61 s: Connection refused."
    table = plain_table("alarm", "severity", "state", "for", "what")
    table.add_row("rack-1:unseen:rack-1", "warning", "NEW", "41 s", told)
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue().splitlines()
    assert max(map(len, shown)) <= width
    text = " ".join(" ".join(shown).split())
    assert text == f"rack-1:unseen:rack-1 severity warning, state NEW, for 41 s {told}"
    assert len(shown) <= 2 + 1 + len(told) // (width - 14)
