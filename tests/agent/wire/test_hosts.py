"""Names and addresses of machines: one reading of HOST:PORT, one meaning of "this very machine"."""

import pytest

from agent.wire.hosts import authority, host_and_port, is_loopback


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:8480", ("127.0.0.1", 8480)),
        ("ups.example:0", ("ups.example", 0)),
        ("[2001:db8::10]:502", ("2001:db8::10", 502)),
        ("::1:8480", ("::1", 8480)),  # as it was always read where a port must be
        ("2001:db8::10:8480", ("2001:db8::10", 8480)),
        ("::1", None),  # not host ":" and port 1
        ("::", None),
        ("2001:db8::10", None),
        ("fe80::1", None),
        ("1:2:3:4:5:6:7:8", None),
        ("1:2:3:4:5:6:7:8:80", ("1:2:3:4:5:6:7:8", 80)),
        ("8480", None),
        (":8480", None),
        ("h:65536", None),
        ("h:000080", None),
        ("h:-1", None),
        ("h:²", None),
    ],
)
def test_an_endpoint_is_a_host_and_a_port(text: str, found: tuple[str, int] | None) -> None:
    assert host_and_port(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ups.example", ("ups.example", 502)),
        ("ups.example:1502", ("ups.example", 1502)),
        ("2001:db8::10", ("2001:db8::10", 502)),
        ("[2001:db8::10]", ("2001:db8::10", 502)),
        ("[2001:db8::10]:1502", ("2001:db8::10", 1502)),
        ("ups.example:many", None),
    ],
)
def test_where_the_port_may_be_left_out_an_address_without_brackets_has_none(
    text: str, found: tuple[str, int] | None
) -> None:
    assert host_and_port(text, 502) == found


def test_an_ipv6_address_before_a_port_stands_in_brackets_and_no_other_host_does() -> None:
    assert authority("2001:db8::10", 502) == "[2001:db8::10]:502"
    assert authority("192.0.2.10", 502) == "192.0.2.10:502"
    assert authority("ups.example", 1) == "ups.example:1"


@pytest.mark.parametrize("endpoint", [("2001:db8::10", 502), ("192.0.2.10", 1), ("ups.example", 65535)])
def test_what_is_written_is_read_back(endpoint: tuple[str, int]) -> None:
    assert host_and_port(authority(*endpoint)) == endpoint


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LocalHost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.10", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_this_very_machine_is_what_is_written_as_such(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
