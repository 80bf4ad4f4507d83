"""Telnet's com port option (RFC 2217), the client's side: how a far serial line is set. Pure.

    IAC WILL COM-PORT-OPTION               may I set your line?
    IAC DO COM-PORT-OPTION                 yes
    IAC SB COM-PORT-OPTION 1 baud IAC SE   set it so
    IAC SB COM-PORT-OPTION 101 ... IAC SE  it is so; each answer names what is in force

A byte 255 (IAC) of the line is sent twice, both ways (RFC 854). Of all commands only those are used that set
speed and framing, switch flow control off, and drop what the far end still has of an earlier conversation.
"""

from collections.abc import Iterator
from typing import NamedTuple

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
BINARY, SUPPRESS_GO_AHEAD, COM_PORT = 0, 3, 44
WANTED = (BINARY, SUPPRESS_GO_AHEAD)  # both ways: eight bits, and no turn-taking
REFUSAL = {DO: WONT, WILL: DONT}
AGREEMENT = {DO: WILL, WILL: DO}

SET_BAUD, SET_DATA_BITS, SET_PARITY, SET_STOP_BITS, SET_CONTROL, PURGE = 1, 2, 3, 4, 5, 12
ANSWER = 100  # added to a command
NO_FLOW_CONTROL, BOTH_BUFFERS = 1, 3
PARITIES = {"N": 1, "O": 2, "E": 3}
NAMES = {value: name for name, value in PARITIES.items()}


class _Setting(NamedTuple):
    """One thing that is set: its words with {} for the value, and its value as it is sent."""

    words: str
    value: bytes


def _said(command: int, value: bytes) -> str:
    number = int.from_bytes(value, "big")
    return NAMES.get(number, str(number)) if command == SET_PARITY else str(number)


def _subnegotiation(command: int, value: bytes) -> bytes:
    body = bytes((COM_PORT, command)) + value
    return bytes((IAC, SB)) + ComPort.escaped(body) + bytes((IAC, SE))


class ComPort:
    """One conversation with the far end. refused: why its line cannot be set; "": nothing says so."""

    def __init__(self, baud: int, parity: str, stop_bits: int) -> None:
        self.refused = ""
        self._wanted = {
            SET_BAUD: _Setting("{} baud", baud.to_bytes(4, "big")),
            SET_DATA_BITS: _Setting("{} data bits", bytes((8,))),
            SET_PARITY: _Setting("parity {}", bytes((PARITIES[parity],))),
            SET_STOP_BITS: _Setting("{} stop bits", bytes((stop_bits,))),
        }
        self._open = set(self._wanted)
        self._agreed = {(WILL, COM_PORT)}  # what was said from here
        self._asked = False  # the settings were sent
        self._rest = b""  # of a command that has not come whole

    @property
    def is_set(self) -> bool:
        """Whether the far end has said that its line is as wanted."""
        return self._asked and not self._open

    @property
    def unconfirmed(self) -> str:
        """What the far end has not confirmed, in words."""
        if not self._asked:
            return "its line may be set (RFC 2217); it may be in transparent mode: rtu-over-tcp"
        return "its line has " + ", ".join(self._words(command) for command in sorted(self._open))

    def _words(self, command: int, value: bytes | None = None) -> str:
        words, wanted = self._wanted[command]
        return words.format(_said(command, wanted if value is None else value))

    def begin(self) -> bytes:
        """Return what is said first."""
        said = bytes((IAC, WILL, COM_PORT))
        for option in WANTED:
            for verb in (WILL, DO):
                self._agreed.add((verb, option))
                said += bytes((IAC, verb, option))
        return said

    @staticmethod
    def escaped(data: bytes) -> bytes:
        """Return data as it is sent among commands."""
        return data.replace(b"\xff", b"\xff\xff")

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Take received bytes; return what came from the line, and what is to be answered."""
        if not self._rest and IAC not in data:
            return data, b""
        self._rest += data
        heard, answer = bytearray(), bytearray()
        for what, body in self._parts():
            if what == IAC:
                heard += body
            elif what == SB:
                self._told(body)
            else:
                answer += self._negotiated(what, body[0])
        return bytes(heard), bytes(answer)

    def _parts(self) -> Iterator[tuple[int, bytes]]:
        """Yield what has come whole: (IAC, bytes of the line), (SB, a subnegotiation), (verb, option)."""
        while self._rest:
            plain, found, after = self._rest.partition(b"\xff")
            if plain:
                yield IAC, plain
            self._rest = found + after
            if len(self._rest) < 2:
                return
            verb = self._rest[1]
            if verb == IAC:
                size, part = 2, (IAC, b"\xff")
            elif verb in (DO, DONT, WILL, WONT):
                size, part = 3, (verb, self._rest[2:3])
            elif verb == SB:
                end = self._end()
                size, part = end, (SB, self._rest[2 : end - 2].replace(b"\xff\xff", b"\xff"))
            else:
                size, part = 2, (IAC, b"")  # a command that says nothing to a line
            if not size or len(self._rest) < size:
                return
            self._rest = self._rest[size:]
            yield part

    def _end(self) -> int:
        """Return where the subnegotiation at the beginning of the rest ends; 0: not yet."""
        at = 2
        while (at := self._rest.find(b"\xff", at)) >= 0 and at + 1 < len(self._rest):
            if self._rest[at + 1] == SE:
                return at + 2
            at += 2
        return 0

    def _negotiated(self, verb: int, option: int) -> bytes:
        """Return the answer to a verb of Telnet's."""
        if option == COM_PORT:
            if verb == DO and not self._asked:
                self._asked = True
                settings = b"".join(_subnegotiation(c, s.value) for c, s in self._wanted.items())
                control = _subnegotiation(SET_CONTROL, bytes((NO_FLOW_CONTROL,)))
                return settings + control + _subnegotiation(PURGE, bytes((BOTH_BUFFERS,)))
            if verb == DONT and not self._asked:
                self.refused = "its line cannot be set from here (RFC 2217 is switched off there)"
        if verb not in AGREEMENT:
            return b""
        agreed = AGREEMENT[verb], option
        if agreed in self._agreed:
            return b""
        if option not in (*WANTED, COM_PORT):
            return bytes((IAC, REFUSAL[verb], option))
        self._agreed.add(agreed)
        return bytes((IAC, *agreed))

    def _told(self, body: bytes) -> None:
        """Take what the far end says of its line."""
        if len(body) < 3 or body[0] != COM_PORT or body[1] - ANSWER not in self._open:
            return
        command, value = body[1] - ANSWER, body[2:]
        if value == self._wanted[command].value:
            self._open.discard(command)
        else:
            had, wanted = self._words(command, value), self._words(command)
            self.refused = f"its line stays at {had}, and does not take {wanted}"
