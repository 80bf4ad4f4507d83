"""The alarms of the agent about an uplink, each over when what raised it is; and what they say."""

from agent.detect.explanations.said import Sentence

#: Detectors.
CONFLICT, UNSOUND, TOO_LARGE, SCHEMA, FORGETS, REFUSED = (
    "uplink_conflict",
    "uplink_answer",
    "uplink_too_large",
    "uplink_schema_too_large",
    "uplink_forgets",
    "uplink_refused",
)
STOPPED = Sentence(
    "uplink-conflict", "{trouble}. Nothing more is sent until a person has looked; polling goes on"
)
IMPOSSIBLE = Sentence("uplink-answer", "{trouble}. Batches wait on disk, and it is tried again")
PASSED_OVER = Sentence(
    "uplink-too-large",
    "{batches:.0f} of the batches that wait on disk are too large for a limit; they are passed over, and "
    "tried once an hour: {trouble}. Raise the limit; a restart tries at once",
)
SCHEMA_PASSED_OVER = Sentence(
    "uplink-schema-too-large",
    "the schema {schema}, without which values cannot be read, is too large for a limit, and is tried once "
    "an hour: {trouble}. Raise the limit",
)
FORGETFUL = Sentence(
    "uplink-forgets",
    "{url}: the collector names batches as missing that were sent twice and acknowledged twice; they are "
    "sent again once an hour. It loses what it confirms, or several collectors answer there: look at its "
    "disk and log",
)
FOR_GOOD = Sentence(
    "uplink-refused",
    "the collector refused {batches:.0f} batches for good; what they hold, be it alarms, is on this box "
    "only. The last one, batch {last:.0f}: {reason}",
)
SAYS = (STOPPED, IMPOSSIBLE, PASSED_OVER, SCHEMA_PASSED_OVER, FORGETFUL, FOR_GOOD)
