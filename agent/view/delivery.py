"""In words, how far the collectors are with what was sealed, and what a fire here would cost. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Said = Mapping[str, Any]


def reached_text(upstreams: Iterable[Said]) -> str:
    """Return "collector reached", or of several which is."""
    told = list(upstreams)
    if len(told) == 1:
        return f"collector {_reached(told[0])}"
    return "collectors: " + ", ".join(f"{one['name']} {_reached(one)}" for one in told)


def delivery_lines(account: Said, upstreams: Sequence[Said]) -> list[str]:
    """Return a line for each upstream, and one for the site; as the control socket tells of them."""
    lines = [_account(one, several=len(upstreams) > 1) for one in upstreams]
    return [*lines, *(one["note"] for one in upstreams if one["note"]), exposed_text(account, upstreams)]


def exposed_text(account: Said, upstreams: Sequence[Said]) -> str:
    """Return what a fire here would cost, and how far the second place is behind."""
    if not (account["frames"] or account["only_here_s"]):
        return "no values are held yet, here or elsewhere: what a fire here now would cost is not known"
    now = f"a fire here now would cost {_seconds(account['only_here_s'])} of values: no other place has them"
    behind = sorted(one["behind_s"] for one in upstreams if one["behind_s"] is not None)
    if len(behind) > 1:
        return f"{now}; a second place has all but {_seconds(behind[1])}"
    return f"{now}; there is no second place"


def _account(upstream: Said, several: bool) -> str:
    account = upstream["account"]
    name = f"{upstream['name']}: " if several else ""
    withheld = f" + {account['withheld']} withheld" if account["withheld"] else ""
    return (
        f"{name}{account['sealed']} batches sealed = {account['acknowledged']} acknowledged"
        f" + {account['pending']} pending + {account['dropped']} dropped{withheld};"
        f" collector {_reached(upstream)}"
    )


def _reached(upstream: Said) -> str:
    return "reached" if upstream["reached"] else "NOT reached"


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
