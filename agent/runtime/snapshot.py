"""A row of the restart state, as bytes: plain content, and the time and boot that it is of.

One zstd frame of msgpack with a checksum, which is checked before anything is read.
"""

from dataclasses import dataclass
from typing import Any

import msgpack  # type: ignore[import-untyped]

from agent.clock import Stamp
from agent.wire.errors import WireError
from agent.wire.packing import pack
from agent.wire.zstd import deflate, inflate

FORMAT = 1
#: Raised by bytes that are no snapshot (BadSnapshot is a ValueError), and by content of another form.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)


class BadSnapshot(ValueError):
    """These bytes cannot be taken up; the text says why, after "is"."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Plain content, and the time and boot that it is of."""

    content: dict[str, Any]
    stamp: Stamp
    boot_id: bytes

    def to_bytes(self) -> bytes:
        """Return it as bytes."""
        at = self.stamp
        when = [self.boot_id, at.boottime_ns, at.utc_ns, at.synchronised, at.simulated]
        return deflate(pack([FORMAT, when, self.content]))

    @classmethod
    def from_bytes(cls, blob: bytes) -> "Snapshot":
        """Read one. Raises BadSnapshot."""
        try:
            version, when, content = msgpack.unpackb(inflate(blob))
            if version == FORMAT:
                boot_id, *at = when
                return cls(dict(content), Stamp(*at), boot_id)
        except (WireError, ValueError, TypeError, msgpack.UnpackException) as error:
            raise BadSnapshot(f"damaged ({error})") from error
        raise BadSnapshot(f"of format {version!r:.20}, this cellwarden knows {FORMAT}")
