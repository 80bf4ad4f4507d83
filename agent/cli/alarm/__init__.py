"""cellwarden alarm: see and answer the alarms of a running agent."""

from agent.cli.common.lazy import lazy_group

command = lazy_group(
    "alarm",
    "agent.cli.alarm",
    {
        "list": "List the alarms that are not over.",
        "ack": "Acknowledge an alarm: you have seen it.",
        "shelve": "Put an alarm aside for a while, during a repair.",
        "unshelve": "Bring a shelved alarm back.",
        "test": "Drop the relay for some seconds, to see that it is heard.",
    },
    """See and answer the alarms of a running agent. Who did what is recorded, and sent upstream.

    \b
    What is there:   cellwarden alarm list
    I have seen it:  cellwarden alarm ack rack-1:thermal-slope:sensor2
    A test alarm:    cellwarden alarm test
    """,
)
