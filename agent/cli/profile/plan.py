"""cellwarden profile plan."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
from click.core import ParameterSource

from agent.cli.common.errors import Misuse
from agent.cli.common.load import config_option
from agent.cli.common.tables import plain_table, terminal
from agent.cli.profile.common import captured, json_option, load, profile_dir_option
from agent.cli.profile.refused import Refused, of_units, show
from agent.cli.profile.refused import as_json as unit_as_json
from collector.failing import print_json
from drivers.connect import assume, default_line
from drivers.layout import Layout
from drivers.line import Line
from drivers.needs import Need
from drivers.plan import ReadPlan, make_plan
from drivers.profile.expansion import terrain
from drivers.profile.load import Profile
from drivers.registers import Area, Read

FRAME_BYTES = {"rtu": 8 + 5, "tcp": 12 + 9}  # of a request and its reply, without data


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way to read everything once costs on the wire; `data_bytes` are requests and replies whole."""

    way: str
    requests: int
    frame_bytes: int
    wire_ms: float


def costs(profile: Profile, layout: Layout, line: Line, transport: str) -> list[Cost]:
    """Return the plan's cost beside those of two simpler ways to read the same values."""
    needs = layout.plan.needs
    by_point: dict[str, list[Need]] = defaultdict(list)
    for value in layout.values:
        by_point[value.name].append(Need(value.span, value.poll, value.pause_ms))
    ground = terrain(profile)
    no_gaps = replace(ground, gaps_forbidden=True)

    ways = {
        "planned": [layout.plan],
        "contiguous registers merged": [make_plan(needs, no_gaps, line)],
        "one read per point": [make_plan(of_point, no_gaps, line) for of_point in by_point.values()],
    }
    return [_cost(way, plans, line, transport) for way, plans in ways.items()]


def _cost(way: str, plans: Sequence[ReadPlan], line: Line, transport: str) -> Cost:
    reads = [read for plan in plans for read in plan.reads]
    size = sum(FRAME_BYTES[transport] + _data_bytes(read) for read in reads)
    seconds = sum(plan.read_s(index, line) for plan in plans for index in range(len(plan.reads)))
    return Cost(way, len(reads), size, round(1e3 * seconds, 1))


def _data_bytes(read: Read) -> int:
    return (read.count + 7) // 8 if read.area in (Area.COIL, Area.DISCRETE) else 2 * read.count


def wire(profile: Profile, transport: str, baud: int | None = None) -> Line:
    """Return the wire to plan for; what is not said is the profile's."""
    serial = profile.serial if baud is None else profile.serial.model_copy(update={"baud": baud})
    return default_line(profile.model_copy(update={"serial": serial}), transport)


@click.command("plan")
@click.argument("name", metavar="NAME_OR_FILE")
@click.option(
    "--baud", type=click.IntRange(300, 4_000_000), help="Plan for this speed; by default the profile's."
)
@click.option("--tcp", is_flag=True, help="Plan for Modbus TCP.")
@click.option(
    "--registers",
    "dump",
    type=click.Path(path_type=Path),
    help="A dump: plan for the unit it was taken from, with as many modules as it reported.",
)
@config_option
@json_option
@profile_dir_option
@click.pass_context
def command(
    context: click.Context,
    name: str,
    baud: int | None,
    tcp: bool,
    dump: Path | None,
    path: Path,
    as_json: bool,
    folders: tuple[Path, ...],
) -> None:
    """Print the reads that a profile leads to, and what they cost beside simpler ways.

    On a box also what its units with this profile refuse, as its agent has learned it, and in how many reads
    they are read because of that; the agent may be running.

    \b
    Examples:  cellwarden profile plan pace-rtu --baud 9600
               cellwarden profile plan ./acme-bms.toml --tcp --json
               cellwarden profile plan pace-rtu --config agent.toml
               cellwarden profile plan sunspec-lithium-ion --registers dump.txt
    """
    profile = load(name, folders)
    transport = "tcp" if tcp or profile.transports == ("tcp",) else "rtu"
    line = wire(profile, transport, baud)
    if dump is not None:
        layout, _, _ = captured(profile, dump, line=line)
    elif profile.sunspec:
        raise Misuse(f"{name}: a SunSpec unit tells its own layout; give a dump of one with --registers")
    else:
        layout = assume(profile, line=line)
    found = costs(profile, layout, line, transport)
    plan = layout.plan
    refused: list[Refused] = []
    try:
        refused = list(of_units(path, name, profile, layout))
    except Misuse as error:
        if context.get_parameter_source("path") is not ParameterSource.DEFAULT:
            raise
        if path.exists():
            click.echo(f"What units refuse cannot be shown: {error.message}", err=True)
    if as_json:
        reads = [
            {**asdict(plan.reads[i]), "poll": str(plan.classes[i]), "again": plan.again[i]}
            for i in plan.order
        ]
        print_json({"profile": profile.model, "transport": transport, "reads": reads,
                               "costs": [asdict(cost) for cost in found],
                               "units": [unit_as_json(unit, layout) for unit in refused]})  # fmt: skip
        return
    _print(layout, found)
    for unit in refused:
        show(terminal(), unit, layout)


def _print(layout: Layout, found: list[Cost]) -> None:
    console = terminal()
    table = plain_table("read", "table", "address", "count", "unit id", "when")
    plan = layout.plan
    for number, i in enumerate(plan.order, 1):
        read = plan.reads[i]
        unit = f"+{read.unit_offset}" if read.unit_offset else "base"
        when = f"{plan.classes[i]}: how others read" if plan.again[i] else str(plan.classes[i])
        table.add_row(str(number), str(read.area), str(read.address), str(read.count), unit, when)
    console.print(table)
    console.print()
    table = plain_table("way", "requests", "bytes", "wire time")
    for cost in found:
        table.add_row(cost.way, str(cost.requests), str(cost.frame_bytes), f"{cost.wire_ms:.1f} ms")
    console.print(table)
