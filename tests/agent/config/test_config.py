"""agent.toml: every mistake at once, each with its table, its key, and what to do."""

import contextlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.config.file import ConfigError, load_config
from tests.changed import as_text

GOOD = """
[upstream]
url = "https://collector.example:8443"
[[bus]]
name = "rs485-1"
transport = "rtu"
device = "/dev/ttyUSB0"
[[bus]]
name = "lan"
transport = "tcp"
host = "192.0.2.10"
[[unit]]
name = "rack-1"
bus = "rs485-1"
profile = "pace-rtu"
[[unit]]
name = "bmu-1"
rack = "rack-2"
bus = "lan"
profile = "sunspec-lithium-ion"
"""


def problems(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return caught.value.problems


def test_a_short_file_is_enough_and_the_defaults_are_sane(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(GOOD)
    config = load_config(path)
    assert [unit.path for unit in config.unit] == ["rack-1", "rack-2/bmu-1"]
    assert config.store.batch_s == 10
    assert config.bus[1].port == 502


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    files = 'ca = "tls/ca.pem"\ncert = "/etc/agent.pem"\nkey = "agent.key"\n'
    path.write_text(GOOD.replace("[upstream]\n", f"[upstream]\n{files}").replace("/dev/ttyUSB0", "line-1"))
    config = load_config(path)
    (upstream,) = config.upstream
    assert (upstream.ca, upstream.cert) == (tmp_path / "tls/ca.pem", Path("/etc/agent.pem"))
    assert config.bus[0].device == tmp_path / "line-1"


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("[upstream]", "[agent]\nidd = 'x'\n[upstream]")
    text = text.replace('device = "/dev/ttyUSB0"', 'device = "/dev/ttyUSB0"\nbaud = "fast"')
    text = text.replace('bus = "lan"', 'bus = "lam"')
    assert problems(tmp_path, text) == [
        "[agent] idd: unknown key; did you mean 'id'?",
        "[[bus]] rs485-1 baud: 'fast' is no whole number: write digits alone, without quotes and without a "
        "unit",
        "[[unit]] bmu-1 bus: there is no [[bus]] named 'lam'; did you mean 'lan'?",
    ]


def test_mistakes_are_named_in_the_order_of_the_tables_of_the_configuration(tmp_path: Path) -> None:
    order = ["agent", "store", "upstream", "relay", "journal", "detection"]
    keys = {"relay": 'output = "gpio"\n'}
    text = "".join(f"[{name}]\n{keys.get(name, '')}odd = 1\n" for name in reversed(order))
    found = [line for line in problems(tmp_path, text) if " odd: " in line]
    assert [line[1:].partition("]")[0] for line in found] == order


def test_a_table_without_a_name_is_called_by_where_it_stands(tmp_path: Path) -> None:
    text = GOOD.replace('bus = "lan"', 'bus = "lam"').replace('name = "bmu-1"\n', "")
    assert [line for line in problems(tmp_path, text) if "[[unit]]" in line] == [
        "[[unit]] number 2 name: is missing",
        "[[unit]] number 2 bus: there is no [[bus]] named 'lam'; did you mean 'lan'?",
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("https://collector", "http://collector", "plain http to collector.example could be read and forged"),
        ("rs485-1", "lan", "[[bus]] lan: the name is used 2 times"),
        ('host = "192.0.2.10"', 'device = "/dev/x"', "[[bus]] lan host: is missing"),
        (
            "[upstream]",
            "[agent]\nbatch_s = 3\n[upstream]",
            "[agent] batch_s: unknown key; it belongs to [store]",
        ),
        ("[upstream]", "[store]\njournal = 3\n[upstream]", "journal: unknown key; it belongs to the top of"),
        (
            'host = "192.0.2.10"',
            'host = "h"\nbaud = 9600',
            'lan baud: unknown key; it belongs to [[bus]] with transport = "rtu"',
        ),
        (
            "[upstream]",
            "[store]\non_delay_s = 3\n[upstream]",
            "[store] on_delay_s: unknown key; it belongs to [[detection.override]]",
        ),
        ('host = "192.0.2.10"', 'host = "h"\nin_flihgt = 2', "unknown key; did you mean 'in_flight'?"),
        (
            "[upstream]",
            '[relay]\noutput = "gpio"\npin = 4\nactive_hihg = true\n[upstream]',
            "[relay] active_hihg: unknown key; did you mean 'active_high'?",
        ),
        *(
            ('host = "192.0.2.10"', f'host = "h"\naccept = {{ {keys} }}', problem)
            for keys, problem in (
                ("", "lan accept: says nothing: write transaction"),
                ('transactoin = "any"', "accept transactoin: unknown key; did you mean 'transaction'?"),
                ('transaction = "all"', "accept transaction: 'all' is none of 'any'"),
                ("unit_id = 256", "accept unit_id: 256 is too large"),
                ("unit_id = -1", "accept unit_id: -1 is too small"),
                ('unit_id = "any"', "accept unit_id: 'any' is no whole number"),
            )
        ),
        (
            'host = "192.0.2.10"',
            'host = "h"\nin_flight = 4\naccept = { transaction = "any" }',
            "in_flight = 4: with accept.transaction no number tells which request a reply is for",
        ),
        (
            'device = "/dev/ttyUSB0"',
            'device = "/dev/ttyUSB0"\naccept = { transaction = "any" }',
            "rs485-1: accept.transaction: RTU frames have no transaction ids: take it out",
        ),
        ('host = "192.0.2.10"', 'host = "h"\naccept = 0', "accept: 0 is no table"),
        ("[upstream]", "[upsteam]", "[upstream]: is missing"),
        ("[upstream]", "[upstream", "is not TOML"),
        ('name = "rack-1"', 'name = "rack 1"', "[[unit]] rack 1 name: 'rack 1' cannot be a name"),
        ('bus = "lan"', 'bus = "rs485-1"', "[[unit]] bmu-1: the unit_id is already rack-1's"),
        ('bus = "lan"', 'bus = "rs485-1"', "[[bus]] lan: no [[unit]] is on it"),
        ("[upstream]", '[relay]\noutput = "gpio"\npin = 99\n[upstream]', "[relay] pin: 99 is too large"),
        ('device = "/dev/ttyUSB0"', 'device = "/dev/ttyUSB0"\ndata_bits = 7', "Modbus RTU has 8 data bits"),
    ],
)
def test_each_mistake_says_where_and_what(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert any(problem in line for line in problems(tmp_path, GOOD.replace(old, new))), problem


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=rf"absent\.toml: cannot be read: No such file or directory, in {tmp_path}"
    ):
        load_config(tmp_path / "absent.toml")


KEYS = st.sampled_from(
    [
        "agent",
        "upstream",
        "bus",
        "unit",
        "store",
        "id",
        "url",
        "name",
        "transport",
        "host",
        "port",
        "profile_dirs",
    ]
)
LEAVES = st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["tcp", "rtu", "lan"])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=15,
)


