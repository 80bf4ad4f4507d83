"""cellwarden capture: what one unit says, as a file that others can work with."""

import asyncio
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click

from agent.cli.capture.reading import Reader
from agent.cli.capture.text import Capture
from agent.cli.common.ask_agent import json_option, socket_option
from agent.cli.common.came_said import trouble
from agent.cli.common.codes import Trouble
from agent.cli.common.errors import Misuse
from agent.cli.common.open_port import agents_bus, endpoints, opened, trouble_of
from agent.cli.probe.inspect_unit import profile_of
from agent.cli.profile.common import known_profiles, load, profile_dir_option
from agent.modbus.ports import Port, PortError
from agent.modbus.survey.match import converse
from agent.modbus.survey.presence import FIRST_READ, PATIENT_S, LineSetting
from agent.modbus.survey.registers import parse_range
from agent.modbus.survey.reopening import TRIES
from agent.transport.row import Endpoint
from collector.failing import print_json
from drivers.connect import ConnectError
from drivers.identity import private
from drivers.layout import Layout
from drivers.masking import Key, Serial, in_words
from drivers.plan import PlanError
from drivers.profile.expansion import expand
from drivers.profile.load import Profile
from drivers.registers import Read
from drivers.values import Span

FRAMES = 10
USUAL_LINE = "9600-8N1"


@click.command("capture")
@click.argument("where", metavar="ENDPOINT")
@click.argument("ranges", nargs=-1, metavar="[RANGE]...")
@click.option(
    "--id", "unit_id", type=click.IntRange(0, 255), default=1, show_default=True, help="The unit id."
)
@click.option("--profile", "name", help="Read what this profile reads; found by polling if nothing is said.")
@click.option(
    "--frames", type=click.IntRange(1, 1000), default=FRAMES, show_default=True, help="How many readings."
)
@click.option("--device", default="", help="What is written on the unit: maker, model, firmware.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="The file; by default capture-PROFILE-ID.txt."
)
@click.option("--line", "line_text", help=f"Of a serial device; by default the profile's, or {USUAL_LINE}.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=502, show_default=True, help="Of a host without."
)
@profile_dir_option
@socket_option
@json_option
def command(
    where: str,
    ranges: tuple[str, ...],
    unit_id: int,
    name: str | None,
    frames: int,
    device: str,
    output: Path | None,
    line_text: str | None,
    port: int,
    folders: tuple[Path, ...],
    socket: Path,
    as_json: bool,
) -> None:
    """Read one unit several times, and write what it says into one text file. Reads only (functions 1 to 4).

    What is read: RANGE (holding:0-99, input:0x1000-0x103F, or a manual's 40001-40100), and what --profile
    reads; without both the profile that fits is looked for. A block that the unit refuses is read in halves,
    at the unit's own pace. Serial numbers are masked, each always by the same mask. Ctrl-C is safe: what was
    read stays. `cellwarden profile decode` reads the file.

    Exit 0 good, 1 stopped or nothing but refusals, 2 usage, 3 no answer or lost in the middle, 4 port in use.

    \b
    Examples:  cellwarden capture /dev/ttyUSB0 --id 1 --profile pace-rtu --device "Pace P16S100A"
               cellwarden capture 192.0.2.10 --id 3 holding:0-299 input:0-99
               cellwarden capture /dev/ttyUSB0 --id 1 --line 19200-8E1 40001-40100 --output acme.txt
    """
    found = endpoints((where,), port)
    if len(found) != 1:
        raise Trouble("CW-120", f"{where} is a network; one unit is captured.", f"cellwarden scan {where}")
    (endpoint,) = found
    profile = load(name, folders) if name else None
    if line_text is None and profile and endpoint.device:
        serial = profile.serial
        line_text = f"{serial.baud}-8{serial.parity}{serial.stop_bits}"
    try:
        line = LineSetting.parse(line_text or USUAL_LINE)
        reads = [read for text in ranges for read in parse_range(text, profile)]
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if bus := agents_bus(socket, endpoint):
        raise Trouble(
            "CW-110",
            f"{endpoint} is polled by the running agent (bus {bus}). Nothing was sent.",
            "sudo systemctl stop cellwarden   (then capture, and start it again)",
        )
    work = _Work(endpoint, line, unit_id, frames, device, output, folders, as_json)
    try:
        asyncio.run(work.run(profile, reads))
    except KeyboardInterrupt:
        work.report("stopped by you")
        raise click.exceptions.Exit(1) from None
    except PortError as error:
        work.report("the connection was lost")
        raise trouble_of(error, endpoint, asked=True) from error
    work.report("")


