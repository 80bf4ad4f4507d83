"""What can be wrong with bytes that claim to be ours. The sender is at fault in every case."""


class WireError(ValueError):
    """Bytes from outside that are not what the wire format says; the message is one line."""


class NotZstd(WireError):
    """Not one whole, sound zstd frame with a content size and a checksum."""


class TooLarge(WireError):
    """Sound so far as was read, but past a limit; nothing more of it was read."""


class NotMsgpack(WireError):
    """The inflated bytes are not the msgpack that the format describes."""


class UnknownVersion(WireError):
    """A version of the format that this receiver does not know: one side must be updated."""


class Malformed(WireError):
    """Well-formed msgpack whose fields contradict the format or each other."""
