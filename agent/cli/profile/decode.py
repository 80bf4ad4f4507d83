"""cellwarden profile decode: a register dump through a profile."""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console

from agent.cli.errors import Misuse
from agent.cli.profile.common import json_option, load, profile_dir_option
from agent.cli.tables import plain_table
from agent.quality import Quality
from drivers.connect import ConnectError, connect
from drivers.dump import DumpError, hold, parse_dump
from drivers.layout import Image, Layout


@click.command("decode")
@click.argument("name", metavar="NAME_OR_FILE")
@click.option("--registers", "path", type=click.Path(path_type=Path), required=True, help="The dump.")
@click.option(
    "--unit", "unit_id", type=click.IntRange(0, 255), help="Base unit id; by default the dump's lowest."
)
@json_option
@profile_dir_option
def command(name: str, path: Path, unit_id: int | None, as_json: bool, folders: tuple[Path, ...]) -> None:
    """Decode a register dump, without hardware: every value with its place, unit and quality.

    A dump is lines of `unit table address value`: the unit id, one of coil, discrete, input, holding, the
    zero-based address as it goes over the wire, and the register, decimal or 0x hexadecimal. `#` begins a
    comment. Registers that are not in the dump are shown as refused.

    \b
    Example:  cellwarden profile decode acme-bms.toml --registers dump.txt
              with dump.txt:   1 holding 100 0x0C84
                               1 holding 101 3206
    """
    profile = load(name, folders)
    try:
        dump = parse_dump(path.read_text())
    except OSError as error:
        raise Misuse(f"{path}: cannot be read: {error.strerror}") from error
    except (DumpError, UnicodeDecodeError) as error:
        raise Misuse(f"{path}: {error}") from error
    base = dump.units()[0] if unit_id is None else unit_id
    try:
        layout = hold(connect(profile), dump, base, profile.address_step)
    except ConnectError as error:
        raise Misuse(f"{path}: {error}") from error
    values = decoded(layout, dump.image(layout, base, profile.address_step))
    if as_json:
        report = {
            "profile": profile.model,
            "unit_id": base,
            "identity": layout.identity,
            "values": values,
            "notes": layout.notes,
        }
        click.echo(json.dumps(report))
        return
    _print(layout, values)


def decoded(layout: Layout, image: Image) -> list[dict[str, Any]]:
    """Return every value of an image as plain data; `value` is None where quality is not good."""
    raw, quality, si = np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8), np.empty(layout.n)
    layout.decode(image, raw, quality)
    layout.to_si(raw, quality, si)
    alarms: dict[int, list[str]] = {}
    for index, severity, text in layout.alarms(raw, quality):
        alarms.setdefault(index, []).append(f"{severity}: {text}")
    return [
        {
            "name": value.name,
            "place": value.place,
            "value": float(si[i]) if quality[i] == Quality.GOOD else None,
            "unit": value.unit,
            "quality": Quality(quality[i]).name.lower(),
            "raw": int(raw[i]),
            "means": alarms.get(i, []),
        }
        for i, value in enumerate(layout.values)
    ]


def _print(layout: Layout, values: list[dict[str, Any]]) -> None:
    console = Console(highlight=False)
    for label, said in layout.identity.items():
        console.print(f"{label}: {said}")
    table = plain_table("point", "place", "value", "unit", "quality", "raw", "means")
    for v in values:
        shown = "--" if v["value"] is None else f"{v['value']:.10g}"
        table.add_row(
            v["name"], v["place"], shown, v["unit"], v["quality"], str(v["raw"]), "; ".join(v["means"])
        )
    console.print(table)
    for note in layout.notes:
        console.print(f"note: {note}")
    bad = sum(v["quality"] != "good" for v in values)
    console.print(f"{len(values)} values, {bad} of them not good")
