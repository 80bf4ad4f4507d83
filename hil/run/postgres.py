"""A PostgreSQL server of one's own from what the system has installed; for benchmarks and tests, thrown away.

It keeps what is acknowledged (fsync), as those of users do. It listens at a socket in its folder, at no port.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from hil.run.processes import ProcessError, children_of

#: Who may come in how: `locked` has a password, all others come in as they say they are.
HBA = "local all locked scram-sha-256\nlocal all all trust\nhost all locked 127.0.0.1/32 scram-sha-256\n"
SETTINGS = "unix_socket_directories = '{socket}'\nport = 5432\nlisten_addresses = ''\nmax_connections = 60\n"


def binaries() -> Path | None:
    """Where initdb and postgres lie: Debian has them outside of PATH. None: they are not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    which = shutil.which("initdb")
    return found[-1].parent if found else Path(which).parent if which else None


class Server:
    """A server in a folder of its own, which root leaves to the user `postgres`. ProcessError where none is
    installed.

    settings: lines of postgresql.conf besides those that say where it listens.
    """

    def __init__(self, folder: Path, settings: str = "") -> None:
        found = binaries()
        if found is None:
            raise ProcessError("no PostgreSQL server here: apt-get install postgresql")
        self.folder, self._binaries, self._settings = folder, found, settings
        self._as = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []

    def make(self) -> None:
        """Make its files."""
        if self._as:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "--no-sync", "-A", "trust", "-U", "owner", "-E", "UTF8", "--locale", "C")
        (self.folder / "data" / "pg_hba.conf").write_text(HBA)
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.write(SETTINGS.format(socket=self.folder) + self._settings)

    def _run(self, command: str, *arguments: str) -> None:
        program = [*self._as, str(self._binaries / command), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(program, check=True, capture_output=True, cwd="/", timeout=60)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"))

    def stop(self) -> None:
        """Stop it at once."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-w")

    def kill(self) -> None:
        """Kill the whole of it with SIGKILL: nothing is written any more, nobody says goodbye."""
        pids = self.pids()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        while any(map(_runs, pids)):
            time.sleep(0.01)
        for lock in ("data/postmaster.pid", ".s.PGSQL.5432.lock"):
            (self.folder / lock).unlink()  # the number in it may be a zombie's

    def pids(self) -> list[int]:
        """Its processes."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        return [first, *children_of(first)]

    def place(self, schema: str = "public", user: str = "owner", database: str = "postgres") -> str:
        """A URL without its scheme."""
        return f"//{user}@/{database}?host={self.folder}&search_path={schema}"


def _runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
