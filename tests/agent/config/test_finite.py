"""Configuration is finite: whatever stands in it is refused in a printable line, or is a bounded number."""

import copy
import math
import os
import signal
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from agent.config.file import ConfigError, load_config
from agent.config.tables import Config
from agent.tls.certificate import CertificateError, validity_warning
from agent.tls.contexts import TlsError, client_context
from agent.web.guard import TokenError, read_token
from agent.wire.hosts import host_problem
from drivers.files import MOST_BYTES
from tests.changed import as_text, changed, keys

EVERYTHING = """
[agent]
id = "a"
site = "Room A"
profile_dirs = ["profiles"]
safety_deadline_s = 10.0
[store]
path = "b.db"
batch_s = 10.0
batch_frames = 60
max_mb = 1000.0
history_mb = 60.0
[upstream]
url = "https://collector.example:8443"
ca = "ca.pem"
cert = "c.pem"
key = "k.pem"
backlog_share = 0.8
[metrics]
listen = "127.0.0.1:9464"
[web]
listen = "127.0.0.1:8480"
cert = "c.pem"
key = "k.pem"
token_file = "t"
announce = true
[control]
socket = "c.sock"
[relay]
output = "modbus-coil"
host = "192.0.2.1"
port = 502
unit_id = 1
coil = 3
host_timeout_s = 5.0
[journal]
syslog = false
[detection]
shadow = ["cell-drift"]
max_charge_a = 100.0
max_discharge_a = 100.0
[[detection.override]]
detector = "thermal-slope"
severity = "warning"
limit = 0.2
on_delay_s = 1.0
off_delay_s = 1.0
dead_band = 0.1
latch = true
[[bus]]
name = "lan"
transport = "tcp"
host = "192.0.2.10"
port = 502
turnaround_ms = 1.0
pause_ms = 1.0
in_flight = 1
[[bus]]
name = "line"
transport = "rtu"
device = "/dev/ttyUSB0"
baud = 9600
parity = "N"
stop_bits = 1
turnaround_ms = 1.0
pause_ms = 1.0
settle_s = 1.0
[[unit]]
name = "u"
rack = "r"
bus = "lan"
unit_id = 1
profile = "sunspec-lithium-ion"
instance = 1
period_s = 1.0
timeout_s = 1.0
chemistry = "LFP"
[[unit]]
name = "v"
bus = "line"
profile = "pace-rtu"
"""
CONTENT = tomllib.loads(EVERYTHING)
NUMBERS = [math.inf, -math.inf, math.nan, 1e300, -1e300, 1e-300, 1e-9, 0, -1, 2**70, 10**400, True, False]
TEXTS = [
    "",
    "x",
    "nan",
    "inf",
    "-inf",
    "1",
    "1e300",
    "502",
    "abc",
    "a\nb",
    "a\0b",
    "\x1b[31m",
    "\u202e",
    "\u2028",
]
HOSTS = [
    "[::1]",
    "[::1",
    "::1",
    "a b",
    "a..b",
    "x" * 70,
    "10.0.0.1:502",
    "10.0.0.999",
    "h:abc",
    "h:99999",
    "h:0",
]
HOSTS += [
    "http://h",
    "https://h:abc",
    "https://h:99999",
    "https://h:0",
    "https://u:p@h",
    "https://h?x",
    "https://h/#f",
]
HOSTS += [
    "https://h\n.e",
    "https://[::1",
    "https://a b",
    "socket://h:1",
    "[::1]:80",
    "a b:80",
    "h:٣",
    ":80",
    "/dev/zero",
]
REST: list[Any] = [[], {}, [1], ["a\nb"], [math.nan], {"a": math.nan}, [[[]]]]
NEVER_TINY = {"batch_s", "safety_deadline_s", "period_s", "timeout_s", "host_timeout_s", "backlog_share"}
NASTY = [*NUMBERS, *TEXTS, *HOSTS, *REST]


def numbers(model: BaseModel) -> Iterator[tuple[str, float]]:
    """What the file says of numbers, not what its defaults are."""
    for name in model.model_fields_set:
        held = getattr(model, name)
        for value in held if isinstance(held, tuple) else (held,):
            if isinstance(value, BaseModel):
                yield from numbers(value)
            elif isinstance(value, float | int):
                yield name, value


def refused_or_finite(path: Path) -> list[str]:
    """Return the problems, each one line that harms no terminal; what is used all the same is finite."""
    config: Config | None
    try:
        config, refusal = load_config(path), None
    except ConfigError as error:
        config, refusal = error.config, error
    if refusal:
        assert refusal.problems
        assert str(refusal).splitlines() == [f"{path.name}: {problem}" for problem in refusal.problems]
        taken = [text for one in refusal.taken for text in (one.key, one.text)]
        assert all(line.isprintable() for line in [*refusal.problems, *taken])
        assert not config or taken
    if config:
        for name, value in numbers(config):
            assert -1e12 <= value <= 1e12, (name, value)
            assert value >= 1e-3 or name not in NEVER_TINY, (name, value)
            assert isinstance(value, bool) == (name in ("announce", "syslog", "latch", "active_high")), name
    return refusal.problems if refusal else []


