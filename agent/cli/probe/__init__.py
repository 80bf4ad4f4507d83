"""cellwarden probe: one unit read by hand, every value beside its registers and its bytes."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from agent.cli.common import came_said
from agent.cli.common.ask_agent import json_option, post, socket_option
from agent.cli.common.codes import Trouble
from agent.cli.common.errors import Misuse
from agent.cli.common.letters import spoken
from agent.cli.common.open_port import agents_bus, endpoints, opened, trouble_of
from agent.cli.common.tables import plain_table, terminal
from agent.cli.probe import show_unit
from agent.cli.probe.inspect_unit import inspect
from agent.cli.probe.show_polled import show_polled
from agent.cli.profile.common import known_profiles, load, profile_dir_option
from agent.message import Message, told_by
from agent.modbus.came import Came, Kind
from agent.modbus.manual_read import Exchange
from agent.modbus.ports import NO_REPLY, Answer, Port, PortError
from agent.modbus.survey import too_late
from agent.modbus.survey.look import guess, manual_address, pairs
from agent.modbus.survey.presence import LineSetting
from agent.modbus.survey.registers import parse_read
from agent.modbus.survey.reopening import TRIES
from agent.modbus.tries import Tries
from agent.modbus.verdict import UNHEARD, Verdict, verdict_of
from agent.quality import Quality
from agent.transport.row import Endpoint
from agent.view.language import tell, tr
from collector.failing import print_json
from drivers.profile.load import Profile
from drivers.registers import Area, Read, Reply

TIMEOUT_S = 1.0


@click.command("probe")
@click.argument("where", metavar="ENDPOINT")
@click.argument("register", required=False)
@click.option(
    "--id", "unit_id", type=click.IntRange(0, 255), default=1, show_default=True, help="The unit id."
)
@click.option("--count", type=int, default=1, show_default=True, help="How many registers.")
@click.option("--line", "line_text", default="9600-8N1", show_default=True, help="Of a serial device.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=502, show_default=True, help="Of a host without."
)
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(0.05, 3), help="Seconds; 1 unless said otherwise."
)
@click.option(
    "--profile", "name", help="Read the whole unit with this profile; found by scanning if not said."
)
@profile_dir_option
@socket_option
@json_option
@spoken
def command(
    where: str,
    register: str | None,
    unit_id: int,
    count: int,
    line_text: str,
    port: int,
    timeout_s: float | None,
    name: str | None,
    folders: tuple[Path, ...],
    socket: Path,
    as_json: bool,
) -> None:
    """Read one unit and show what went over the wire.

    With REGISTER (holding:100, input:0x1000, or a manual's 40101): the bytes sent and received, and each
    register in both notations with what it could mean. Without: the whole unit through a profile, each value
    beside its registers, what looks wrong marked, and other readings under which it would be right (words
    swapped, off by one, another scale).

    What the running agent holds is read through the agent, in the pauses of its polling. Exit 0 good, 1 the
    unit refuses or a value looks wrong, 3 no answer, 4 port in use.

    \b
    Examples:  cellwarden probe /dev/ttyUSB0 --id 1 holding:100 --count 4
               cellwarden probe 192.0.2.10:502 --id 1
               cellwarden probe /dev/ttyUSB0 --id 1 --line 19200-8E1 --profile pace-rtu
    """
    found = endpoints((where,), port)
    if len(found) != 1:
        seen = Message("{where} is a network; probe reads one unit.", where=where)
        raise Trouble("CW-120", seen, f"cellwarden scan {where}")
    (endpoint,) = found
    try:
        line = LineSetting.parse(line_text)
        read = parse_read(register, count) if register else None
    except ValueError as error:
        raise Misuse(told_by(error)) from error
    bus = agents_bus(socket, endpoint)
    if bus and not as_json:
        held = tell(
            "{endpoint} is held by the running agent (bus {bus}); reading through it.",
            endpoint=endpoint,
            bus=bus,
        )
        click.echo(held, err=True)
    if read is None and bus:
        show_polled(socket, endpoint, bus, unit_id, as_json=as_json)
        return
    if read is None:
        profiles = [load(name, folders)] if name else _profiles_of(endpoint, folders)
        _show_unit(endpoint, unit_id, line, profiles, as_json=as_json)
        return
    if bus:
        heard = _through_agent(socket, bus, unit_id, read, timeout_s)
    else:
        heard = asyncio.run(_direct(endpoint, line, unit_id, read, timeout_s or TIMEOUT_S))
    within = Message("within {time:.0f} ms, {n} tries", time=1e3 * (timeout_s or TIMEOUT_S), n=TRIES)
    _judge(heard, endpoint, line, unit_id, Message("to the agent, 1 try") if bus else within)
    if as_json:
        print_json(_json(endpoint, unit_id, heard))
    else:
        _print(heard, endpoint)


def _profiles_of(endpoint: Endpoint, folders: tuple[Path, ...]) -> list[Profile]:
    """Return the known profiles of units that may answer there."""
    return [p for p in known_profiles(folders) if endpoint.transport.can_be(p)]


def _show_unit(
    endpoint: Endpoint, unit_id: int, line: LineSetting, profiles: list[Profile], *, as_json: bool
) -> None:
    """Read the whole unit and print it. Raises Trouble; exit 1 where something looks wrong."""
    unit = asyncio.run(inspect(endpoint, unit_id, line, profiles))
    if as_json:
        print_json(show_unit.as_json(unit))
    else:
        show_unit.show(unit)
    if unit.doubts:
        raise click.exceptions.Exit(1)


async def _direct(
    endpoint: Endpoint, line: LineSetting, unit_id: int, read: Read, timeout_s: float
) -> list[Exchange]:
    port, tries = await opened(endpoint, line), Tries()
    try:
        while tries.made < TRIES:
            heard = await _once(port, endpoint, unit_id, read, timeout_s)
            tries.count(asked=heard.answer.asked)
            if verdict_of(heard.answer) not in UNHEARD:
                break
        return [replace(heard, answer=too_late.told(heard.answer, port, unit_id, timeout_s))]
    except PortError as error:
        raise trouble_of(error, endpoint, asked=tries.begun) from error
    finally:
        port.close()


async def _once(port: Port, endpoint: Endpoint, unit_id: int, read: Read, timeout_s: float) -> Exchange:
    """Ask once. What ends the connection is what came. Raises PortError where nothing could be sent."""
    sent, got = bytearray(), bytearray()
    port.tap = lambda out, data: (sent if out else got).extend(data)
    try:
        if not port.is_open:
            await port.open()
        answer = await port.ask(unit_id, read, timeout_s)
    except PortError as error:
        if not sent:
            raise
        lost = Came(Kind.CLOSED, Message("is lost in the middle"), error.args[0], endpoint.transport.frames)
        answer = Answer(NO_REPLY, unheard=error.came or lost)
    finally:
        port.tap = None
    return Exchange(read, answer, bytes(sent), bytes(got))


def _through_agent(
    socket: Path, bus: str, unit_id: int, read: Read, timeout_s: float | None
) -> list[Exchange]:
    body: dict[str, Any] = {
        "bus": bus,
        "unit_id": unit_id,
        "area": str(read.area),
        "address": read.address,
        "count": read.count,
    }
    if timeout_s:
        body["timeout_s"] = timeout_s
    try:
        answer = post(socket, "/v1/read", **body)
    except click.ClickException as error:
        seen = Message("The agent did not read: {why}", why=error.message)
        raise Trouble("CW-402", seen, "cellwarden status") from error
    return [_heard(exchange) for exchange in answer["exchanges"]]


def _heard(exchange: dict[str, Any]) -> Exchange:
    read = Read(Area(exchange["area"]), exchange["address"], exchange["count"])
    verdict, code = Verdict(exchange["verdict"]), exchange["exception_code"]
    quality = Quality.GOOD if verdict is Verdict.SOUND else Quality.NO_REPLY
    reply = Reply(exchange["words"], Quality.REFUSED if code is not None else quality, code)
    came = Came.of_json(exchange["came"])
    answer = Answer(reply, exchange["response_s"], damaged=verdict is Verdict.DAMAGED, unheard=came)
    return Exchange(read, answer, bytes.fromhex(exchange["sent"]), bytes.fromhex(exchange["got"]))


def _judge(heard: list[Exchange], endpoint: Endpoint, line: LineSetting, unit_id: int, within: str) -> None:
    """Raise Trouble where there are no registers to show."""
    for each in heard:
        if verdict_of(each.answer) is not Verdict.SOUND:
            bytes_of = came_said.wire(each.sent, each.got)
            came, at = each.answer.came, endpoint.at(line)
            raise came_said.trouble(came, endpoint, at, unit_id, each.read, within, bytes_of)


def _json(endpoint: Endpoint, unit_id: int, heard: list[Exchange]) -> dict[str, Any]:
    return {
        "endpoint": str(endpoint),
        "unit_id": unit_id,
        "exchanges": [
            {
                "sent": each.sent.hex(" "),
                "got": each.got.hex(" "),
                "response_s": each.answer.response_s,
                "registers": [
                    {
                        "table": str(each.read.area),
                        "wire": each.read.address + i,
                        "manual": manual_address(each.read.area, each.read.address + i),
                        "word": int(word),
                    }
                    for i, word in enumerate(each.answer.reply.words)
                ],
            }
            for each in heard
        ],
    }


def _print(heard: list[Exchange], endpoint: Endpoint) -> None:
    whole, first = [int(word) for each in heard for word in each.answer.reply.words], heard[0].read
    click.echo(
        tell(
            "Request: function {function}, wire address {address} (0x{address:04X}), written {written} in"
            " 1-based manuals.",
            function=first.area.function_code,
            address=first.address,
            written=manual_address(first.area, first.address),
        )
    )
    for each in heard:
        click.echo(
            tell(
                "sent {sent}      got {got}   {proof}, {time:.0f} ms",
                sent=each.sent.hex(" ").upper(),
                got=each.got.hex(" ").upper(),
                proof=tr(endpoint.transport.proof),
                time=1e3 * (each.answer.response_s or 0),
            )
        )
    best = None if first.area in (Area.COIL, Area.DISCRETE) else guess(whole)
    title = tr(best.title) if best else ""
    table = plain_table(tr("wire"), tr("manual"), "hex", "u16", "s16", title, whole=5)
    for i, word in enumerate(whole):
        means = ""
        if best:
            means = f"{best.value(word):.6g}"
            if best.plausible(word):
                means = tell("{value} plausible {noun}", value=means, noun=tr(best.noun))
        signed = word - 0x10000 if word >= 0x8000 else word
        wire = first.address + i
        table.add_row(
            str(wire), manual_address(first.area, wire), f"{word:04X}", str(word), str(signed), means
        )
    terminal().print(table)
    for line in pairs(whole) if first.area in (Area.HOLDING, Area.INPUT) else ():
        click.echo(tr(line))
    before = max(0, first.address - 1)
    click.echo(
        tell(
            "Shifted by one against the manual? Try {register} and compare.   Save: add --json",
            register=f"{first.area}:{before}",
        )
    )
