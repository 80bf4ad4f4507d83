"""What PostgreSQL or the way to it says, as one line that says what to do next. Never with a password."""

import re
import socket
from urllib.parse import unquote, urlsplit

import asyncpg

from collector.postgres.url import without_password

#: By what is raised: what to do next. The first that fits counts; {role}, {name} and {host} are the URL's.
ADVICE: tuple[tuple[type[BaseException], str], ...] = (
    (asyncpg.InvalidCatalogNameError, "make it: createdb --owner {role} --encoding UTF8 {name}"),
    (
        asyncpg.InvalidPasswordError,
        "put the right one into ~/.pgpass (or PGPASSFILE), as host:port:database:user:password",
    ),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "make the role (createuser {role}), or let it in with a line of the server's pg_hba.conf",
    ),
    (
        asyncpg.InsufficientPrivilegeError,
        "let the role own the database: ALTER DATABASE {name} OWNER TO {role}",
    ),
    (asyncpg.TooManyConnectionsError, "raise max_connections of the server, or stop what holds them"),
    (asyncpg.CannotConnectNowError, "the server starts or stops; wait until it takes connections"),
    (asyncpg.DiskFullError, "make room on the database's disk"),
    (asyncpg.ReadOnlySQLTransactionError, "the database can only be read: give the primary's URL"),
    (asyncpg.UndefinedTableError, "its tables are not there: restore them, or start a collector on it"),
    (asyncpg.UniqueViolationError, "another collector stored it meanwhile; it is judged anew"),
    (asyncpg.PostgresError, "see the server's log"),
    (socket.gaierror, "the name {host} cannot be looked up: see the URL, and the name server"),
    (ConnectionRefusedError, "nothing listens at {host}: start the server, or see the URL"),
    (FileNotFoundError, "no server has its socket at {host}: start it, or see the URL"),
    (TimeoutError, "{host} does not answer in time: see the server, and the network to it"),
    (ConnectionError, "the connection was lost: see the server's log"),
    (OSError, "see the way to {host}"),
    (asyncpg.InterfaceError, "see the URL, as postgresql://USER@HOST/DATABASE, and the server's log"),
    (ValueError, "see the URL, as postgresql://USER@HOST/DATABASE"),
)
_GENERAL = "the server did not answer"


def in_words(error: BaseException, place: str) -> str:
    """What went wrong, and what to do next."""
    try:
        url = urlsplit(place)
        host = re.search(r"[?&]host=([^&]*)", place)
        parts = {
            "host": unquote(host[1]) if host else url.hostname or "the local socket",
            "name": unquote(url.path.strip("/")) or "DATABASE",
            "role": unquote(url.username or "") or "ROLE",
        }
    except ValueError:
        parts = dict.fromkeys(("host", "name", "role"), "of the URL")
    advice = next((text for kind, text in ADVICE if isinstance(error, kind)), "see the server's log")
    said = " ".join(without_password(str(error)).split()) or _GENERAL
    return f"{said}: {advice.format(**parts)}"