class _Work:
    """One capture under way."""

    def __init__(
        self,
        endpoint: Endpoint,
        line: LineSetting,
        unit_id: int,
        frames: int,
        device: str,
        output: Path | None,
        folders: tuple[Path, ...],
        as_json: bool,
    ) -> None:
        self.endpoint, self.line, self.unit_id, self.frames = endpoint, line, unit_id, frames
        self.device, self.output, self.folders, self.as_json = device, output, folders, as_json
        self.capture: Capture | None = None

    def say(self, text: str) -> None:
        """Tell a person, on stderr: stdout is for what came of it."""
        if not self.as_json:
            click.echo(text, err=True)

    async def run(self, profile: Profile | None, ranges: list[Read]) -> None:
        """Open the port, and read. Raises Trouble, PortError."""
        port = await opened(self.endpoint, self.line)
        try:
            await self._read(port, profile, ranges)
        finally:
            port.close()

    async def _read(self, port: Port, profile: Profile | None, ranges: list[Read]) -> None:
        at = f"id {self.unit_id} on {self.endpoint.at(self.line)}"
        reader = Reader(port, self.unit_id, PATIENT_S, 0.0, lambda _said: None, self.say)
        if profile is None and not ranges:
            self.say(f"Looking for the profile that fits {at}.")
            if (said := await reader.said(FIRST_READ)).response_s is None and not said.refused:
                raise self._nothing(reader, FIRST_READ)
            known = [p for p in known_profiles(self.folders) if self.endpoint.transport.can_be(p)]
            try:
                profile, _ = await profile_of(known, reader.ask, at)
            except Trouble as none_fits:
                if reader.times.heard:
                    raise
                raise self._nothing(reader, FIRST_READ) from none_fits
        step = profile.address_step if profile else 1
        if profile:
            reader.pause_s = (profile.pause_ms or 0.0) / 1e3
        capture = self.capture = Capture(
            self._path(profile), self.unit_id, step, self._facts(profile)
        )  # fmt: skip
        reader.hear = capture.hear
        self.say(
            f"Reads {at} {self.frames} times, writes nothing to it. Into {capture.path}. Ctrl-C is safe."
        )
        began_s = time.monotonic()
        reads: list[Read] = []
        if profile:
            layout = await self._conversation(profile, reader, at)
            _mark(capture, profile, layout)
            reads = await reader.of_layout(layout)
        for read in ranges:
            reads += await reader.of_range(read, step)
        if not capture.response_s:
            raise self._nothing(reader, ranges[0] if ranges else FIRST_READ)
        async for frame_s in reader.frames(reads, self.frames if reads else 0):
            began_s = frame_s if not capture.frames else began_s
            capture.begin_frame(frame_s - began_s)
            if sys.stderr.isatty():
                self.say(f"\r  frame {capture.frames} of {self.frames} ")

    async def _conversation(self, profile: Profile, reader: Reader, at: str) -> Layout:
        try:
            return await converse(profile, reader.ask)
        except (ConnectError, PlanError) as error:
            if not (self.capture and self.capture.response_s):
                raise self._nothing(reader, FIRST_READ) from error
            raise Trouble("CW-211", f"{at}: {error}", f"cellwarden scan {self.endpoint}") from error

    def _nothing(self, reader: Reader, read: Read) -> Trouble:
        """Say what came in place of all answers, as probe does."""
        within = f"within {reader.ceiling_s:g} s, {TRIES} tries"
        return trouble(reader.came, self.endpoint, self.endpoint.at(self.line), self.unit_id, read, within)

    def _path(self, profile: Profile | None) -> Path:
        path = self.output or Path(f"capture-{profile.model if profile else 'unit'}-{self.unit_id}.txt")
        if path.exists():
            raise Misuse(f"{path} exists already; it was left as it is: say another with --output", "CW-005")
        if not path.absolute().parent.is_dir():
            raise Misuse(f"{path}: there is no such folder", "CW-004")
        return path

    def _facts(self, profile: Profile | None) -> dict[str, str]:
        """What the head says; not where the unit is."""
        transport = self.endpoint.transport.name
        return {
            "device": self.device,
            "profile": profile.model if profile else "",
            "line": f"{transport} {self.line}" if self.endpoint.device else transport,
            "unit id": str(self.unit_id),
            "taken": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC by cellwarden {version('cellwarden')}",
        }

    def report(self, stopped: str) -> None:
        """End the file, and say what is in it."""
        capture = self.capture
        if capture is None:
            return
        capture.end(stopped or f"{capture.frames} frames")
        if not capture.response_s:
            return
        slowest_ms = 1e3 * max(capture.response_s)
        if self.as_json:
            print_json(
                {
                    "file": str(capture.path),
                    "frames": capture.frames,
                    "registers": len(capture.registers),
                    "slowest_ms": round(slowest_ms, 1),
                    "faults": capture.faults,
                    "masked": in_words(capture.masked),
                    "stopped": stopped,
                }
            )
        else:
            click.echo(
                f"{capture.path}: {len(capture.registers)} registers, {capture.frames} frames, slowest answer"
                f" {slowest_ms:.0f} ms" + (f"; {stopped}" if stopped else "")
            )
            for what, fault in capture.faults.items():
                click.echo(f"  {what}: {fault}")
            masked = in_words(capture.masked)
            click.echo(
                f"masked: {masked or 'nothing: no serial number was recognised'}. Look before you pass it on."
            )
        if not capture.registers and not stopped:
            raise click.exceptions.Exit(1)


def _mark(capture: Capture, profile: Profile, layout: Layout) -> None:
    """Tell a capture which registers hold serial numbers, and which have a meaning."""

    def keys(span: Span) -> list[Key]:
        unit = capture.unit_id + span.unit_offset
        return [(unit, span.area, capture.step * (span.first + i)) for i in range(span.count)]

    capture.serials = [Serial(keys(mark.value.span), mark.text) for mark in layout.marks if private(mark)]
    values = [*layout.values, *(mark.value for mark in layout.marks)]
    if not profile.sunspec:
        values += [item.value for item in expand(profile).identity]
    capture.known |= {key for value in values for key in keys(value.span)}
