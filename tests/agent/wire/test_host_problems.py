"""What is wrong with the name of a host or the URL of a collector, and what to write in its place."""

import pytest

from agent.wire.hosts import LONGEST, host_and_port, host_problem, plain, url_problem

LABEL = "a" * 63
NAME = ".".join([LABEL, LABEL, LABEL, "a" * 61])  # 253 characters
NO_NAME = "is no name that a machine can have"
CHARACTERS = "has spaces or characters that are not printable in it"
NO_PORT = "has a port that is none: write https://HOST:PORT, with a port of 1 to 65535"
USER = "has a user or a password in it: a collector knows an agent by its certificate; take it out"
QUERY = "has a query or a fragment in it: take out what begins with ? or #"


@pytest.mark.parametrize(
    "host",
    [
        "192.0.2.10", "255.255.255.255", "ups", "ups.example", "ups.example.", "ups_1.example", "u-1", "a",
        "9a.b9", "2001:db8::10", "[2001:db8::10]", "::", "xn--bcher-kva.example", "bücher.example", LABEL,
        NAME, NAME + ".", "1.2.3.x",
    ],
)  # fmt: skip
def test_names_and_addresses_of_machines_are_no_problem(host: str) -> None:
    assert host_problem(host) == ""
    assert url_problem(f"https://{'[' + host + ']' if ':' in host and host[0] != '[' else host}:8443") == ""


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("", 'is empty: write a name or an address, such as "192.0.2.10"'),
        ("[]", 'is empty: write a name or an address, such as "192.0.2.10"'),
        ("a b", f"{CHARACTERS}: write the name or the address alone"),
        ("a\n", f"{CHARACTERS}: write the name or the address alone"),
        ("http://ups/x", 'is a URL or a path: write the name or the address alone, such as "ups"'),
        ("https://u:p@ups:1/x/y", 'is a URL or a path: write the name or the address alone, such as "ups:1"'),
        ("ups/x", 'is a URL or a path: write the name or the address alone, such as "ups"'),
        ("http://ups", 'is a URL or a path: write the name or the address alone, such as "ups"'),
        ("ups:502", 'has a port in it: write host = "ups" and port = 502'),
        ("ups:many", 'is no IPv6 address: write one such as "2001:db8::10"'),
        ("a:b:502", 'is no IPv6 address: write one such as "2001:db8::10"'),
        ("2001:db8::10:x", 'is no IPv6 address: write one such as "2001:db8::10"'),
        ("[ups]", 'has brackets, which are for IPv6: write "ups"'),
        ("[ups", f"{NO_NAME}: letters, digits, hyphens and points"),
        ("192.0.2.256", 'is no IPv4 address: write four numbers, such as "192.0.2.10"'),
        ("192.0.2", 'is no IPv4 address: write four numbers, such as "192.0.2.10"'),
        ("7", 'is no IPv4 address: write four numbers, such as "192.0.2.10"'),
        ("a.b.7", 'is no IPv4 address: write four numbers, such as "192.0.2.10"'),
        ("-a", f"{NO_NAME}: letters, digits, hyphens and points"),
        ("a-", f"{NO_NAME}: letters, digits, hyphens and points"),
        ("a.b$", f"{NO_NAME}: letters, digits, hyphens and points"),
        (LABEL + "a", NO_NAME),
        ("a..b", NO_NAME),
        (NAME + "a", f"{NO_NAME}: letters, digits, hyphens and points"),
    ],
)
def test_what_no_machine_can_be_called_is_named(host: str, problem: str) -> None:
    assert host_problem(host) == problem


def test_a_name_has_253_characters_at_most() -> None:
    assert len(NAME) == LONGEST == 253
    assert host_problem(NAME[:-1] + ".a.a") != ""


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://ups", ""),
        ("https://ups:1", ""),
        ("https://ups:65535/collect", ""),
        ("https://u ps", CHARACTERS),
        ("https://ups\t", CHARACTERS),
        ("https://ups:65536", NO_PORT),
        ("https://ups:x", NO_PORT),
        ("https://ups:0", NO_PORT),
        ("https://ups:", NO_PORT),
        ("https://a:b@ups", USER),
        ("https://a@ups:1", USER),
        ("https://ups/?", QUERY),
        ("https://ups/#", QUERY),
        ("https://ups/x?y=1", QUERY),
        ("https://ups#x", QUERY),
        ("https://", 'its host is empty: write a name or an address, such as "192.0.2.10"'),
        ("https://192.0.2", 'its host is no IPv4 address: write four numbers, such as "192.0.2.10"'),
    ],
)
def test_what_a_collectors_url_must_not_hold_is_named(url: str, problem: str) -> None:
    assert url_problem(url) == problem


def test_brackets_are_taken_off_in_pairs_and_ports_are_up_to_65535() -> None:
    assert [plain(host) for host in ("[::1]", "[::1", "::1]", "ups", "[]")] == [
        "::1",
        "[::1",
        "::1]",
        "ups",
        "",
    ]
    assert host_and_port("h:65535") == ("h", 65535)
    assert host_and_port("h:00080") == ("h", 80)
    assert host_and_port("[::1]:80", 502) == ("::1", 80)
    assert host_and_port("", 502) is None
    assert host_and_port("h", 65536) is None
    assert host_and_port("a:b]:80", 502) == ("a:b]", 80)
