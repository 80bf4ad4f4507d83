"""The backup of an agent, in one file: configuration, profiles of the site, and the agent's id.

Not in it: the private key, which never leaves its box (the new one asks for a certificate of its own), and
the buffer. An agent restored on another box begins a new epoch, so that no sequence is ever used twice, and
learns anew: a learned state as old as the backup is of no use.
"""

import io
import json
import re
import tarfile
import tomllib
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from agent.config.tables import Config
from drivers.durable import replace_whole

VERSION = 1
MANIFEST = "manifest.json"
FILES = "files/"
MAX_FILE_BYTES = 1 << 20
MAX_FILES = 200
PRIVATE = b"PRIVATE KEY-----"


class BackupError(Exception):
    """A backup cannot be made, read or restored; one line says why."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup: who the agent is, the name of its configuration, and files by path within its folder."""

    agent: str
    config: str
    files: dict[str, bytes]


def collect(path: Path, config: Config) -> tuple[Backup, list[str]]:
    """Return the backup of the agent configured in `path`, and what was left out, one line each."""
    folder = path.parent
    files, left_out = {}, []
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if not file.is_file():
            continue
        if file.stat().st_size > MAX_FILE_BYTES:
            left_out.append(f"{file}: larger than {MAX_FILE_BYTES >> 20} MiB, which no agent needs")
            continue
        content = file.read_bytes()
        if PRIVATE in content:
            left_out.append(f"{file}: a private key stays on its box")
        elif file in {upstream.cert for upstream in config.upstream}:
            left_out.append(f"{file}: the certificate of that key")
        else:
            files[name] = content
    if len(files) > MAX_FILES:
        raise BackupError(f"{folder}: {len(files)} files; an agent has a folder of its own")
    left_out += [f"{d}: outside of {folder}" for d in config.agent.profile_dirs if not _within(d, folder)]
    return Backup(config.agent.id, path.name, files), left_out


def _within(inner: Path, folder: Path) -> bool:
    return inner.resolve().is_relative_to(folder.resolve())


def to_bytes(backup: Backup) -> bytes:
    """Return the file: a gzipped tar, readable without us."""
    manifest = {"version": VERSION, "agent": backup.agent, "config": backup.config}
    members = {MANIFEST: json.dumps(manifest, indent=2).encode() + b"\n"}
    members |= {FILES + name: content for name, content in backup.files.items()}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def from_bytes(data: bytes) -> Backup:
    """Read a backup, of which nothing is believed. Raises BackupError."""
    members: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
            for info in tar:
                if not info.isfile() or info.size > MAX_FILE_BYTES or len(members) > MAX_FILES:
                    raise BackupError(f"{info.name[:100]!r} has no place in a backup")
                content = tar.extractfile(info)
                members[info.name] = content.read() if content else b""
        manifest: dict[str, Any] = json.loads(members.pop(MANIFEST))
        version, agent, config = manifest["version"], manifest["agent"], manifest["config"]
    except (tarfile.TarError, zlib.error, OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"is no backup of an agent, or a damaged one ({error})") from error
    if version != VERSION:
        raise BackupError(f"is a backup of version {str(version)[:20]}, this cellwarden knows {VERSION}")
    files = {_checked(name): content for name, content in members.items()}
    if not isinstance(agent, str) or not isinstance(config, str) or config not in files:
        raise BackupError("holds no configuration")
    return Backup(agent, config, files)


def _checked(name: str) -> str:
    inner = name.removeprefix(FILES)
    parts = PurePosixPath(inner).parts
    if inner == name or not parts or inner.startswith("/") or ".." in parts or "\0" in name:
        raise BackupError(f"{name[:100]!r} has no place in a backup")
    return inner


def with_agent_id(text: str, agent: str) -> str:
    """Return a configuration whose agent is called `agent`, whatever the new box is called."""
    if tomllib.loads(text).get("agent", {}).get("id") == agent:
        return text
    line = f'id = "{agent}"  # written by cellwarden restore'
    if re.search(r"^\s*\[agent\]", text, re.MULTILINE):
        return re.sub(r"^(\s*\[agent\][^\n]*)$", rf"\1\n{line}", text, count=1, flags=re.MULTILINE)
    return f"{text.rstrip()}\n\n[agent]\n{line}\n"


def restore(backup: Backup, folder: Path) -> list[Path]:
    """Write the files into `folder`, which must not hold a configuration yet; return their paths."""
    target = folder / backup.config
    if target.exists():
        raise BackupError(f"{target}: this box is an agent already; move that file away first")
    config = with_agent_id(backup.files[backup.config].decode(), backup.agent).encode()
    written = []
    for name, content in sorted(backup.files.items(), key=lambda item: item[0] == backup.config):
        path = folder / name  # the configuration last: without it nothing starts
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_whole(path, config if name == backup.config else content)
        written.append(path)
    return written
