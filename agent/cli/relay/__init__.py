"""cellwarden relay: the alarm relay without an agent."""

from agent.cli.common.lazy import lazy_group

command = lazy_group(
    "relay",
    "agent.cli.relay",
    {"drop": "Put the relay into its alarm position."},
    """The alarm relay while no agent runs. With one running: cellwarden alarm test.

    \b
    What the service runs when the agent has ended:  cellwarden relay drop
    """,
)
