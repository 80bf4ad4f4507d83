"""cellwarden profile new."""

import re
from pathlib import Path

import click

from agent.cli.common.errors import Misuse

TEMPLATE = """\
# {model}: say here which datasheet this is from, with its revision, and the tables used.
# Check it:     cellwarden profile check {file}
# Try it:       cellwarden profile decode {file} --registers dump.txt
# All keys:     docs/adding-a-battery.md, or cellwarden profile schema
schema = 1
model = "{model}"
title = ""
source = ""                        # datasheet, revision, tables
unverified = ["nothing was tried on hardware"]
transports = ["rtu"]               # or ["tcp"], or both
topology = {{ cells = 16, sensors = 4 }}
# addressing = "modicon"           # if the datasheet writes 40001; else zero-based, as on the wire
# max_registers_per_read = 100     # if the unit refuses longer reads

[serial]
baud = 9600

[[point]]
name = "cell_voltage"
address = 100                      # of the first cell; the others follow
count = 16
scale = 0.001                      # raw 3300 -> 3.3
unit = "V"
valid = [0.5, 5.0]                 # outside: the sensor is wrong, not the cell
# missing = 0xFFFF                 # what the unit says when it has no reading

[[point]]
name = "cell_temperature"
address = 120
count = 4
type = "i16"
scale = 0.1
unit = "degC"
valid = [-40, 150]

[[point]]
name = "pack_current"
address = 130
type = "i16"
scale = 0.1                        # positive must be charging: scale = -0.1 where the unit means discharge
unit = "A"
"""


@click.command("new")
@click.argument("model")
@click.option(
    "--output", type=click.Path(path_type=Path), help="Where to write it; by default MODEL.toml here."
)
def command(model: str, output: Path | None) -> None:
    """Write a profile to begin from, with the points that every battery has and a word on each key.

    \b
    Example:  cellwarden profile new acme-bms
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", model):
        raise Misuse(f"model {model!r}: use lower case letters, digits, dots and dashes, as in acme-bms")
    output = output or Path(f"{model}.toml")
    if output.exists():
        raise Misuse(f"{output} exists already; it was left as it is", "CW-005")
    try:
        output.write_text(TEMPLATE.format(model=model, file=output))
    except OSError as error:
        raise Misuse(f"{output}: cannot be written: {error.strerror}", "CW-004") from error
    click.echo(f"wrote {output}; fill it in, then: cellwarden profile check {output}")
