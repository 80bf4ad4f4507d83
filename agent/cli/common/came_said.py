"""What came of a request, as a tool says it: the row of `agent.modbus.came`, and one command to run."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agent.cli.common.codes import Trouble
from agent.message import Message, joined
from agent.modbus.came import NOT_YET, NOTHING, Came, Frames, Kind
from agent.modbus.lately import OF_VERDICT
from agent.modbus.survey.look import manual_address
from agent.modbus.survey.presence import PATIENT_S
from agent.modbus.verdict import Verdict
from agent.transport.row import Endpoint
from drivers.registers import Area, Read

MOST_SHOWN = 20  # bytes
INSTEAD = {Area.HOLDING: Area.INPUT, Area.INPUT: Area.HOLDING}
SCAN = "cellwarden scan {endpoint}"
SCAN_ID = "cellwarden scan {endpoint} --id {id}"
AGAIN = "cellwarden probe {endpoint} --id {id} {area}:{address}"
OTHER_TABLE = "cellwarden probe {endpoint} --id {id} {instead}:{address} --count 1"
USUAL_PORT = "cellwarden scan {place}"
ACCEPTED = "cellwarden check --config agent.toml   (once accept is set)"
OTHER_FRAMES: dict[Frames, str] = {
    "tcp": "cellwarden probe rtu-over-tcp://{endpoint} --id {id}",
    "rtu": "cellwarden probe {bare} --id {id}",
}
#: What to run; where nothing is said: a scan for that id.
RUN: dict[Kind, str] = {
    Kind.NOTHING: SCAN,
    Kind.LATE: AGAIN + " --timeout {timeout_s:g}",
    Kind.OTHER_UNIT: "cellwarden probe {endpoint} --id {other} {area}:{address}",
    Kind.OTHER_FUNCTION: OTHER_TABLE,
    Kind.OTHER_COUNT: AGAIN + " --count 1",
    Kind.OTHER_TRANSACTION: ACCEPTED,
    Kind.OTHER_SERVICE: USUAL_PORT,
    Kind.PROTOCOL: USUAL_PORT,
    Kind.BUSY: AGAIN,
    Kind.AGAIN: AGAIN,
    Kind.OTHER_REQUEST: AGAIN,
    Kind.REFUSED: OTHER_TABLE,
    Kind.FAILED: OTHER_TABLE,
    Kind.NO_PATH: SCAN,
    Kind.NO_TARGET: SCAN,
}


def sentence(text: str) -> Message:
    """Return what to do as a sentence; "" of nothing."""
    said = text if isinstance(text, Message) else Message(text)
    return Message(f"{said.template[:1].upper()}{said.template[1:]}.", **said.fields) if said else said


def next_command(came: Came, endpoint: Endpoint, unit_id: int, read: Read) -> str:
    """Return the one command that brings more to light."""
    template = RUN.get(came.kind, SCAN_ID)
    if came.kind is Kind.OTHER_FRAMES or (came.kind is Kind.ECHO and came.frames == "tcp"):
        template = OTHER_FRAMES[came.frames]
    if came.unit_id == 0 and came.frames == "rtu":
        template = ACCEPTED  # who asks 0 on a line asks everybody, and nobody answers
    return template.format(
        endpoint=endpoint,
        bare=str(endpoint).partition("://")[2],
        place=endpoint.place,
        id=unit_id,
        other=came.unit_id,
        area=read.area,
        address=read.address,
        timeout_s=came.timeout_s or PATIENT_S,
        instead=INSTEAD.get(read.area, Area.HOLDING),
    )


def trouble(
    came: Came, endpoint: Endpoint, at: str, unit_id: int, read: Read, within: str = "", wire: str = ""
) -> Trouble:
    """Return what came of a read of a unit as a trouble.

    at: the endpoint, with its line setting. within: how long, and how often, it was asked. wire: the bytes.
    """
    asked = joined(", ", filter(None, (within, wire)))
    where = {"id": unit_id, "at": at, "came": _seen(came, read), "asked": asked}
    if came.kind is Kind.NOTHING:
        what = Message(
            "No answer from id {id} on {at} {asked}." if asked else "No answer from id {id} on {at}.", **where
        )
    else:
        what = Message("id {id} on {at} {came}, {asked}." if asked else "id {id} on {at} {came}.", **where)
    works = Message("The link itself works.") if came.sound and came.kind is not Kind.NOTHING else ""
    run = next_command(came, endpoint, unit_id, read)
    return Trouble(
        came.code, joined(" ", filter(None, (what, works, sentence(came.do)))), run, came.row.likely
    )


def instead(told: Mapping[str, Any], reads: Mapping[str, int], frames: Frames) -> Came | None:
    """Return what comes of a unit that an agent cannot read; None: it answers, and is not understood.

    told: of the unit in the agent's status. reads: how its reads ended.
    """
    if told["came"] and (came := Came.of_json(told["came"])).kind is not Kind.NOTHING:
        return came
    if told["trouble"] in ("", NOT_YET) and reads.get(Verdict.SOUND):  # too seldom for its values
        return Came(Kind.SOME_LOST, Message(OF_VERDICT[Verdict.SILENT][1]), frames=frames)
    if reads.get(Verdict.ILLEGAL) and told["trouble"] != NOTHING.text:
        return None
    return replace(NOTHING, frames=frames)


def _seen(came: Came, read: Read) -> str:
    if came.kind not in (Kind.REFUSED, Kind.FAILED):
        return came.seen
    return Message(
        "{came} for {area} {written} (wire {address}), count {count}",
        came=came.seen,
        area=read.area,
        written=manual_address(read.area, read.address),
        address=read.address,
        count=read.count,
    )


def wire(sent: bytes, got: bytes) -> Message:
    """Return how many bytes went out and came, and the first that came."""
    counts = {"sent": len(sent), "got": len(got)}
    if not got:
        return Message("{sent} bytes sent, {got} bytes received", **counts)
    shown = f"{got[:MOST_SHOWN].hex(' ').upper()}{' ...' if len(got) > MOST_SHOWN else ''}"
    return Message("{sent} bytes sent, {got} bytes received ({bytes})", bytes=shown, **counts)
