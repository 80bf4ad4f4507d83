"""cellwarden profile tried: a capture becomes a test, and its device a row of what was tried."""

import json
import re
import shutil
from pathlib import Path

import click

from agent.cli.common.errors import Misuse
from agent.cli.profile.catalogue import catalogue, devices
from agent.cli.profile.common import captured, load
from agent.cli.profile.decode import decoded, show

PROFILES, CAPTURES = Path("drivers/profiles"), Path("tests/drivers/captures")
NOTHING = '"nothing was tried on hardware"'
SOMETHING = '"what is not among the verified"'
HEAD = "# {model}, unit {unit}: point, place, value or the quality of what has none"
DEVICES = re.compile(r"(<!-- devices -->\n).*?(<!-- end -->)", re.S)


@click.command("tried")
@click.argument("name")
@click.argument("capture", type=click.Path(path_type=Path))
@click.option("--device", default="", help="Maker, model, firmware; else what the capture's head says.")
@click.option("--unit", "unit_id", type=click.IntRange(0, 255), help="Base unit id, as of `profile decode`.")
def command(name: str, capture: Path, device: str, unit_id: int | None) -> None:
    """Make of a capture a test and a row "tried on", in the checkout that you are in.

    The capture is read with the profile NAME of drivers/profiles, and its values are shown: compare them with
    the device's own display first. Then it is a test (tests/drivers/captures), the profile names the device
    among the verified, and so do the pages of devices.

    \b
    Example:  cellwarden profile tried pace-rtu capture-pace-rtu-1.txt --device "Pace P16S100A, firmware 2.1"
    """
    if not (PROFILES.is_dir() and CAPTURES.parent.is_dir()):
        raise Misuse("this folder is no checkout of cellwarden: go to its top, where drivers/profiles is")
    path = PROFILES / f"{name}.toml"
    if not path.is_file():
        raise Misuse(f"{path}: there is no such file; copy your profile there first")
    profile = load(str(path), (PROFILES,))
    layout, dump, base = captured(profile, capture, unit_id)
    device = device or dump.about.get("device", "")
    if not device.strip():
        raise Misuse('which device is it? Say --device "MAKER MODEL, firmware VERSION"')
    slug = re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
    folder = CAPTURES / f"{name}-{slug}"
    if folder.exists():
        raise Misuse(f"{folder} exists already; it was left as it is", "CW-005")
    values = decoded(layout, dump.image(layout, base, profile.address_step))
    show(layout, values)
    if not any(value["quality"] == "good" for value in values):
        raise Misuse(f"{capture}: no value of {name} is good in it; nothing was written")
    taken = dump.about.get("taken", "")[:10]
    _verify(path, f"{device} (capture of {taken})" if taken else device)
    folder.mkdir(parents=True)
    shutil.copy(capture, folder / "capture.txt")
    rows = (
        f"{v['name']} {v['place'] or '-'} {v['quality'] if v['value'] is None else repr(v['value'])}"
        for v in values
    )
    head = HEAD.format(model=name, unit=base)
    (folder / "expected.txt").write_text("".join(f"{line}\n" for line in (head, *rows)))
    profiles = [load(str(other), (PROFILES,)) for other in sorted(PROFILES.glob("*.toml"))]
    (PROFILES / "README.md").write_text(catalogue(profiles))
    readme = Path("README.md")
    readme.write_text(DEVICES.sub(lambda found: found[1] + devices(profiles) + found[2], readme.read_text()))
    click.echo(f"{folder}: a test. {path}, {PROFILES / 'README.md'} and README.md name the device.")
    click.echo(
        "Now: .venv/bin/python -m pytest tests/drivers/test_captures.py   (docs/contributing-a-device.md)"
    )


def _verify(path: Path, what: str) -> None:
    """Name what was tried in the profile; leave the file as it was where it is none then."""
    before = path.read_text("utf-8")
    said = json.dumps(what, ensure_ascii=False)
    text, found = re.subn(r"(?m)^verified = \[", lambda at: f"{at[0]}{said}, ", before, count=1)
    if not found:
        text = re.sub(
            r"(?m)^(?=unverified|transports|topology|unit_id|\[)",
            lambda _: f"verified = [{said}]\n",
            before,
            count=1,
        )
    path.write_text(text.replace(NOTHING, SOMETHING, 1), "utf-8")
    try:
        load(str(path), (PROFILES,))
    except Misuse:
        path.write_text(before, "utf-8")
        raise
