"""cellwarden report: what an inspector, or the next shift, is shown."""

from agent.cli.common.lazy import lazy_group

command = lazy_group(
    "report",
    "agent.cli.report",
    {
        "commissioning": "Prove the running agent up to the collector's disk; a page to sign.",
        "first-days": "What was seen of each battery in its first 90 days.",
        "intervals": "How often every unit's safety points were really read.",
    },
    """Print what the agent has recorded, as evidence.

    \b
    Example:  cellwarden report intervals --from 2026-11-01 --to 2026-12-01 --html > november.html
    """,
)
