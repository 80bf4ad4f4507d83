"""Wrong values in agent.toml: each is told with its place, what may stand there, and how that is written."""

from pathlib import Path

import pytest

from tests.agent.config.test_config import GOOD, problems

TRANSPORTS = (
    'write transport = "tcp" with host or transport = "rtu" with device'
    ' or transport = "rtu-over-tcp" with host and port or transport = "rfc2217" with host and port'
)
OUTPUTS = 'write output = "gpio" with pin or output = "modbus-coil" with host and coil'
CHEMISTRY = "is none of 'LFP', 'NMC', 'NCA', 'LCO', 'LMO', 'LTO', 'VRLA' or 'NiCd'"
NO_DATE = "is no date: write year-month-day without quotes, such as 2026-12-01"
NO_INTEGER = "is no whole number: write digits alone, without quotes and without a unit"
NO_NUMBER = "is no number: write it without quotes and without a unit, with a point for decimals"


def unit(line: str) -> tuple[str, str]:
    return 'name = "rack-1"', f'name = "rack-1"\n{line}'


def bus(line: str) -> tuple[str, str]:
    return 'name = "lan"', f'name = "lan"\n{line}'


def top(lines: str) -> tuple[str, str]:
    return "[upstream]", f"{lines}\n[upstream]"


#: What is written in place of what, and what is said of it.
WRONG = [
    (('transport = "tcp"\n', ""), f"[[bus]] lan transport: is missing: {TRANSPORTS}"),
    (('"tcp"', '"can"'), f"[[bus]] lan transport: there is no 'can': {TRANSPORTS}"),
    (top("[relay]\npin = 4"), f"[relay] output: is missing: {OUTPUTS}"),
    (top('[relay]\noutput = "lamp"'), f"[relay] output: there is no 'lamp': {OUTPUTS}"),
    (unit('chemistry = "lfp"'), f"[[unit]] rack-1 chemistry: 'lfp' {CHEMISTRY}; did you mean 'LFP'?"),
    (unit('chemistry = "LiFePO4"'), f"[[unit]] rack-1 chemistry: 'LiFePO4' {CHEMISTRY}; did you mean 'LFP'?"),
    (unit('chemistry = "Pb"'), f"[[unit]] rack-1 chemistry: 'Pb' {CHEMISTRY}"),
    (bus("port = 70000"), "[[bus]] lan port: 70000 is too large: write a number of at most 65535"),
    (unit("period_s = 0"), "[[unit]] rack-1 period_s: 0 is too small: write a number of at least 0.1"),
    (unit("timeout_s = -1"), "[[unit]] rack-1 timeout_s: -1 is too small: write a number above 0"),
    (unit("unit_id = 1.5"), f"[[unit]] rack-1 unit_id: 1.5 {NO_INTEGER}"),
    (unit('period_s = "1 s"'), f"[[unit]] rack-1 period_s: '1 s' {NO_NUMBER}"),
    (unit('commissioned = "1.12.2026"'), f"[[unit]] rack-1 commissioned: '1.12.2026' {NO_DATE}"),
    (
        unit("commissioned = 2026-12-01T12:00:00"),
        f"[[unit]] rack-1 commissioned: 2026-12-01 12:00:00 {NO_DATE}",
    ),
    (
        ('name = "lan"', "name = 7"),
        '[[bus]] 7 name: 7 is no text, and a text in quotes is wanted: write name = "7"',
    ),
    (unit('rack = ["a"]'), "[[unit]] rack-1 rack: a list is no text, and a text in quotes is wanted"),
    (
        top('[web]\nannounce = "maybe"'),
        "[web] announce: 'maybe' is neither true nor false: write one of them, without quotes",
    ),
    (
        top(f'[agent]\nsite = "{"x" * 61}"'),
        "[agent] site: has 61 characters, and 60 is the most",
    ),
    (
        top('[detection]\nshadow = "overload"'),
        '[detection] shadow: a list is wanted: write shadow = ["overload"]',
    ),
    (
        top("[[store]]\nbatch_s = 3"),
        "store: stands there once: write [store], in single brackets",
    ),
    (
        top("detection = 3"),
        "detection: 3 is no table: write [detection] on a line of its own, and its keys below it",
    ),
]


@pytest.mark.parametrize(("written", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_wrong_value_is_told_with_what_may_stand_there(
    tmp_path: Path, written: tuple[str, str], said: str
) -> None:
    assert said in problems(tmp_path, GOOD.replace(*written, 1))


@pytest.mark.parametrize("kind", ["bus", "unit"])
def test_one_table_where_several_stand_is_all_that_is_told(tmp_path: Path, kind: str) -> None:
    first, *others = GOOD.split(f"[[{kind}]]")
    text = f"{first}[{kind}]{others[-1]}"
    said = f"[{kind}]: is one table where several may stand: write [[{kind}]], in double brackets"
    assert problems(tmp_path, text) == [said]
    said = (
        f"[[{kind}]] number 1: 'a' is no table: write [[{kind}]] on a line of its own, and its keys below it"
    )
    assert problems(tmp_path, f'{kind} = ["a"]\n' + "".join(first.split(f"[[{kind}]]"))) == [said]


def test_what_is_no_toml_is_shown_as_it_is_written(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, GOOD.replace('name = "lan"', "name = lan"))
    assert said == "is not TOML: Invalid value (at line 9, column 8): name = lan"
