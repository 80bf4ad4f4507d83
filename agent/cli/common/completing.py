"""Completion of what this machine alone knows: units, alarms, profiles; and of bash, with its colons.

Nothing here may take long: a shell waits for it with every Tab.
"""

import contextlib
import os
import tomllib
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from click.shell_completion import BashComplete, add_completion_class, split_arg_string

from agent.cli.common.usual import CONFIG, SITE_PROFILES, SOCKET
from agent.control import client
from agent.control.form import OtherVersion

ANSWER_S = 0.5  # of an agent that is asked meanwhile


def words_of(kind: str | None, said: Mapping[str, Any]) -> Sequence[str]:
    """Return the words of a kind, as far as they are known; said: the options that are typed already."""
    find = {"unit": _units, "alarm": _alarms, "profile": _profiles}.get(kind or "")
    with contextlib.suppress(
        OSError, ValueError, KeyError, TypeError, client.NotRunning, client.Refusal, OtherVersion
    ):
        return find(said) if find else ()
    return ()


def _units(said: Mapping[str, Any]) -> Sequence[str]:
    socket = Path(said.get("socket") or SOCKET)
    if socket.exists() and not said.get("config"):
        return [unit["name"] for unit in client.get(socket, "/v1/status", ANSWER_S)["units"]]
    content = tomllib.loads(Path(said.get("config") or CONFIG).read_text())
    named = [(unit.get("rack"), unit["name"]) for unit in content["unit"]]
    return [f"{rack}/{name}" if rack else name for rack, name in named]


def _alarms(said: Mapping[str, Any]) -> Sequence[str]:
    socket = Path(said.get("socket") or SOCKET)
    return (
        [alarm["id"] for alarm in client.get(socket, "/v1/alarms", ANSWER_S)["alarms"]]
        if socket.exists()
        else ()
    )


def _profiles(said: Mapping[str, Any]) -> Sequence[str]:
    """Return their names; drivers.profile.load, which knows them too, takes half a second to be imported."""
    found = find_spec("drivers")
    shipped = [Path(place) / "profiles" for place in (found and found.submodule_search_locations) or ()]
    folders = [*map(Path, said.get("profile_dir") or ()), SITE_PROFILES, *shipped]
    return sorted({path.stem for folder in folders for path in folder.glob("*.toml")})


class Bash(BashComplete):
    """Bash ends a word at a colon, and ids of alarms have some: the line is split here, and what stands
    before the last colon is taken off again there.
    """

    source_template = r"""%(complete_func)s() {
    local IFS=$'\n' line="${COMP_LINE:0:COMP_POINT}" response completion type value word cut=
    word="${line##*[[:space:]]}"; word="${word##*=}"
    [[ $word == *:* && $COMP_WORDBREAKS == *:* ]] && cut="${word%%:*}:"
    response=$(env COMP_WORDS="$line" %(complete_var)s=bash_complete "$1")
    for completion in $response; do
        IFS=',' read -r type value <<< "$completion"
        if [[ $type == 'dir' ]]; then
            COMPREPLY=(); compopt -o dirnames
        elif [[ $type == 'file' ]]; then
            COMPREPLY=(); compopt -o default
        elif [[ $type == 'plain' ]]; then
            COMPREPLY+=("${value#"$cut"}")
        fi
    done
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is typed, and that one."""
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        if not words or line[-1].isspace():
            return words[1:], ""
        return words[1:-1], words[-1]


add_completion_class(Bash)
