"""What can be asked of a running agent, and what it answers. The document is docs/control.md."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from agent.alarms.record import NoSuchAlarm
from agent.alarms.site import MAX_SHELVED_S, MAX_TEST_S, SiteAlarms
from agent.control.present import Look, unknown
from agent.control.server import Call, Handler, Refused
from agent.detect.alarms.states import Action
from agent.detect.table import PRIORITY

TEST_S = 10.0
MINUTE_S = 60.0


def routes(
    site_alarms: SiteAlarms,
    status: Callable[[], Awaitable[dict[str, Any]]],
    points: Callable[[str], dict[str, Any] | None],
    view: Callable[[str | None], Awaitable[dict[str, Any]]],
    now_s: Callable[[], float],
    look: Look = unknown,
) -> Mapping[str, Handler]:
    """Return every route of the control socket. `points` gives a unit's values, None for no such unit;
    `view` what people are shown, with the values of one unit or, for None, of all; `look` what is so at the
    place of an alarm.
    """

    async def get_status(_call: Call) -> dict[str, Any]:
        return await status()

    async def get_alarms(_call: Call) -> dict[str, Any]:
        test = site_alarms.last_test.told() if site_alarms.last_test else None
        return {
            "alarms": alarms_of(site_alarms, now_s(), look),
            "relay": None,
            **site_alarms.reports(),
            "test": test,
        }

    async def get_points(call: Call) -> dict[str, Any]:
        unit = call.query.get("unit", "")
        found = points(unit)
        if found is None:
            raise Refused(404, f"there is no unit {unit!r} that has been read; the status names them all")
        return found

    async def get_view(call: Call) -> dict[str, Any]:
        unit = call.query.get("unit")
        found = await view(unit)
        if unit and all(one["name"] != unit for one in found["units"]):
            raise Refused(404, f"there is no unit {unit!r}; the status names them all")
        return found

    def acting(what: Action) -> Handler:
        async def act(call: Call) -> dict[str, Any]:
            minutes = _number(call, "minutes", 60.0, MAX_SHELVED_S / MINUTE_S)
            until_s = now_s() + minutes * MINUTE_S if what is Action.SHELVE else 0.0
            try:
                site_alarms.do(what, _text(call, "alarm"), call.who, until_s, _text(call, "why", ""))
            except NoSuchAlarm as error:
                raise Refused(404, str(error)) from error
            return await get_alarms(call)

        return act

    async def test(call: Call) -> dict[str, Any]:
        site_alarms.test(_number(call, "seconds", TEST_S, MAX_TEST_S), call.who)
        return await get_alarms(call)

    return {
        "GET /v1/status": get_status,
        "GET /v1/alarms": get_alarms,
        "GET /v1/points": get_points,
        "GET /v1/view": get_view,
        "POST /v1/alarms/acknowledge": acting(Action.ACKNOWLEDGE),
        "POST /v1/alarms/shelve": acting(Action.SHELVE),
        "POST /v1/alarms/unshelve": acting(Action.UNSHELVE),
        "POST /v1/alarms/test": test,
    }


def alarms_of(site_alarms: SiteAlarms, now_s: float, look: Look = unknown) -> list[dict[str, Any]]:
    """Return the alarms that are not over, the most urgent first: `now` and `forecast` are of this moment,
    all other figures of when each was raised.
    """
    found = []
    for name, event in site_alarms.all_active():
        said = asdict(event)
        del said["name"]  # the id says it
        said |= look(name.unit, event)._asdict()
        age_s = round(now_s - event.t_s, 1)
        found.append({"id": str(name), "unit": name.unit, "age_s": age_s, **said})
    return sorted(found, key=lambda alarm: (PRIORITY[alarm["severity"]], alarm["age_s"]))


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
