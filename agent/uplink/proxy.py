"""The proxy between a site and its collector, asked for a tunnel (RFC 9110, 9.3.6)."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from agent.message import Message, joined, told_by
from agent.net.trouble import in_words
from agent.tls.credentials import NotPrivate, must_be_private
from agent.wire.hosts import authority
from agent.wire.text import printable

HTTP_PORT, HTTPS_PORT = 80, 443
#: What a proxy means that makes no tunnel, by its status; tinyproxy says 401, 500 where others say 407, 503
LOGIN = "it wants a login, or another one: USER:PASSWORD in the file that proxy_login names"
NOT_ALLOWED = "it does not allow this: whoever runs it must allow CONNECT to this host and port"
NOT_THERE = "it does not reach the collector: is it up, and may the proxy look up its name and connect?"
REFUSALS = {401: LOGIN, 403: NOT_ALLOWED, 405: NOT_ALLOWED, 407: LOGIN} | dict.fromkeys(
    (500, 502, 503, 504), NOT_THERE
)
OTHER = "it is no proxy that makes tunnels, or its log says why"


def place(url: str) -> tuple[str, int]:
    """Return host and port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (HTTPS_PORT if parts.scheme == "https" else HTTP_PORT)


def refused(proxy: str, url: str, status: int, reason: str) -> Message:
    """Say what a proxy answered that made no tunnel, and what to do: its word, not the collector's."""
    return Message(
        "proxy {proxy} answers {answer} to CONNECT {place}: {why}",
        proxy=proxy,
        answer=f"HTTP {status} {printable(reason, 80)}".strip(),
        place=authority(*place(url)),
        why=Message(REFUSALS.get(status, OTHER)),
    )


class LoginError(Exception):
    """The file with a proxy's login cannot be used."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """`url`: http://HOST:PORT. `login_file`: USER:PASSWORD in its first line, which nobody else can read."""

    url: str
    login_file: Path | None = None

    def login(self) -> str | None:
        """Return the login as a `Proxy-Authorization`, read anew. Raises LoginError."""
        if self.login_file is None:
            return None
        try:
            must_be_private(self.login_file)
            user, colon, password = (
                self.login_file.read_text(encoding="utf-8").partition("\n")[0].partition(":")
            )
        except NotPrivate as error:
            raise LoginError(joined(": ", ["proxy_login", told_by(error)])) from error
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or Message("is no text in UTF-8")
            raise LoginError(joined(": ", [f"proxy_login {self.login_file}", why])) from error
        if not colon or not user:
            no = Message("proxy_login {file}: its first line is no USER:PASSWORD", file=self.login_file)
            raise LoginError(no)
        return aiohttp.encode_basic_auth(user, password)

    def trouble(self, url: str, error: BaseException) -> str:
        """Return why there is no tunnel to `url`; "": the trouble is another."""
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return refused(self.url, url, error.status, error.message)
        if isinstance(error, aiohttp.ClientProxyConnectionError):
            why = in_words(error.os_error) or printable(str(error))
            return Message("proxy {proxy}: {why}", proxy=self.url, why=why)
        return ""
