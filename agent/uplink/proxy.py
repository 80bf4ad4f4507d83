"""The proxy between a site and its collector, asked for a tunnel (RFC 9110, 9.3.6)."""

from dataclasses import dataclass
from pathlib import Path

import aiohttp

from agent.tls.credentials import NotPrivate, must_be_private


class LoginError(Exception):
    """The file with a proxy's login cannot be used."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """`url`: http://HOST:PORT. `login_file`: USER:PASSWORD in its first line, which nobody else can read."""

    url: str
    login_file: Path | None = None

    def login(self) -> aiohttp.BasicAuth | None:
        """Return the login, read anew. Raises LoginError."""
        if self.login_file is None:
            return None
        try:
            must_be_private(self.login_file)
            user, colon, password = self.login_file.read_text().partition("\n")[0].partition(":")
        except (OSError, UnicodeDecodeError, NotPrivate) as error:
            raise LoginError(f"proxy_login {self.login_file}: {error}") from error
        if not colon or not user:
            raise LoginError(f"proxy_login {self.login_file}: its first line is no USER:PASSWORD")
        return aiohttp.BasicAuth(user, password)
