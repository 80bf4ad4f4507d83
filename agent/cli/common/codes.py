"""What can go wrong for a person, each with a code that never changes: the one table.

A message says what failed with the real values, what was received, what is likely, most likely first, and one
command to run. The table holds what is the same each time; docs/field-guide.md prints it.
"""

from dataclasses import dataclass

import click
from rich.cells import cell_len

from agent.cli.common.errors import Spoken
from agent.view.language import speaking, tell, tr


@dataclass(frozen=True, slots=True)
class Code:
    """One code: what it means, the exit status (`common.errors`), and the likely causes in their order."""

    means: str
    exit_code: int
    likely: tuple[str, ...] = ()


#: 0xx the command itself, 1xx the port, 2xx what is behind it, 3xx the configuration, 4xx the agent, 5xx the
#: collector, 6xx the box.
CODES = {
    "CW-001": Code("the command line, or a file that it names, cannot be used", 2),
    "CW-002": Code("the output cannot be written", 1, ("the disk that it goes to is full",)),
    "CW-003": Code("a part of cellwarden that the command needs is not installed", 1),
    "CW-004": Code("a file cannot be read or written", 2, ("no such file", "no permission")),
    "CW-005": Code("a file or folder is there already, and was left as it is", 2),
    "CW-006": Code("there is nothing that was asked for", 1, ("another name", "another time")),
    "CW-009": Code("the command did its work, and what it found is not good", 1),
    "CW-101": Code("no such serial device", 3, ("unplugged", "another name since it was plugged in again")),
    "CW-102": Code("no permission for a serial device", 2, ("you are not in the device's group",)),
    "CW-103": Code("no connection to a TCP endpoint", 3, ("another address or port", "off", "a firewall")),
    "CW-104": Code(
        "the device or the connection was lost in the middle",
        3,
        ("the cable or the adapter was pulled", "the other side closed the connection"),
    ),
    "CW-105": Code("a serial device refuses the line setting", 3, ("its driver cannot do this one",)),
    "CW-110": Code("the port is in use by another process", 4),
    "CW-111": Code("another master is talking on the line", 4, ("an agent or a gateway polls this bus",)),
    "CW-120": Code("what was given is neither a serial device nor a host", 2),
    "CW-121": Code("a network is too large to be scanned", 2),
    "CW-201": Code("no answer", 3, ("device off or cable out", "A/B swapped", "another id or line setting")),
    "CW-202": Code(
        "an answer arrived damaged",
        3,
        ("wrong speed or parity", "two units with one id, or two masters", "termination or biasing"),
    ),
    "CW-203": Code("a gateway answers, and cannot reach the unit", 3, ("the unit is off", "another unit id")),
    "CW-204": Code("the unit is busy", 1, ("it starts or works for itself", "another master polls it")),
    "CW-205": Code("a sound answer came under another unit id", 1),
    "CW-206": Code("a sound answer came under another transaction id", 1),
    "CW-207": Code("a sound answer came, and to another question", 1),
    "CW-208": Code("what answers does not speak this kind of Modbus", 3),
    "CW-209": Code("the request came back, and nothing else", 3),
    "CW-210": Code(
        "the unit refused the registers; the link itself works",
        1,
        ("off by one", "input instead of holding, or the reverse", "block too long"),
    ),
    "CW-211": Code("the unit is not what the profile describes", 1, ("the wrong profile", "another unit")),
    "CW-212": Code("no profile fits", 1, ("a profile of its own is needed",)),
    "CW-213": Code("the unit says that it has failed; the link itself works", 1),
    "CW-220": Code("nothing answered a scan", 3, ("device off or cable out", "A/B swapped", "another speed")),
    "CW-301": Code("the configuration cannot be used", 2),
    "CW-302": Code("the safety deadline cannot be kept", 2, ("too many units or too slow a line",)),
    "CW-303": Code("limits were not reviewed by anybody", 1),
    "CW-304": Code("a profile cannot be used", 2),
    "CW-305": Code("a recording, or the map of its columns, cannot be used", 2),
    "CW-306": Code("a backup cannot be used", 2),
    "CW-307": Code("an answers file of setup cannot be used", 2),
    "CW-310": Code("something needed was not said, and there is no terminal to ask at", 2),
    "CW-401": Code("no agent answers at its control socket", 3, ("it is not running", "another socket")),
    "CW-402": Code("the agent would not carry the read", 4),
    "CW-403": Code("the agent refuses what was asked", 1),
    "CW-404": Code("a test alarm was not heard, or did not arrive", 1),
    "CW-405": Code("the alarm relay cannot be driven, or none is configured", 1),
    "CW-406": Code("the agent cannot begin its work", 2, ("a second agent", "no permission")),
    "CW-407": Code("the agent is of another version than the command", 1, ("upgraded, and not restarted",)),
    "CW-410": Code("a safety point was not read within the deadline", 1, ("a slow or dead unit", "noise")),
    "CW-420": Code(
        "an address of the agent's own is not to be had: the page's, or that of the metrics",
        1,
        ("another program listens there", "a second agent", "it is no address of this machine"),
    ),
    "CW-421": Code(
        "the page's certificate, key or token cannot be used",
        1,
        ("ended, or not for this key", "not readable by the agent's user", "no such file"),
    ),
    "CW-501": Code("the collector's name cannot be resolved", 1, ("no DNS server", "a typing mistake")),
    "CW-502": Code("the collector cannot be reached", 1, ("the network", "a firewall", "it is down")),
    "CW-503": Code("a certificate ends soon, has ended, or cannot be used", 1),
    "CW-504": Code(
        "batches are too large for the collector, or for what lies before it",
        1,
        ("a limit of a proxy, as client_max_body_size of nginx", "a limit of the collector"),
    ),
    "CW-510": Code(
        "the collector cannot begin its work", 2, ("its port is taken", "its database or TLS files")
    ),
    "CW-511": Code("a collector's database cannot be read", 2),
    "CW-512": Code("not everything that was sealed is accounted for", 1),
    "CW-513": Code("a collector does not do what the wire format says", 1),
    "CW-601": Code("the clock is not synchronised", 1, ("no network", "no time server")),
    "CW-602": Code("the disk is nearly full, worn, or cannot be written", 1),
    "CW-603": Code("the supply voltage was too low", 1, ("a weak supply or cable",)),
    "CW-604": Code("the buffer cannot be read", 2, ("no agent has run with this path", "no permission")),
    "CW-605": Code("not all of a buffer or an archive can be read", 1, ("a worn or damaged disk",)),
}


