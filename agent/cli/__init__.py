"""The `cellwarden` command: one file per sub-command, imported only when it is called."""

import os

import click

from agent.cli.common.lazy import lazy_group

main = lazy_group(
    "cellwarden",
    "agent.cli",
    {
        "run": "Run the agent until SIGTERM or Ctrl-C.",
        "setup": "Find the battery, test it, write a proven configuration and a report.",
        "scan": "Find battery units on serial lines and networks; say what they are.",
        "probe": "Read one unit and see each value beside its registers and bytes.",
        "capture": "Write what one unit says into a file, its serial numbers masked.",
        "limits": "Show every limit in force and where it comes from; record who reviewed them.",
        "doctor": "Look for what is wrong, from the cable to the collector.",
        "status": "Say what a running agent knows.",
        "live": "Show a running agent's batteries on this terminal.",
        "alarm": "See and answer the alarms of a running agent.",
        "relay": "Put the alarm relay into its alarm position, without an agent.",
        "replay": "Judge a recording, a buffer or an archive by the agent's own detectors.",
        "check": "Check the configuration and every profile it names.",
        "page": "Open the status page to phones and desks of this network, or to this machine only.",
        "enroll": "Make a key and a request on this box; put the signed certificate into use.",
        "backup": "Write what makes this box this agent into one file.",
        "restore": "Make this box the agent of a backup.",
        "warm-up": "Compile the detectors now, so that the next start need not.",
        "profile": "Find, check, write and try the profiles of battery management units.",
        "query": "Print the latest values, or the history of a point, from the buffer.",
        "export": "Write the values in the buffer as CSV or SQLite.",
        "demo": "Watch an agent detect an internal short, on this machine alone.",
        "report": "Print what was recorded, as evidence: the intervals that were achieved.",
        "completion": "Print what bash, zsh or fish need to complete all this.",
        "bench": "Measure on this machine, and print each figure beside its target.",
    },
    """Watch the batteries of a UPS room: poll them over Modbus, judge every cell, account for every value.

    \b
    Try it:          cellwarden demo
    Check a config:  cellwarden check --config agent.toml
    Run the agent:   cellwarden run --config agent.toml
    """,
)
click.version_option(package_name="cellwarden")(main)

if "_CELLWARDEN_COMPLETE" in os.environ:  # a shell asks
    import agent.cli.common.completing  # noqa: F401  registers bash's
