"""cellwarden profile: find, read, check, plan, write and try the profiles of battery management units."""

from agent.cli.common.lazy import lazy_group

command = lazy_group(
    "profile",
    "agent.cli.profile",
    {
        "list": "List the profiles that can be used by name.",
        "show": "Print a profile as a table of points.",
        "check": "Find every mistake in a profile.",
        "plan": "Print the reads that a profile leads to, and what they cost.",
        "decode": "Decode a register dump with a profile, without hardware.",
        "tried": "Make of a capture a test, and a row of what was tried.",
        "new": "Write a profile to begin from.",
        "diff": "Compare two profiles point by point.",
        "schema": "Print the JSON Schema of a profile, for editors.",
    },
    """Profiles say what the registers of a battery management unit mean. Adding a battery is writing one.

    \b
    Begin:          cellwarden profile new acme-bms
    Find mistakes:  cellwarden profile check acme-bms.toml
    Try a capture:  cellwarden profile decode acme-bms.toml --registers dump.txt
    """,
)