class Trouble(Spoken):
    """One of the table: `what` failed, with the real values, and `run`, what to run now. What of
    them is to be said in other languages is a message.
    """

    def __init__(self, code: str, what: str, run: str = "", likely: tuple[str, ...] | None = None) -> None:
        kind = CODES[code]
        self.what, self.run = what, run
        self.likely = kind.likely if likely is None else likely
        super().__init__(what, code)
        setattr(self, "exit_code", kind.exit_code)  # noqa: B010  click declares it of the class

    def format_message(self) -> str:
        """Return the message, at most five lines."""
        with speaking(self._language):
            return "\n".join([f"{self.code} {tr(self.what)}", *self.advice()])

    def advice(self) -> list[str]:
        """Return the lines below what failed, in the language that is spoken now."""
        likely = tell("Likely: {causes}.", causes="; ".join(map(tr, self.likely))) if self.likely else ""
        run = tell("Run: {run}", run=tr(self.run)) if self.run else ""
        if cell_len(likely) + cell_len(run) <= 90:
            line = "       ".join(part for part in (likely, run) if part)
            return [f"       {line}"] if line else []
        return [f"       {part}" for part in (likely, run) if part]

    def show(self, file: object = None) -> None:
        """Print it on stderr (click calls this)."""
        click.echo(self.format_message(), err=True)

    def as_json(self) -> dict[str, object]:
        """Return it for programs."""
        return {"code": self.code, "what": self.what, "likely": list(self.likely), "run": self.run}
