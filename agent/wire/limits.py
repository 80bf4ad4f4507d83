"""How much a receiver is willing to read; a sender holds to the same numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds; each is checked before the memory that it bounds is spent.

    `inflated` also bounds the zstd window. `tree` bounds the msgpack bytes of free-form content (events of
    a batch), `containers` and `depth` the arrays and maps in it: 20 MB of empty arrays fit in 635 compressed
    bytes and would cost 305 MiB as objects. `keys` bounds the map that a request or an answer may end with.
    `sequence` is the highest that a batch may have: ten a second take 3,480 years, and sums of such still fit
    in 64 bits.
    """

    compressed: int = 64 * 1024
    inflated: int = 1024 * 1024
    values: int = 256 * 1024
    frames: int = 4096
    text: int = 4096
    tree: int = 64 * 1024
    containers: int = 4096
    schema_containers: int = 32 * 1024
    depth: int = 8
    request: int = 2 * 1024 * 1024
    batches: int = 256
    schemas: int = 16
    keys: int = 64
    sequence: int = 2**40


DEFAULT_LIMITS = Limits()
#: For what was stored before sequences had a bound.
UNBOUNDED = Limits(sequence=2**63 - 1)
