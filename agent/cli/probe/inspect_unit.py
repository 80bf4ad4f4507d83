"""A whole unit read over its line, through a profile that was given, or through the one that fits best."""

from dataclasses import dataclass

from agent.cli.common.came_said import trouble
from agent.cli.common.codes import Trouble
from agent.cli.common.open_port import opened, trouble_of
from agent.cli.probe.doubts import Doubt, doubts
from agent.cli.probe.value_rows import ValueRow, value_rows
from agent.message import Message
from agent.modbus.ports import NO_REPLY, Answer, Port, PortError
from agent.modbus.survey import reopening, too_late
from agent.modbus.survey.match import Ask, Match, Remembered, Sureness, hold, rank, sureness
from agent.modbus.survey.presence import FIRST_READ, PATIENT_S, LineSetting
from agent.modbus.verdict import UNHEARD, Verdict, verdict_of
from agent.transport.row import Endpoint
from drivers.layout import Layout
from drivers.profile.load import Profile
from drivers.registers import Read, Reply

TIMEOUT_FLOOR_S = 0.4
TIMEOUT_FACTOR = 5.0  # times what the first answer took: later ones carry more


@dataclass(frozen=True, slots=True)
class Inspection:
    """A unit as it was read. `sure`: how sure its profile is, in words; `rows`: one for each value."""

    endpoint: Endpoint
    unit_id: int
    match: Match
    sure: str
    layout: Layout
    rows: list[ValueRow]
    doubts: list[Doubt]


async def inspect(endpoint: Endpoint, unit_id: int, line: LineSetting, profiles: list[Profile]) -> Inspection:
    """Read a unit, and ask once more for what looks wrong. Of several profiles the one that fits best is
    taken. Raises Trouble.
    """
    port = await opened(endpoint, line)
    try:
        return await _inspect(port, endpoint, unit_id, line, profiles)
    except PortError as error:
        raise trouble_of(error, endpoint, asked=True) from error
    finally:
        port.close()


async def _inspect(
    port: Port, endpoint: Endpoint, unit_id: int, line: LineSetting, profiles: list[Profile]
) -> Inspection:
    at = Message("id {id} on {at}", id=unit_id, at=endpoint.at(line))
    timeout_s = await _timeout_s(port, endpoint, unit_id, endpoint.at(line))

    read_any, wrong = False, None  # the first answer that says nothing of the registers, and its read

    async def ask(read: Read, pause_s: float) -> Reply:
        nonlocal read_any, wrong
        answer = await reopening.ask_again(port, unit_id + read.unit_offset, read, timeout_s, pause_s)
        verdict = verdict_of(answer)
        read_any |= verdict is Verdict.SOUND
        if wrong is None and verdict not in (Verdict.SOUND, Verdict.ILLEGAL):
            wrong = read, answer.came
        return answer.reply

    profile, sure = await profile_of(profiles, ask, at)
    match = await hold(profile, ask, whole=True)
    if match.layout is None or match.image is None:
        if wrong is not None and not read_any:  # that speaks against the way to it, and not its profile
            read, came = wrong
            raise trouble(came, endpoint, endpoint.at(line), unit_id, read)
        raise Trouble(
            "CW-211",
            Message("{at}: {why}", at=at, why=match.why),
            f"cellwarden scan {endpoint} --id {unit_id}",
        )
    rows = value_rows(match.layout, match.image, profile.address_step)
    doubtful = await doubts(profile, match.layout, match.image, rows, ask)
    return Inspection(endpoint, unit_id, match, sure, match.layout, rows, doubtful)


async def _timeout_s(port: Port, endpoint: Endpoint, unit_id: int, at: str) -> float:
    """Ask for one register; return how long later answers are waited for. Raises Trouble where none comes."""
    try:
        first = await reopening.ask_again(port, unit_id, FIRST_READ, PATIENT_S)
    except PortError as error:
        if error.came is None:
            raise
        first = Answer(NO_REPLY, unheard=error.came)
    first = too_late.told(first, port, unit_id, PATIENT_S)
    if verdict_of(first) in (*UNHEARD, Verdict.BUSY):
        within = Message("within {time:g} s, {n} tries", time=PATIENT_S, n=reopening.TRIES)
        raise trouble(first.came, endpoint, at, unit_id, FIRST_READ, within)
    return max(TIMEOUT_FLOOR_S, TIMEOUT_FACTOR * (first.response_s or 0.0))


async def profile_of(profiles: list[Profile], ask: Ask, at: str) -> tuple[Profile, str]:
    """Return the profile that fits a unit best, and how sure that is. Raises Trouble where none fits."""
    if len(profiles) == 1:
        return profiles[0], Message("given by you")
    asked = Remembered(ask)
    matches = await rank(profiles, asked)
    sure = sureness(matches)
    if asked.one_value is not None:
        raise Trouble(
            "CW-212",
            Message(
                "{at} answers {value} from every register: that is like no battery.",
                at=at,
                value=asked.one_value,
            ),
            "cellwarden probe ENDPOINT --id N holding:0 --count 8",
            (Message("another device at this address"), Message("a gateway or converter without its unit")),
        )
    if sure == Sureness.NOT_RECOGNISED:
        raise Trouble(
            "CW-212",
            Message("{at} answers, but fits none of {n} profiles.", at=at, n=len(profiles)),
            Message("{run}   (then docs/adding-a-battery.md)", run="cellwarden profile new my-bms"),
        )
    return matches[0].profile, Message(str(sure))
