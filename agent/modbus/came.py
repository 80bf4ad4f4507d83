"""What came of a request, in words, what is likely, what to do: a table for lines and one for TCP. Pure.

`told_apart` finds in the bytes which row it is; probe, scan, doctor, status and the journal say it from here.
Codes of exceptions: Modbus application protocol V1.1b3, section 7.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from agent.message import Message, joined, message

Frames = Literal["rtu", "tcp"]


class Kind(StrEnum):
    """What came. A row of its table is what is said of it."""

    NOTHING = "nothing"
    LATE = "late"
    AGAIN = "again"
    BEHIND = "behind"
    ECHO = "echo"
    OTHER_UNIT = "other unit"
    OTHER_TRANSACTION = "other transaction"
    OTHER_FUNCTION = "other function"
    OTHER_COUNT = "other count"
    CUT_SHORT = "cut short"
    CHECKSUM = "checksum"
    NO_FIRST_BYTE = "no first byte"
    TWO_ANSWERS = "two answers"
    OTHER_MASTER = "other master"
    OTHER_REQUEST = "other request"
    TRAILING = "trailing"
    LENGTH = "length"
    PROTOCOL = "protocol"
    OTHER_FRAMES = "other frames"
    OTHER_SERVICE = "other service"
    NO_FRAME = "no frame"
    CLOSED_UNASKED = "closed unasked"
    CLOSED = "closed"
    NO_NAME = "no name"
    NO_CONNECTION = "no connection"
    NOT_TAKEN = "not taken"  # a connection that is refused
    REFUSED = "refused"
    FAILED = "failed"
    BUSY = "busy"
    NO_PATH = "no path"
    NO_TARGET = "no target"
    SOME_NEVER = "some never"  # of many requests, as those below
    SOME_LOST = "some lost"
    SOME_DAMAGED = "some damaged"
    SOME_BUSY = "some busy"
    SOME_FAILED = "some failed"
    SOME_AWAY = "some away"


class Row(NamedTuple):
    """One row: its code in the field guide, what is likely, most likely first, and what to do next."""

    code: str
    likely: tuple[str, ...]
    do: str = ""


ACCEPT = "set accept = {accept} in its [[bus]]"
ACCEPT_ID = f"where it is the only unit there, {ACCEPT}"  # else its own id would tell it from others
LESS = "read another number: --count of probe, max_registers_per_read of its profile"
TABLE = "the other function for its registers: table of its profile, input or holding"
WAIT = "wait longer: timeout_s = {wait} in its [[unit]], --timeout {wait} of probe"
LINE = "check speed, parity, wiring, termination, ids, a second master"

LATE = Row("CW-201", ("a slow unit", "a gateway or a line that others hold up"), WAIT)
SOME_NEVER = Row(
    "CW-210",
    ("it has no such registers, and says so by silence", "the block is too long for it"),
    "probe it in parts: --count of probe; then max_registers_per_read of its profile, or another profile",
)
SOME_BUSY = Row(
    "CW-204",
    ("it works for itself", "another master polls it", "it is polled too often"),
    "raise its period_s",
)
SOME_FAILED = Row(
    "CW-213",
    ("it is polled too often", "it works for itself, or has a fault"),
    "raise its period_s, and look at the unit itself",
)
SOME_AWAY = Row(
    "CW-203",
    ("a loose contact or noise behind the gateway", "the gateway waits too short for it", "a busy unit"),
    "check the line behind the gateway; raise the gateway's own time-out",
)
LOOK = "check the line or the network to it"
REPEATS = Row(
    "CW-207",
    ("a gateway or repeater that sends what it receives twice", "two ways to one unit"),
    "look at what lies between; firmware of the gateway",
)

NO_NAME = Row(
    "CW-103", ("a typing mistake in its name", "no name server, or another one"), "give its address"
)

EXCEPTIONS: dict[Kind, Row] = {
    Kind.REFUSED: Row("CW-210", ("off by one", "input instead of holding, or the reverse", "block too long")),
    Kind.FAILED: Row(
        "CW-213", ("it is starting, or has a fault", "another register does"), "look at the unit itself"
    ),
    Kind.BUSY: Row(
        "CW-204", ("it starts or works for itself", "another master polls it"), "poll again later"
    ),
    Kind.NO_PATH: Row(
        "CW-203",
        ("the unit id is not in the gateway's own table", "the gateway is overloaded"),
        "look at the gateway's settings and the unit id",
    ),
    Kind.NO_TARGET: Row(
        "CW-203",
        ("the unit is off", "another unit id", "the line behind the gateway"),
        "check its power, wiring and unit id",
    ),
}

OF_RTU: dict[Kind, Row] = {
    Kind.NOTHING: Row("CW-201", ("device off or cable out", "A/B swapped", "another id or line setting")),
    Kind.LATE: LATE,
    Kind.AGAIN: REPEATS,
    Kind.ECHO: Row(
        "CW-209",
        ("device off or cable out, and an adapter that hears itself", "A/B swapped", "another id"),
        "check its power, wiring and unit id",
    ),
    Kind.OTHER_UNIT: Row("CW-205", ("that is its id", "it has one id for all answers"), ACCEPT),
    Kind.OTHER_FUNCTION: Row("CW-207", ("its firmware", "another master polls it"), f"try {TABLE}"),
    Kind.OTHER_COUNT: Row("CW-207", ("its firmware", "another master polls it"), LESS),
    Kind.CUT_SHORT: Row(
        "CW-202",
        ("an adapter that loses bytes", "termination or biasing", "two units with one id, or two masters"),
        LINE,
    ),
    Kind.CHECKSUM: Row(
        "CW-202",
        ("two units with one id, or two masters", "termination or biasing", "wrong speed or parity"),
        LINE,
    ),
    Kind.NO_FIRST_BYTE: Row(
        "CW-202", ("no biasing", "the unit's driver turns on late"), "check biasing and termination"
    ),
    Kind.TWO_ANSWERS: Row("CW-202", ("two units with one id",), "give each unit an id of its own"),
    Kind.OTHER_MASTER: Row(
        "CW-202",
        ("an inverter, a BMS or a gateway that polls too",),
        "their answers destroy each other: stop it, or give it a line of its own",
    ),
    Kind.OTHER_REQUEST: Row(
        "CW-202", ("another master, if that comes again", "noise that looks like one"), "poll again"
    ),
    Kind.OTHER_FRAMES: Row(
        "CW-208", ("a gateway, and no transparent serial server",), 'set transport = "tcp"; probe HOST:PORT'
    ),
    Kind.OTHER_SERVICE: Row("CW-208", ("another port",), "look up the port on the serial server's page"),
    Kind.NO_FRAME: Row("CW-202", ("wrong speed or parity", "noise", "A/B swapped"), LINE),
    Kind.CLOSED_UNASKED: Row(
        "CW-104", ("it serves one master, and has another", "its list of who may connect"), "look at its page"
    ),
    Kind.CLOSED: Row("CW-104", ("the cable or the adapter was pulled", "it serves another master")),
    Kind.SOME_NEVER: SOME_NEVER,
    Kind.SOME_LOST: Row("CW-202", ("a loose contact", "noise", "a busy unit"), LOOK),
    Kind.SOME_DAMAGED: Row(
        "CW-202",
        ("no termination (120 ohm at both ends)", "no biasing", "a speed slightly off", "noise"),
        LINE,
    ),
    Kind.SOME_BUSY: SOME_BUSY,
    Kind.SOME_FAILED: SOME_FAILED,
    Kind.SOME_AWAY: SOME_AWAY,
    Kind.NO_NAME: NO_NAME,
    Kind.NO_CONNECTION: Row("CW-103", ("another address or port", "off", "a firewall")),
    Kind.NOT_TAKEN: Row("CW-103", ("another port", "its serial port is switched off", "a firewall")),
    **EXCEPTIONS,
}

OF_TCP: dict[Kind, Row] = {
    Kind.NOTHING: Row(
        "CW-201", ("another unit id", "the unit behind the gateway is off", "the gateway's far side")
    ),
    Kind.LATE: LATE,
    Kind.AGAIN: REPEATS,
    Kind.BEHIND: Row(
        "CW-207",
        ("a gateway whose line is slower than it waits for", "two masters at one gateway"),
        "restart the gateway; raise its own time-out, and timeout_s of the unit above that",
    ),
    Kind.ECHO: Row(
        "CW-209",
        ("a serial server in transparent mode, whose line echoes", "an echo service, and no unit"),
        'if it is a serial server: transport = "rtu-over-tcp"; probe rtu-over-tcp://HOST:PORT',
    ),
    Kind.OTHER_TRANSACTION: Row(
        "CW-206", ("a gateway that does not copy the number of the question",), ACCEPT
    ),
    Kind.OTHER_UNIT: Row("CW-205", ("that is its id", "it has one id for all answers"), ACCEPT),
    Kind.OTHER_FUNCTION: Row("CW-207", ("a gateway that mixes up answers", "its firmware"), f"try {TABLE}"),
    Kind.OTHER_COUNT: Row("CW-207", ("a gateway that mixes up answers", "its firmware"), LESS),
    Kind.CUT_SHORT: Row(
        "CW-202",
        ("a gateway that loses bytes of its line", "a slow gateway"),
        "wait longer: --timeout of probe, timeout_s of the unit",
    ),
    Kind.TRAILING: Row("CW-208", ("a fault of its firmware",), "ask its maker for newer firmware"),
    Kind.LENGTH: Row(
        "CW-208", ("a fault of its firmware, or of the gateway's",), "ask its maker for newer firmware"
    ),
    Kind.PROTOCOL: Row("CW-208", ("another protocol on this port",), "look for the port of Modbus TCP"),
    Kind.OTHER_FRAMES: Row(
        "CW-208",
        ("a serial server in transparent mode",),
        'set transport = "rtu-over-tcp"; probe rtu-over-tcp://HOST:PORT',
    ),
    Kind.OTHER_SERVICE: Row("CW-208", ("another port: Modbus TCP is 502 as a rule",), "try another port"),
    Kind.NO_FRAME: Row("CW-208", ("another port", "another protocol"), "look for the port of Modbus TCP"),
    Kind.CLOSED_UNASKED: Row(
        "CW-104", ("it serves one master, and has another", "its list of who may connect"), "look at its page"
    ),
    Kind.CLOSED: Row(
        "CW-104",
        ("it serves one master, and has another", "it refuses this unit id, or these registers, so"),
        "try another unit id or register",
    ),
    Kind.SOME_NEVER: SOME_NEVER,
    Kind.SOME_LOST: Row("CW-202", ("the network or the gateway", "a busy unit"), LOOK),
    Kind.SOME_DAMAGED: Row(
        "CW-202", ("a gateway that mixes up or cuts answers", "two masters at one gateway"), LOOK
    ),
    Kind.SOME_BUSY: SOME_BUSY,
    Kind.SOME_FAILED: SOME_FAILED,
    Kind.SOME_AWAY: SOME_AWAY,
    Kind.NO_NAME: NO_NAME,
    Kind.NO_CONNECTION: Row("CW-103", ("another address or port", "off", "a firewall")),
    Kind.NOT_TAKEN: Row("CW-103", ("another port", "Modbus TCP is switched off there", "a firewall")),
    **EXCEPTIONS,
}

ROWS: dict[Frames, dict[Kind, Row]] = {"rtu": OF_RTU, "tcp": OF_TCP}


@dataclass(frozen=True, slots=True)
class Came:
    """What came of one request.

    `text`: a predicate of the unit, the same each time; `detail`: the figures of this once. `accept`: the
    value of that key of [[bus]] under which it would be read. `unit_id`: whose answer came, if another's.
    `timeout_s`: within which a late answer comes.
    """

    kind: Kind
    text: str
    detail: str = ""
    frames: Frames = "rtu"
    accept: str = ""
    unit_id: int | None = None
    timeout_s: float | None = None

    @property
    def row(self) -> Row:
        """Its row of the table."""
        return ROWS[self.frames][self.kind]

    @property
    def code(self) -> str:
        """Its code in the field guide."""
        return self.row.code

    @property
    def do(self) -> Message:
        """What to do next; "" where the likely causes are all there is to say."""
        alone = self.row.do == ACCEPT and "unit_id" in self.accept
        wait = Message("more") if self.timeout_s is None else f"{self.timeout_s:g}"
        return Message(ACCEPT_ID if alone else self.row.do, accept=self.accept, wait=wait)

    @property
    def words(self) -> Message:
        """What came and what to do next, for journal and status: the same each time."""
        return joined("; ", filter(None, (self.text, self.do)))

    @property
    def seen(self) -> str:
        """What came with the figures of this once, for who looks now."""
        return Message("{came} ({detail})", came=self.text, detail=self.detail) if self.detail else self.text

    @property
    def sound(self) -> bool:
        """Whether some device has answered soundly, if not as it was asked."""
        return self.kind in SOUND

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"code": self.code, "likely": list(self.row.likely), "do": self.do, **asdict(self)}

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> "Came":
        """Return what `as_json` told."""
        kept = {field.name: told[field.name] for field in fields(cls) if field.name in told}
        text, detail = message(kept["text"]), message(kept.get("detail", ""))
        return cls(**{**kept, "kind": Kind(told["kind"]), "text": text, "detail": detail})


#: These say that a device is there, and speaks Modbus.
SOUND = frozenset(
    {
        Kind.OTHER_UNIT,
        Kind.OTHER_TRANSACTION,
        Kind.OTHER_FUNCTION,
        Kind.OTHER_COUNT,
        Kind.AGAIN,
        Kind.BEHIND,
        Kind.TWO_ANSWERS,
        Kind.LENGTH,
        Kind.REFUSED,
        Kind.FAILED,
        Kind.BUSY,
    }
)

NOT_YET = "has not answered yet"
NOTHING = Came(Kind.NOTHING, Message("does not answer"))
BEHIND = Came(Kind.BEHIND, Message("answers the request before, under the number of this one"), frames="tcp")
AGAIN = Came(Kind.AGAIN, Message("does not answer: what it said before comes once more"))

OF_CODE = {
    1: (Kind.REFUSED, 'answers "no such function"'),
    2: (Kind.REFUSED, 'answers "no such register"'),
    3: (Kind.REFUSED, 'answers "no such count"'),
    4: (Kind.FAILED, 'answers "a failure of its own"'),
    5: (Kind.BUSY, "is busy: it has begun, and needs longer"),
    6: (Kind.BUSY, "is busy"),
    7: (Kind.FAILED, 'answers "cannot be done"'),
    8: (Kind.FAILED, 'answers "an error in its memory"'),
    10: (Kind.NO_PATH, "has no path from its gateway"),
    11: (Kind.NO_TARGET, "does not answer its gateway"),
}
UNKNOWN = "answers what the standard does not know"


def of_exception(code: int, frames: Frames = "rtu") -> Came:
    """Return what an exception says."""
    kind, text = OF_CODE.get(code, (Kind.FAILED, UNKNOWN))
    return Came(kind, Message("{said} (exception {code})", said=Message(text), code=code), frames=frames)
