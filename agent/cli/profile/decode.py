"""cellwarden profile decode: a register dump through a profile."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from agent.cli.common.tables import plain_table, terminal
from agent.cli.profile.common import captured, json_option, load, profile_dir_option
from agent.quality import Quality
from collector.failing import print_json
from drivers.dump import Dump
from drivers.layout import Image, Layout
from drivers.profile.expansion import expand
from drivers.profile.load import Profile
from drivers.registers import Area
from drivers.values import Coding, Reading


@click.command("decode")
@click.argument("name", metavar="NAME_OR_FILE")
@click.option("--registers", "path", type=click.Path(path_type=Path), required=True, help="The dump.")
@click.option(
    "--unit",
    "unit_id",
    type=click.IntRange(0, 255),
    help="Base unit id; by default the profile's, or the dump's lowest.",
)
@click.option(
    "--instance",
    type=click.IntRange(1, 64),
    default=1,
    help="Which unit behind a gateway that shifts addresses.",
)
@json_option
@profile_dir_option
def command(
    name: str, path: Path, unit_id: int | None, instance: int, as_json: bool, folders: tuple[Path, ...]
) -> None:
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
    layout, dump, base = captured(profile, path, unit_id, instance)
    values = decoded(layout, dump.image(layout, base, profile.address_step))
    # a SunSpec unit's registers are named by the unit, not by the profile
    not_read = [] if profile.sunspec else unread(profile, dump, base, instance)
    if as_json:
        report = {
            "profile": profile.model,
            "unit_id": base,
            "identity": layout.identity,
            "values": values,
            "notes": layout.notes,
            "not_read": not_read,
        }
        print_json(report)
        return
    show(layout, values)
    if not_read:
        click.echo(f"in the dump, but read by no point: {', '.join(not_read)}")


def unread(profile: Profile, dump: Dump, base: int, instance: int) -> list[str]:
    """Return the registers of a dump that no point of the profile reads, in runs, in words."""
    found = expand(profile, instance=instance)
    spans = [v.span for v in (*found.values, *(item.value for item in found.identity))]
    step = profile.address_step
    read = {
        (base + s.unit_offset, s.area, step * a) for s in spans for a in range(s.first, s.last + 1)
    }  # fmt: skip
    runs: list[list[int]] = []
    words: list[tuple[int, Area]] = []
    for unit, area, address in sorted(set(dump.registers) - read):
        if runs and words[-1] == (unit, area) and address == runs[-1][1] + step:
            runs[-1][1] = address
        else:
            runs.append([address, address])
            words.append((unit, area))
    return [
        f"{unit} {area} {first}" + (f"..{last}" if last > first else "")
        for (unit, area), (first, last) in zip(words, runs, strict=True)
    ]


def decoded(layout: Layout, image: Image) -> list[dict[str, Any]]:
    """Return every value of an image as plain data; `value` is None where quality is not good."""
    raw, quality, si = np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8), np.empty(layout.n)
    layout.decode(image, raw, quality)
    layout.to_si(raw, quality, si)
    return [
        {
            "name": value.name,
            "place": value.place,
            "value": float(si[i]) if quality[i] == Quality.GOOD else None,
            "unit": value.unit,
            "quality": Quality(quality[i]).name.lower(),
            "raw": int(raw[i]),
            "means": layout.meanings(i, int(raw[i])) if quality[i] == Quality.GOOD else [],
        }
        for i, value in enumerate(layout.values)
    ]


def _raw(number: int, coding: Coding) -> str:
    """A raw value as a datasheet would write it: the bits of what is no integer in hexadecimal."""
    if coding.reading in (Reading.FLOAT_32, Reading.FLOAT_64):
        return f"0x{number % (1 << coding.width):0{coding.width // 4}X}"
    return str(number % (1 << 64) if coding.reading is Reading.UNSIGNED_64 else number)


def show(layout: Layout, values: list[dict[str, Any]]) -> None:
    """Print a table of values for a person."""
    console = terminal()
    for label, said in layout.identity.items():
        console.print(f"{label}: {said}")
    table = plain_table("point", "place", "value", "unit", "quality", "raw", "means", whole=2)
    for v, value in zip(values, layout.values, strict=True):
        shown = "--" if v["value"] is None else f"{v['value']:.10g}"
        raw = _raw(v["raw"], value.coding)
        table.add_row(v["name"], v["place"], shown, v["unit"], v["quality"], raw, "; ".join(v["means"]))
    console.print(table)
    for note in layout.notes:
        console.print(f"note: {note}")
    bad = sum(v["quality"] != "good" for v in values)
    console.print(f"{len(values)} values, {bad} of them not good")
