"""The catalogue of shipped profiles, as Markdown: drivers/profiles/README.md is what this makes.

The README's table of devices is made here too.
"""

from collections.abc import Sequence

from agent.cli.profile.plan import costs, wire
from drivers.connect import assume, connect
from drivers.dump import Dump, hold
from drivers.layout import Layout
from drivers.line import Line
from drivers.profile.load import Profile, load_profile, shipped_profiles
from drivers.registers import Area
from drivers.sunspec.image import Sketch, compose
from drivers.values import Value

HEAD = """\
# Shipped profiles

Made by `cellwarden profile list --markdown`; change the profiles, not this page. None of them was tried on
hardware unless its line says so: check every value on site, and tell us.

| profile | battery | over | values | cells | source | tried on |
| --- | --- | --- | --- | --- | --- | --- |
"""

PLANS = """
## What one poll of everything costs

Reads as planned, beside merging only registers that touch, and beside one read per point. RTU at the
profile's own speed, with the pauses that the unit needs; the largest unit that the profile describes. The
bytes are requests and replies whole. A SunSpec unit tells its own layout: here one of 2 strings, 8
modules and 128 cells.

| profile | over | planned | ms | touching merged | ms | one read per point | ms |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def shipped() -> list[Profile]:
    """Return the profiles that come with cellwarden."""
    return [load_profile(name) for name in shipped_profiles()]


def catalogue(profiles: Sequence[Profile]) -> str:
    """Return the page."""
    rows = "".join(_row(profile) for profile in profiles)
    plans = "".join(_plan_row(profile) for profile in profiles)
    return HEAD + rows + PLANS + plans


def devices(profiles: Sequence[Profile]) -> str:
    """Return what the README says of devices: each battery, over what it is read, and what was tried."""
    tried = "; ".join(f"{p.title}: {', '.join(p.verified)}" for p in profiles if p.verified) or "none yet"
    rows = "".join(_cells(f"`{p.model}`", p.title, ", ".join(p.transports)) for p in profiles)
    head = "| profile | battery | over |\n| --- | --- | --- |\n"
    return f"Tried on hardware: {tried}. Compare every value on site.\n\n{head}{rows}"


def _row(profile: Profile) -> str:
    values: tuple[Value, ...] = () if profile.sunspec else assume(profile).values
    cells = sum(value.quantity == "cell_voltage" for value in values)
    told = "told by the unit"
    cells_said = told if profile.sunspec else str(cells or "none")
    return _cells(
        f"[{profile.model}]({profile.model}.toml)",
        profile.title,
        ", ".join(profile.transports),
        told if profile.sunspec else str(len(values)),
        cells_said,
        profile.source,
        "; ".join(profile.verified) or "nothing",
    )


def _plan_row(profile: Profile) -> str:
    transport = profile.transports[0]
    line = wire(profile, transport)
    layout = _sunspec_unit(profile, line) if profile.sunspec else assume(profile, line=line)
    found = costs(profile, layout, line, transport)
    return _cells(
        profile.model,
        transport,
        *(said for c in found for said in (f"{c.requests} reads, {c.frame_bytes} B", f"{c.wire_ms:.0f}")),
    )


def _sunspec_unit(profile: Profile, line: Line) -> Layout:
    """A unit that nobody has: 2 strings of 4 modules with 16 cells."""
    modules = [Sketch(805, 16, {"StrIdx": s, "ModIdx": m}) for s in (1, 2) for m in (1, 2, 3, 4)]
    strings = [Sketch(804, 4, {"Idx": s}) for s in (1, 2)]
    words = compose([Sketch(1), Sketch(802), Sketch(803, 2), *strings, *modules])
    dump = Dump({(1, Area.HOLDING, 40000 + k): word for k, word in enumerate(words)})
    return hold(connect(profile, line=line), dump, 1)


def _cells(*texts: str) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |\n"
