"""Names and addresses of machines, as people write them (RFC 1123, 3986). Pure."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from agent.message import Message

LONGEST = 253
NO_PORT = Message("has a port that is none: write https://HOST:PORT, with a port of 1 to 65535")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def plain(host: str) -> str:
    """Return a host without the brackets in which an IPv6 address may stand."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def authority(host: str, port: int) -> str:
    """Return "HOST:PORT" with an IPv6 address in brackets (RFC 3986): "[2001:db8::10]:502"."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def host_and_port(text: str, port: int | None = None) -> tuple[str, int] | None:
    """Return host and port of "HOST:PORT" or "[IPv6]:PORT"; None where the text is neither.

    port: of a text without one; an IPv6 address without brackets is then a host alone. Else it has a port if
    it is an address without its last part, too: "::1:8480" has one, "::1" has none.
    """
    host, colon, number = text.rpartition(":")
    if port is not None and (not colon or (":" in host and not host.endswith("]"))):
        host, number = text, str(port)
    elif is_v6(text) and not is_v6(host):
        return None
    if not (host and number.isdecimal() and len(number) <= 5 and int(number) < 65536):
        return None
    return plain(host), int(number)


def is_loopback(host: str) -> bool:
    """Whether a host is written as this very machine: "localhost" or an address of its loopback interface.

    No name is resolved: what a name resolves to can change, and others decide it.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def host_problem(host: str) -> str:
    """Return why nothing can be reached under this name, and what to write; "" where something may be."""
    name = plain(host)
    if not name:
        return Message('is empty: write a name or an address, such as "192.0.2.10"')
    if not name.isprintable() or " " in name:
        return Message(
            "has spaces or characters that are not printable in it: write the name or the address alone"
        )
    if "/" in name:
        alone = re.sub(r"^.*?://", "", name).partition("/")[0].rpartition("@")[2]
        return Message(
            'is a URL or a path: write the name or the address alone, such as "{alone}"', alone=alone
        )
    if ":" in name:
        return "" if is_v6(name) else _with_port(name)
    if name != host:
        return Message('has brackets, which are for IPv6: write "{name}"', name=name)
    return _name_problem(name)


def is_v6(text: str) -> bool:
    """Whether this is an IPv6 address, without brackets."""
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _with_port(name: str) -> str:
    host, _, port = name.rpartition(":")
    if port.isdecimal() and ":" not in host:
        return Message('has a port in it: write host = "{host}" and port = {port}', host=host, port=port)
    return Message('is no IPv6 address: write one such as "2001:db8::10"')


def _name_problem(name: str) -> str:
    try:
        ascii_name = name.encode("idna").decode().removesuffix(".")
    except UnicodeError:
        return Message("is no name that a machine can have")
    labels = ascii_name.split(".")
    if labels[-1].isdecimal():
        try:
            IPv4Address(ascii_name)
        except ValueError:
            return Message('is no IPv4 address: write four numbers, such as "192.0.2.10"')
        return ""
    if len(ascii_name) > LONGEST or not all(map(_LABEL.fullmatch, labels)):
        return Message("is no name that a machine can have: letters, digits, hyphens and points")
    return ""


def url_problem(url: str) -> str:
    """Return what a collector's URL holds that it must not, of one whose scheme and host are there."""
    if not url.isprintable() or " " in url:
        return Message("has spaces or characters that are not printable in it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return NO_PORT
    return _parts_problem(url, parts, port)


def _parts_problem(url: str, parts: SplitResult, port: int | None) -> str:
    if port == 0 or parts.netloc.endswith(":"):
        return NO_PORT
    if "@" in parts.netloc:
        return Message(
            "has a user or a password in it: a collector knows an agent by its certificate; take it out"
        )
    if "?" in url or "#" in url:
        return Message("has a query or a fragment in it: take out what begins with ? or #")
    problem = host_problem(parts.hostname or "")
    return Message("its host {problem}", problem=problem) if problem else ""