@given(st.dictionaries(KEYS, TREES, max_size=6))
@example({"bus": [False]})  # was taken for a table with a name
@example({"agent": {"profile_dirs": [1]}})
def test_any_tables_are_refused_in_words_and_never_crash(content: dict[str, object]) -> None:
    text = as_text(content)
    with TemporaryDirectory() as folder:
        path = Path(folder, "agent.toml")
        path.write_text(text, encoding="utf-8", errors="replace")
        with contextlib.suppress(ConfigError):
            load_config(path)


@given(st.binary(max_size=200), st.integers(0, len(GOOD)))
def test_any_bytes_in_the_file_are_refused_in_words_and_never_crash(noise: bytes, at: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "agent.toml")
        path.write_bytes(GOOD[:at].encode() + noise + GOOD[at + len(noise) :].encode())
        with contextlib.suppress(ConfigError):
            load_config(path)


def test_a_site_sets_other_limits_and_puts_detectors_in_the_shadow(tmp_path: Path) -> None:
    said = '[detection]\nshadow = ["cell-drift"]\n[[detection.override]]\ndetector = "thermal-slope"\n'
    path = tmp_path / "agent.toml"
    path.write_text(said + 'severity = "warning"\nlimit = 0.2\n' + GOOD)
    settings = load_config(path).detection.settings("VRLA")
    rows = {(row.detector, row.severity): row.limit for row in settings.rows()}
    assert rows["thermal-slope", "warning"] == 0.2
    assert rows["thermal-slope", "critical"] == 0.5
    assert settings.shadow == {"cell-drift"}
    assert settings.digest() != load_config(path).detection.settings().digest()


def test_detectors_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text('[detection]\nshadow = ["thermal-slop"]\n' + GOOD)
    with pytest.raises(ConfigError, match="no detector thermal-slop"):
        load_config(path)
