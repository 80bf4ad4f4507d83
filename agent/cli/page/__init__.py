"""cellwarden page: who may open the status page, and from where."""

from agent.cli.common.lazy import lazy_group

command = lazy_group(
    "page",
    "agent.cli.page",
    {
        "enable": "Open the status page to phones and desks of this network, by a certificate and a token.",
        "disable": "Show the status page on this machine only.",
    },
    """Where the status page can be opened. It is on this machine alone until you enable it.

    \b
    Examples:  sudo cellwarden page enable
               sudo cellwarden page disable
    """,
)
