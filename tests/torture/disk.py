"""What is left of a tape when the power goes: what was synced, and whatever the disk made of the rest."""

import random
from dataclasses import dataclass, field
from pathlib import Path

from tests.torture.recording import Op

SECTOR = 512


@dataclass
class File:
    """`durable` None: not even its name is on disk yet."""

    durable: bytes | None = None
    since: list[Op] = field(default_factory=list)  # written, truncated or deleted since the last sync
    now: bytearray = field(default_factory=bytearray)


class Disk:
    """Files by name, as the tape runs."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = {name: File(body, [], bytearray(body)) for name, body in (files or {}).items()}

    def run(self, op: Op) -> None:
        """Let an operation happen."""
        file = self.files.setdefault(op.file, File())
        if op.kind == "sync":
            if file.durable is None:
                self._sync_folder()  # as SQLite does with a file that it has just made
            file.durable, file.since = bytes(file.now), []
            return
        file.since.append(op)
        file.now = apply(file.now, op)

    def _sync_folder(self) -> None:
        """Names that came are there, names that went are gone."""
        for file in self.files.values():
            kinds = [op.kind for op in file.since]
            if "delete" in kinds:
                del file.since[: len(kinds) - kinds[::-1].index("delete")]
                file.durable = None
            if "create" in kinds and file.durable is None and file.since:
                file.durable = b""

    def cut(self, rng: random.Random) -> dict[str, bytes]:
        """What a power cut leaves. Each unsynced sector is new, old or torn, in whatever order."""
        found = {}
        for name, file in self.files.items():
            mood = rng.choice(("none", "all", "prefix", "some", "some"))
            kept = rng.randint(0, len(file.since))
            body = None if file.durable is None else bytearray(file.durable)
            for number, op in enumerate(file.since):
                if mood == "none" or (mood == "prefix" and number >= kept):
                    break
                if op.kind == "create":
                    body = bytearray() if body is None else body
                elif op.kind in ("truncate", "delete"):
                    if mood != "some" or rng.random() < 0.5:
                        body = apply(body or bytearray(), op) if op.kind == "truncate" else None
                else:
                    body = _write(body or bytearray(), op, rng, mood)
            if body is not None:
                found[name] = bytes(body)
        return found


def apply(body: bytearray, op: Op) -> bytearray:
    """A file's content after one operation."""
    if op.kind == "write":
        if len(body) < op.offset:
            body.extend(bytes(op.offset - len(body)))
        body[op.offset : op.offset + len(op.data)] = op.data
        return body
    if op.kind == "truncate":
        return body[: op.offset] + bytes(max(0, op.offset - len(body)))
    return bytearray()


def _write(body: bytearray, op: Op, rng: random.Random, mood: str) -> bytearray:
    if mood != "some":
        return apply(body, op)
    start = op.offset
    while start < op.offset + len(op.data):
        end = min(op.offset + len(op.data), (start // SECTOR + 1) * SECTOR)
        fate = rng.random()
        if fate < 0.5:
            torn = rng.randint(1, end - start) if fate < 0.1 else end - start
            piece = op.data[start - op.offset : start - op.offset + torn]
            body = apply(body, Op("write", op.file, start, piece))
        start = end
    return body


def put(files: dict[str, bytes], folder: Path) -> None:
    """Write files into an empty folder."""
    folder.mkdir(parents=True)
    for name, body in files.items():
        (folder / name).write_bytes(body)
