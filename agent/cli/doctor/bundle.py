"""One file for whoever helps: what the doctor found and what the agent says, names and addresses blanked.

No key, certificate, token or password file is ever opened for it. Every name of the site's own (agent, site,
buses, units, racks, hosts, serial numbers, people) is replaced by a stand-in, the same one everywhere in the
bundle, so that findings still make sense.
"""

import io
import json
import platform
import re
import tarfile
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from agent.cli.doctor.results import Result
from agent.cli.doctor.site import Site
from agent.config.tables import Config
from agent.view.language import tell, tr

ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}\b")
URL_CREDENTIALS = re.compile(r"(https?://)[^/@\s\"']+@")
SECRET_LINE = re.compile(r"^(\s*(?:\w*(?:token|password|secret|key)\w*)\s*=\s*).*$", re.M | re.I)
COMMENT = re.compile(r"(?m)^\s*#.*\n?|\s#[^\"'\n]*$")  # people write down there what is nobody else's
KEPT = ("127.0.0.1",)
PACKAGES = ("cellwarden", "pymodbus", "numba", "numpy", "aiohttp", "pydantic")


class Blank:
    """Replaces names by stand-ins, the same one each time."""

    def __init__(self) -> None:
        self._stands: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def learn(self, kind: str, names: Iterable[object]) -> None:
        """Take names of one kind."""
        for name in names:
            text = str(name or "")
            if len(text) > 1 and text not in self._stands and text not in KEPT:
                self._counts[kind] = self._counts.get(kind, 0) + 1
                self._stands[text] = f"{kind}-{self._counts[kind]}"

    def __call__(self, text: str) -> str:
        """Return `text` without a name that was learnt, an address, or a secret."""
        text = SECRET_LINE.sub(r'\1"(removed)"', URL_CREDENTIALS.sub(r"\1", text))
        self.learn("address", ADDRESS.findall(text))
        for name in sorted(self._stands, key=len, reverse=True):
            # whole words only: a unit called "bus" must not change "busy"
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", self._stands[name], text)
        return text


def contents(site: Site, results: Sequence[Result]) -> dict[str, str]:
    """Return every file of the bundle, blanked."""
    blank = Blank()
    if site.config is not None:
        _learn(blank, site.config)
    status = site.status or {}
    blank.learn("host", [platform.node()])
    for seen in (site.seen if "seen" in site.__dict__ else {}).values():
        for unit in seen.units:
            if unit.match and unit.match.layout:
                blank.learn("identity", unit.match.layout.identity.values())
    blank.learn("epoch", [status.get("epoch")])
    blank.learn("person", [record.get("who") for record in status.get("log", [])])
    for told in status.get("units", []):
        # words only: a number that is somebody's serial is a count elsewhere
        blank.learn("identity", [said for said in told.get("identity", {}).values() if isinstance(said, str)])
    units = [{**told, "identity": list(told.get("identity", {}))} for told in status.get("units", [])]
    box: dict[str, Any] = {
        "machine": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "made_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    files = {
        "doctor.json": json.dumps([result.as_json() for result in results], indent=1),
        "status.json": json.dumps({**status, "units": units} if status else status, indent=1),
        "box.json": json.dumps(box, indent=1),
    }
    try:
        files["agent.toml"] = COMMENT.sub("", site.path.read_text())
    except (OSError, UnicodeDecodeError):
        files["agent.toml"] = "# could not be read\n"
    return {name: blank(text) for name, text in files.items()}


def _learn(blank: Blank, config: Config) -> None:
    blank.learn("agent", [config.agent.id])
    blank.learn("site", [config.agent.site])
    blank.learn("unit", [name for unit in config.unit for name in (unit.path, unit.name)])
    blank.learn("rack", [unit.rack for unit in config.unit])
    blank.learn("bus", [bus.name for bus in config.bus])
    hosts = [bus.endpoint.place for bus in config.bus if bus.endpoint.device is None]
    urls = [url for upstream in config.upstream for url in (upstream.url, upstream.proxy) if url]
    blank.learn("host", [*hosts, *(urlsplit(url).hostname for url in urls)])


def write(path: Path, site: Site, results: Sequence[Result], *, ask: bool) -> None:
    """Show what goes in, ask, and write it."""
    files = contents(site, results)
    click.echo(tr("The bundle holds, with names and addresses replaced and no key, token or password:"))
    for name, text in files.items():
        click.echo(f"  {name:<12} {tell('{n:>8} bytes', n=len(text))}")
    if ask and not click.confirm(tell("Write {file}?", file=path), default=False):
        click.echo(tr("Nothing was written."))
        return
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            data = text.encode()
            entry = tarfile.TarInfo(f"cellwarden-doctor/{name}")
            entry.size, entry.mtime = len(data), int(time.time())
            tar.addfile(entry, io.BytesIO(data))
    click.echo(tell("Wrote {file}. Look into it before you send it: tar xzOf {file} | less", file=path))
