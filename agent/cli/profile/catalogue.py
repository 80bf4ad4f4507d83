"""The catalogue of shipped profiles, as Markdown: drivers/profiles/README.md is what this makes."""

from agent.cli.profile.plan import costs, wire
from drivers.connect import assume
from drivers.profile import Profile, load_profile, shipped_profiles
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
profile's own speed, with the pauses that the unit asks for; the largest unit that the profile describes. The
bytes are requests and replies whole. A SunSpec unit tells its own layout, so its reads are known once it is
connected.

| profile | over | planned | ms | touching merged | ms | one read per point | ms |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def catalogue() -> str:
    """Return the page."""
    profiles = [load_profile(name) for name in shipped_profiles()]
    rows = "".join(_row(profile) for profile in profiles)
    plans = "".join(_plan_row(profile) for profile in profiles)
    return HEAD + rows + PLANS + plans


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
    if profile.sunspec:
        return ""  # the unit tells its own layout
    transport = profile.transports[0]
    line = wire(profile, transport)
    found = costs(profile, assume(profile, line=line), line, transport)
    return _cells(
        profile.model,
        transport,
        *(said for c in found for said in (f"{c.requests} reads, {c.frame_bytes} B", f"{c.wire_ms:.0f}")),
    )


def _cells(*texts: str) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |\n"
