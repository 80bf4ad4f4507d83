"""The requests that a running agent takes, and its answers. The document is docs/control.md."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from agent.alarms.causes import causes
from agent.alarms.record import NoSuchAlarm
from agent.alarms.response import response
from agent.alarms.seen import seen
from agent.alarms.site import MAX_SHELVED_S, MAX_TEST_S, SiteAlarms
from agent.control.present import Look, unknown
from agent.control.server import Call, Handler, Refused
from agent.detect.alarms.states import Action, AlarmState
from agent.detect.table import PRIORITY
from agent.view.language import ENGLISH, made_of, speaking

TEST_S = 10.0
MINUTE_S = 60.0
SCORED = "blind"  # of channels that are not seen: 1, and 2 where half of their group is not either
MOST_AT_ONCE = 1000  # alarms in one acknowledgement


@dataclass(frozen=True)
class Resources:
    """The sources of the answers. `points`: a unit's values, None for no such unit. `view`: the view of the
    site, with the values of one unit (None: the worst); True: with the sentences of all.
    `look`: the present value at an alarm's place.
    """

    site_alarms: SiteAlarms
    status: Callable[[], Awaitable[dict[str, Any]]]
    points: Callable[[str], dict[str, Any] | None]
    view: Callable[[str | None, bool], Awaitable[dict[str, Any]]]
    now_s: Callable[[], float]
    look: Look = unknown

    def routes(self) -> Mapping[str, Handler]:
        """Return every route of the control socket but the reads."""
        return {
            "GET /v1/status": self.get_status,
            "GET /v1/alarms": self.get_alarms,
            "GET /v1/points": self.get_points,
            "GET /v1/view": self.get_view,
            "POST /v1/alarms/acknowledge": self.acknowledge,
            "POST /v1/alarms/shelve": partial(self.act, Action.SHELVE),
            "POST /v1/alarms/unshelve": partial(self.act, Action.UNSHELVE),
            "POST /v1/alarms/test": self.test,
        }

    async def get_status(self, _call: Call) -> dict[str, Any]:
        """The status of the agent; `messages`: what its texts are made of, to be said in a language."""
        status = await self.status()
        return {**status, "messages": made_of(status)}

    async def get_alarms(self, _call: Call) -> dict[str, Any]:
        """The alarms that are not over, and the reports of the outputs."""
        test = self.site_alarms.last_test.told() if self.site_alarms.last_test else None
        return {
            "alarms": alarms_of(self.site_alarms, self.now_s(), self.look),
            "relay": None,
            **self.site_alarms.reports(),
            "test": test,
        }

    async def get_points(self, call: Call) -> dict[str, Any]:
        """The last values of one unit."""
        unit = call.query.get("unit", "")
        found = self.points(unit)
        if found is None:
            raise Refused(404, f"there is no unit {unit!r} that has been read; the status names them all")
        return found

    async def get_view(self, call: Call) -> dict[str, Any]:
        """The view of the site, with the figures and cells of one unit, in a language."""
        unit = call.query.get("unit")
        with speaking(call.query.get("language", ENGLISH)):
            found = await self.view(unit, call.query.get("sentences") == "all")
        if unit and all(one["name"] != unit for one in found["units"]):
            raise Refused(404, f"there is no unit {unit!r}; the status names them all")
        return found

    async def acknowledge(self, call: Call) -> dict[str, Any]:
        """Acknowledge the alarms of a list, in the name of who asked, as far as each is what was shown."""
        if "alarms" in call.body:
            found = self.site_alarms.acknowledge(_shown(call), call.who)
        else:
            shown = [(_text(call, "alarm"), _text(call, "seen", ""))]
            found = self.site_alarms.acknowledge(shown, call.who)
            if why := found[0].why:
                raise Refused(404 if found[0].gone else 409, why)
        return {"acknowledged": [asdict(one) for one in found], **await self.get_alarms(call)}

    async def act(self, what: Action, call: Call) -> dict[str, Any]:
        """Do something to an alarm, in the name of who asked."""
        minutes = _number(call, "minutes", 60.0, MAX_SHELVED_S / MINUTE_S)
        until_s = self.now_s() + minutes * MINUTE_S if what is Action.SHELVE else 0.0
        try:
            self.site_alarms.do(what, _text(call, "alarm"), call.who, until_s, _text(call, "why", ""))
        except NoSuchAlarm as error:
            raise Refused(404, str(error)) from error
        return await self.get_alarms(call)

    async def test(self, call: Call) -> dict[str, Any]:
        """Raise a test alarm."""
        self.site_alarms.test(_number(call, "seconds", TEST_S, MAX_TEST_S), call.who)
        return await self.get_alarms(call)


def alarms_of(site_alarms: SiteAlarms, now_s: float, look: Look = unknown) -> list[dict[str, Any]]:
    """Return the alarms that are not over, the most urgent first, and last those whose cause is gone: `now`,
    `forecast` and `present` are of this moment, all other figures of when each was raised; `do`: what to do.
    """
    found, active = [], site_alarms.all_active()
    of = causes(active)
    for name, event in active:
        said = asdict(event)
        del said["name"]  # the id says it
        said |= look(name.unit, event)._asdict()
        if said["sentence"] == SCORED:  # its limit is one of a score, and would be read as one of the value
            said["limit"] = None
        age_s = round(now_s - event.t_s, 1)
        do = response(name.unit, event.detector)
        found.append(
            {
                "id": str(name),
                "unit": name.unit,
                "label": site_alarms.labels.get(name.unit, ""),
                "age_s": age_s,
                "do": do,
                "cause": of[name],
                "seen": seen(event),
                **said,
            }
        )
    over = AlarmState.CLEARED_NEW
    return sorted(found, key=lambda one: (one["state"] == over, PRIORITY[one["severity"]], one["age_s"]))


def _shown(call: Call) -> list[tuple[str, str]]:
    """Return the alarms of a list, each with what was seen of it."""
    listed = call.body["alarms"]
    if not isinstance(listed, list) or len(listed) > MOST_AT_ONCE:
        raise Refused(400, f"alarms: a list of at most {MOST_AT_ONCE} is needed")
    found = []
    for one in listed:
        name, saw = (one.get("id"), one.get("seen")) if isinstance(one, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(saw, str) or not saw:
            raise Refused(400, "alarms: each needs its id, and what was seen of it: seen, as the list has it")
        found.append((name, saw))
    return found


def _text(call: Call, key: str, default: str | None = None) -> str:
    value = call.body.get(key, default)
    if not isinstance(value, str):
        raise Refused(400, f"{key}: a text is needed")
    return value[:500]


def _number(call: Call, key: str, default: float, maximum: float) -> float:
    value = call.body.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused(400, f"{key}: a number is needed")
    if not 0 < value <= maximum:
        raise Refused(400, f"{key}: {value:g} is not between 0 and {maximum:g}")
    return float(value)