@pytest.mark.parametrize("where", list(keys(CONTENT)), ids=lambda where: ".".join(map(str, where)))
def test_every_key_with_every_nasty_value(tmp_path: Path, where: tuple[Any, ...]) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(EVERYTHING)
    assert refused_or_finite(path) == []
    usual: Any = CONTENT
    for key in where:
        usual = usual[key]
    for value in (
        [*TEXTS, *HOSTS, *REST, 5, math.nan] if isinstance(usual, str) else [*NUMBERS, *TEXTS, *REST]
    ):
        path.write_text(changed(CONTENT, where, value), encoding="utf-8")
        problems = refused_or_finite(path)
        # whoever is told can find it: by its key, or by the name of the table or the thing in it
        assert all("[" in problem for problem in problems), (value, problems)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from(list(keys(CONTENT))), st.sampled_from(NASTY)), min_size=2, max_size=6)
)
@example(
    [(("bus", 0, "host"), "a b"), (("bus", 1, "device"), "socket://h:1"), (("store", "max_mb"), math.inf)]
)
def test_any_keys_with_any_nasty_values(
    tmp_path_factory: pytest.TempPathFactory, what: list[tuple[tuple[Any, ...], Any]]
) -> None:
    content: Any = copy.deepcopy(CONTENT)
    for where, value in what:
        table = content
        for key in where[:-1]:
            table = table[key] if isinstance(table, list) or key in table else {}
        table[where[-1]] = copy.deepcopy(value)
    path = tmp_path_factory.getbasetemp() / "agent.toml"
    path.write_text(as_text(content))
    refused_or_finite(path)


@pytest.mark.parametrize(
    ("where", "value", "problem"),
    [
        ("detection.override.0.limit", math.nan, "nan cannot be: write a number of 1e-06 to 1e+06"),
        ("store.max_mb", math.inf, "[store] max_mb: inf cannot be: write a number of 8 to 1e+06"),
        ("store.batch_s", 1e300, "[store] batch_s: 1e+300 cannot be: write a number of 0.01 to 86400"),
        ("bus.0.port", "502", "[[bus]] lan port: '502' is a text, and a number is wanted: write 502"),
        ("bus.0.port", True, "[[bus]] lan port: true is true or false, and a number is wanted: write 1"),
        ("bus.0.port", 99999, "[[bus]] lan port: 99999 is too large: write a number of at most 65535"),
        ("bus.1.stop_bits", True, "[[bus]] line stop_bits: true is true or false, and a number is wanted"),
        ("bus.0.host", "", 'is empty: write a name or an address, such as "192.0.2.10"'),
        ("bus.0.host", "[::1", 'is no IPv6 address: write one such as "2001:db8::10"'),
        ("bus.0.host", "http://10.0.0.1/x", 'write the name or the address alone, such as "10.0.0.1"'),
        ("bus.0.host", "10.0.0.1:1502", 'has a port in it: write host = "10.0.0.1" and port = 1502'),
        ("bus.0.host", "10.0.0.999", 'is no IPv4 address: write four numbers, such as "192.0.2.10"'),
        ("bus.0.host", "a\nb", r"'a\nb' has spaces or characters that are not printable in it"),
        ("relay.host", "a b", "[relay] host: 'a b' has spaces"),
        (
            "bus.1.device",
            "socket://127.0.0.1:80",
            "is a URL: write a path such as /dev/ttyUSB0, or transport",
        ),
        ("upstream.url", "https://h:abc", "has a port that is none: write https://HOST:PORT"),
        ("upstream.url", "https://h:0", "has a port that is none"),
        ("upstream.url", "https://u:p@h", "has a user or a password in it"),
        ("upstream.url", "https://h?x=1", "has a query or a fragment in it"),
        ("upstream.url", "https://h\n.example", "characters that are not printable in it"),
        ("web.listen", "a b:80", "[web] listen: 'a b:80': the host has spaces"),
        ("metrics.listen", "127.0.0.1:99999", "[metrics] listen: '127.0.0.1:99999' is no HOST:PORT"),
        ("web.listen", "::1", """[web] listen: '::1' has no port: write "[::1]:PORT\""""),
        ("metrics.listen", "::1", """[metrics] listen: '::1' has no port: write "[::1]:PORT\""""),
        ("agent.site", "Room\nA", r"[agent] site: 'Room\nA' has characters in it that are not printable"),
        ("store.path", "", "[store] path: '' is empty: write the path of a file, or take the key out"),
    ],
)
def test_each_says_where_what_and_what_to_write(
    tmp_path: Path, where: str, value: object, problem: str
) -> None:
    path = tmp_path / "agent.toml"
    place = tuple(int(key) if key.isdecimal() else key for key in where.split("."))
    path.write_text(changed(CONTENT, place, value))
    (said,) = refused_or_finite(path)
    assert problem in said


