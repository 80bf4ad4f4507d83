"""Who may see the page, and how often they may ask. Pure: time is passed in."""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from agent.wire.hosts import host_and_port, is_loopback
from drivers.files import read_text

MIN_TOKEN = 16  # characters
COOKIE = "cellwarden"
ADDRESSES_KEPT = 1000

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer the page's own form would have no origin either
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class TokenError(Exception):
    """The token file cannot be used."""


def read_token(path: Path) -> str:
    """Return the token in a file. Raises TokenError."""
    try:
        token = read_text(path).strip()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or error
        raise TokenError(
            f"{path}: {said}; make one: (umask 077; head -c 24 /dev/urandom | base64 > {path})"
        ) from error
    if len(token) < MIN_TOKEN:
        raise TokenError(f"{path}: the token has {len(token)} characters; at least {MIN_TOKEN} are needed")
    return token


class Door:
    """Lets those in who know the token; the cookie holds a proof of it, never the token itself."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._inside = OrderedDict[str, None]()  # addresses from where somebody came in

    def knows(self, token: str) -> bool:
        """Is this the token."""
        return _same(token, self._token)

    def session(self) -> str:
        """Return the cookie of somebody who comes in now: a number of its own, and the proof of the token."""
        number = secrets.token_hex(16)
        return f"{number}.{self._proof('session', number)}"

    def admits(self, cookie: str) -> bool:
        """Is this the cookie of somebody who has come in before."""
        number, _, proof = cookie.partition(".")
        return _same(proof, self._proof("session", number).encode())

    def form_token(self, session: str) -> str:
        """Return a token for a form on a page of this session; another one each time, since pages are
        compressed and their length must tell nothing of it (BREACH).
        """
        number = secrets.token_hex(16)
        return f"{number}.{self._proof('form', session, number)}"

    def sent_form(self, session: str, token: str) -> bool:
        """Is this token from a page of this session: nobody else can have made the form."""
        number, _, proof = token.partition(".")
        return _same(proof, self._proof("form", session, number).encode())

    def _proof(self, *said: str) -> str:
        what = "\n".join(said).encode(errors="surrogatepass")
        return hmac.new(self._token, b"cellwarden status page\n" + what, sha256).hexdigest()

    def enters(self, address: str) -> None:
        """Somebody came in from there."""
        self._inside[address] = None
        self._inside.move_to_end(address)
        while len(self._inside) > ADDRESSES_KEPT:
            self._inside.popitem(last=False)

    def is_inside(self, address: str) -> bool:
        """Has somebody come in from there."""
        return address in self._inside


def _same(said: str, secret: bytes) -> bool:
    # a header that is not UTF-8 comes with surrogates, which cannot be encoded otherwise
    return hmac.compare_digest(said.encode(errors="surrogatepass"), secret)


@dataclass(slots=True)
class _Bucket:
    left: float
    at_s: float


class Rate:
    """A bucket per address: `burst` at once, then `per_s`."""

    def __init__(self, burst: float, per_s: float) -> None:
        self._burst, self._per_s = burst, per_s
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def allows(self, address: str, now_s: float) -> bool:
        """Take one from the address's bucket; False when it is empty."""
        if self.is_spent(address, now_s):
            return False
        self._buckets[address].left -= 1.0
        return True

    def is_spent(self, address: str, now_s: float) -> bool:
        """Is the address's bucket empty."""
        bucket = self._buckets.pop(address, None) or _Bucket(self._burst, now_s)
        bucket.left = min(self._burst, bucket.left + (now_s - bucket.at_s) * self._per_s)
        bucket.at_s = now_s
        self._buckets[address] = bucket
        while len(self._buckets) > ADDRESSES_KEPT:
            self._buckets.popitem(last=False)
        return bucket.left < 1.0


def whose(address: str) -> str:
    """Return whom an address stands for: itself, or its /64, of which one machine can have every address
    (RFC 4291, 2.5.1; RFC 8981).
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv4Address) or ip.ipv4_mapped:
        return address
    return f"{IPv6Address(int(ip) >> 64 << 64)}/64"


def is_ours(host: str) -> bool:
    """Is this Host header one of this very machine's own names.

    A web site elsewhere can have its name resolve to 127.0.0.1 and then read what answers there (DNS
    rebinding); its requests carry its name.
    """
    name, _ = host_and_port(host, port=80) or ("", 0)
    return is_loopback(name)


def is_own_form(headers: Mapping[str, str], host: str) -> bool:
    """Was a form sent by a page of this very server, as its browser says (Fetch metadata; an older browser
    names the origin). Where neither is told, it was not.
    """
    if site := headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    scheme, _, origin = headers.get("Origin", "").partition("://")
    return scheme in ("https", "http") and bool(host) and origin == host


def query_of(query: Mapping[str, str], name: str, longest: int = 200) -> str:
    """Return a parameter, cut to a sane length."""
    return query.get(name, "")[:longest]
