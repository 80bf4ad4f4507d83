"""The [web] table of agent.toml, changed with all that stands around it left as it is, comments too."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from agent.cli.common.errors import Misuse
from agent.cli.common.load import load
from drivers.durable import replace_whole


def change(path: Path, values: Mapping[str, str | None], *, keep_old: bool = True) -> bool:
    """Set keys of [web], or take them out (None); return whether that changed anything. The file as it was is
    kept as agent.toml.1, unless setup has just kept the one before (`keep_old`). Raises Misuse, and changes
    nothing, where the file cannot be used before or after.
    """
    load(path)
    old = path.read_text()
    try:
        document = tomlkit.parse(old)
    except TOMLKitError as error:
        raise Misuse(f"{path}: {error}", "CW-301") from error
    web = document.setdefault("web", tomlkit.table())
    for key, value in values.items():
        if value is None:
            web.pop(key, None)
        else:
            web[key] = value
    text = tomlkit.dumps(document)
    if tomllib.loads(text) == tomllib.loads(old):
        return False
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_text(text)
        load(new)
    finally:
        new.unlink(missing_ok=True)
    mode = path.stat().st_mode & 0o777
    if keep_old:
        replace_whole(path.with_name(f"{path.name}.1"), old.encode(), mode)
    replace_whole(path, text.encode(), mode)
    return True
