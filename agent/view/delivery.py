"""In words, how far the collectors are with what was sealed, and what a fire here would cost. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.view.language import tell, tr

Said = Mapping[str, Any]
ACCOUNT = (
    "{sealed} batches sealed = {acknowledged} acknowledged + {pending} pending + {dropped} dropped;"
    " collector {reached}"
)
ACCOUNT_WITHHELD = (
    "{sealed} batches sealed = {acknowledged} acknowledged + {pending} pending + {dropped} dropped"
    " + {withheld} withheld; collector {reached}"
)


def reached_text(upstreams: Iterable[Said]) -> str:
    """Return "collector reached", or of several which is."""
    told = list(upstreams)
    if len(told) == 1:
        return tell("collector {reached}", reached=_reached(told[0]))
    return tell("collectors: {all}", all=", ".join(f"{one['name']} {_reached(one)}" for one in told))


def delivery_lines(account: Said, upstreams: Sequence[Said]) -> list[str]:
    """Return a line for each upstream, and one for the site; as the control socket tells of them."""
    lines = [_account(one, several=len(upstreams) > 1) for one in upstreams]
    return [*lines, *(tr(one["note"]) for one in upstreams if one["note"]), exposed_text(account, upstreams)]


def exposed_text(account: Said, upstreams: Sequence[Said]) -> str:
    """Return what a fire here would cost, and how far the second place is behind."""
    if not (account["frames"] or account["only_here_s"]):
        return tr("no values are held yet, here or elsewhere: what a fire here now would cost is not known")
    lost = _seconds(account["only_here_s"])
    now = tell("a fire here now would cost {lost} of values: no other place has them", lost=lost)
    behind = sorted(one["behind_s"] for one in upstreams if one["behind_s"] is not None)
    if len(behind) > 1:
        return tell("{now}; a second place has all but {behind}", now=now, behind=_seconds(behind[1]))
    return tell("{now}; there is no second place", now=now)


def _account(upstream: Said, several: bool) -> str:
    account = upstream["account"]
    name = f"{upstream['name']}: " if several else ""
    return name + tell(
        ACCOUNT_WITHHELD if account["withheld"] else ACCOUNT, **account, reached=_reached(upstream)
    )


def _reached(upstream: Said) -> str:
    return tr("reached") if upstream["reached"] else tr("NOT reached")


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return tell("{n} s", n=format(seconds, ".0f"))
    if seconds < 7200:
        return tell("{n} min", n=format(seconds / 60, ".0f"))
    return tell("{n} h", n=format(seconds / 3600, ".1f"))
