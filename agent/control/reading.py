"""POST /v1/read: any register, through the bus that is being polled, in its pauses. See docs/control.md."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agent.alarms.site import SiteAlarms
from agent.control.server import Call, Handler, Refused
from agent.modbus.bus import Bus
from agent.modbus.manual_read import Exchange, GuestRefused
from agent.modbus.ports import PortError
from agent.modbus.verdict import verdict_of
from drivers.registers import Area, Read

MOST = {Area.COIL: 2000, Area.DISCRETE: 2000, Area.HOLDING: 125, Area.INPUT: 125}
MOST_S = 3.0


def read_routes(site_alarms: SiteAlarms, buses: Callable[[], Iterable[Bus]]) -> Mapping[str, Handler]:
    """Return the route; who asked for what is recorded."""

    async def read(call: Call) -> dict[str, Any]:
        wanted = call.body.get("bus")
        bus = next((bus for bus in buses() if wanted in (bus.name, bus.port.name)), None)
        if bus is None:
            known = ", ".join(bus.name for bus in buses())
            raise Refused(404, f"bus: there is no bus {wanted!r}; there are {known}")
        unit_id = _whole(call, "unit_id", 0, 255)
        asked = _read(call)
        timeout_s = call.body.get("timeout_s")
        if timeout_s is not None and not (isinstance(timeout_s, int | float) and 0 < timeout_s <= MOST_S):
            raise Refused(400, f"timeout_s: must be above 0 and at most {MOST_S:g}")
        about = f"{bus.name} id {unit_id} {asked.area} {asked.address}, {asked.count} long"
        site_alarms.changed("read", call.who, about=about)
        try:
            heard = await bus.read(unit_id, asked, timeout_s)
        except GuestRefused as error:
            raise Refused(409, str(error)) from error
        except PortError as error:
            raise Refused(503, str(error)) from error
        return {
            "bus": bus.name,
            "port": bus.port.name,
            "unit_id": unit_id,
            "exchanges": [_told(each) for each in heard],
        }

    return {"POST /v1/read": read}


def _told(heard: Exchange) -> dict[str, Any]:
    answer = heard.answer
    return {
        "area": str(heard.read.area),
        "address": heard.read.address,
        "count": heard.read.count,
        "verdict": str(verdict_of(answer)),
        "words": [int(word) for word in answer.reply.words],
        "exception_code": answer.reply.exception_code,
        "came": answer.came.as_json(),
        "response_s": answer.response_s,
        "sent": heard.sent.hex(" "),
        "got": heard.got.hex(" "),
    }


def _read(call: Call) -> Read:
    try:
        area = Area(call.body.get("area", ""))
    except ValueError:
        raise Refused(400, f"area: must be one of {', '.join(Area)}") from None
    count = _whole(call, "count", 1, MOST[area])
    return Read(area, _whole(call, "address", 0, 0x10000 - count), count)


def _whole(call: Call, key: str, least: int, most: int) -> int:
    value = call.body.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Refused(400, f"{key}: a whole number from {least} to {most} is needed")
    return value