def test_an_address_may_stand_in_the_brackets_of_a_url(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    text = changed(CONTENT, ("bus", 0, "host"), "[2001:db8::10]")
    path.write_text(
        text.replace('"127.0.0.1:9464"', '"[::1]:9464"').replace('"127.0.0.1:8480"', '"[::1]:8480"')
    )
    config = load_config(path)
    assert config.bus[0].model_dump()["host"] == "2001:db8::10"
    assert config.web.address == ("::1", 8480)


@pytest.mark.parametrize(
    "host", ["bms-1", "bms_1.lan", "bms.example.", "192.0.2.1", "fe80::1%eth0", "bücher.example"]
)
def test_what_can_be_reached_is_a_host(host: str) -> None:
    assert host_problem(host) == ""


@pytest.fixture
def soon() -> Iterator[None]:
    """What hangs fails."""

    def late(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def two_gigabytes(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2 << 30)


FILES: dict[str, tuple[Any, str]] = {
    "a FIFO": (fifo, "cannot be read: is a FIFO, and a file is wanted"),
    "a folder": (Path.mkdir, "cannot be read: is a folder, and a file is wanted"),
    "a device": (
        lambda path: path.symlink_to("/dev/zero"),
        "cannot be read: is a device, and a file is wanted",
    ),
    "2 GB": (two_gigabytes, f"cannot be read: 2147.5 MB large, and {MOST_BYTES / 1e6:.1f} MB is the most"),
    "a dangling link": (lambda path: path.symlink_to("absent"), "cannot be read: No such file"),
    "a link to itself": (lambda path: path.symlink_to(path), "cannot be read: Too many levels"),
    "NUL": (lambda path: path.write_bytes(b"a = \0"), "is not TOML"),
    "Latin-1": (lambda path: path.write_bytes("site = 'Süd'".encode("latin-1")), "save it as UTF-8"),
    "brackets": (
        lambda path: path.write_text("a = " + "[" * 3000 + "]" * 3000),
        "brackets are nested too deeply",
    ),
    "tables": (lambda path: path.write_text("a = " + "{a = " * 3000), "brackets are nested too deeply"),
    "a long key": (lambda path: path.write_text("a." * 100_000 + "a = 1"), "a key of more than 100 parts"),
    "a long quoted key": (
        lambda path: path.write_text("x = {" + "'a'." * 50_000 + "a = 1}"),
        "more than 100 parts",
    ),
    "digits": (
        lambda path: path.write_text("a = 1" + "0" * 5000),
        "is not TOML: Exceeds the limit (4300 digits)",
    ),
    "a bad date": (lambda path: path.write_text("a = 1979-02-30"), "is not TOML"),
}


@pytest.mark.parametrize("what", FILES)
@pytest.mark.usefixtures("soon")
def test_what_is_no_file_of_toml_is_one_line_at_once(tmp_path: Path, what: str) -> None:
    make, problem = FILES[what]
    path = tmp_path / "agent.toml"
    make(path)
    (said,) = refused_or_finite(path)
    assert problem in said


LONG = {
    "keys": "".join(f"k{i} = 1\n" for i in range(20_000)),
    "buses": "".join(f'[[bus]]\nname = "b{i}"\ntransport = "tcp"\nhost = "h"\n' for i in range(5000)),
}


@pytest.mark.parametrize("what", LONG)
@pytest.mark.usefixtures("soon")
def test_of_thousands_of_mistakes_a_hundred_are_told_and_how_many_more(tmp_path: Path, what: str) -> None:
    (tmp_path / "agent.toml").write_text(LONG[what])
    problems = refused_or_finite(tmp_path / "agent.toml")
    assert 100 < len(problems) < 210
    assert sum(line.startswith("and ") and line.endswith(" more mistakes") for line in problems) == 1


READERS: dict[str, tuple[Callable[[Path], object], type[Exception]]] = {
    "a token": (read_token, TokenError),
    "an authority": (lambda path: client_context(ca=path), TlsError),
    "a certificate": (lambda path: client_context(cert=path, key=path), TlsError),
    "the dates of one": (lambda path: validity_warning(path, 0.0), CertificateError),
}


@pytest.mark.parametrize("what", READERS)
@pytest.mark.usefixtures("soon")
def test_no_file_that_a_running_agent_reads_is_waited_for(tmp_path: Path, what: str) -> None:
    read, refusal = READERS[what]
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(refusal, match="is a FIFO, and a file is wanted"):
        read(tmp_path / "pipe")
    with pytest.raises(refusal, match="is a device, and a file is wanted"):
        read(Path("/dev/zero"))


def test_a_mark_of_windows_editors_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_bytes(b"\xef\xbb\xbf" + EVERYTHING.encode())
    assert load_config(path).agent.id == "a"


def test_a_name_that_commands_the_terminal_is_shown_escaped(tmp_path: Path) -> None:
    path = tmp_path / "agent\x1b[31m.toml"
    path.write_text('"a\\nb" = 1\n')
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert all(line.isprintable() for line in str(caught.value).split("\n"))
    assert r"a\x0ab: unknown key" in str(caught.value)
