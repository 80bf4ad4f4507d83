"""An agent that is played: what it seals, what it posts, and what of it must be accounted for. Pure."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from agent.wire import (
    ACCEPT,
    Acknowledgement,
    Batch,
    Request,
    WireError,
    decode_ack,
    decode_refusal,
    encode_batch,
    encode_request,
    encode_schema,
)
from agent.wire.packing import pack, unpack_tree
from agent.wire.ranges import Ranges
from agent.wire.zstd import deflate, inflate
from collector.conform.row import Course, Post, Reply, Run, Wrong

VALUES = 4
EXACT = 127  # an answer that names fewer than 128 ranges names them exactly
MORE = {"Accept": ACCEPT}
Range = tuple[int, int]


def description(run: Run, **changes: Any) -> dict[str, Any]:
    """A schema of `VALUES` values that no other run has."""
    lists = {
        "name": ["cell_voltage"] * VALUES,
        "place": [f"string1/cell{i + 1}" for i in range(VALUES)],
        "quantity": ["cell_voltage"] * VALUES,
        "unit": ["V"] * VALUES,
        "reading": [0] * VALUES,
        "raw_offset": [0] * VALUES,
        "scale": [0.001] * VALUES,
        "offset": [0] * VALUES,
    }
    return {**lists, "identity": f"{run.name}-{run.number()}", **changes}


def schema_of(content: object) -> tuple[bytes, bytes]:
    """`(hash, body)` of anything at all in the place of a schema."""
    packed = pack(content)
    return blake2b(packed, digest_size=16).digest(), deflate(packed)


def fields_of(blob: bytes) -> list[Any]:
    """The elements of a batch."""
    fields: list[Any] = unpack_tree("batch", inflate(blob), 2**20, 4096, 8)
    return fields


def seal(fields: object) -> bytes:
    """The bytes of a batch of any elements."""
    return deflate(pack(fields))


class Sender:
    """One agent and epoch. `account` is what the collector has acknowledged, `most` the highest sequence that
    it was told of, `needed` the schemas of all that was sealed.
    """

    def __init__(self, run: Run, agent: str = "", epoch: bytes = b"") -> None:
        self.run = run
        self.agent = agent or run.certified or f"{run.name}-{run.number()}"
        self.epoch = epoch or blake2b(f"{run.name} {run.number()}".encode(), digest_size=16).digest()
        self.boot = blake2b(self.epoch, digest_size=16).digest()
        self.schema, self.schema_body = encode_schema(description(run))
        self.account = Ranges()
        self.needed = set[bytes]()
        self.most = 0

    def frames(self, sequence: int, n: int = 4, raw: Any = None, **changes: Any) -> bytes:
        """A batch of `n` frames, one a second."""
        if raw is None:
            raw = 3300 + 20 * np.arange(n)[:, None] + np.arange(VALUES)
        raw = np.array(raw, np.int64)
        times = (5000 + 4096 * (sequence % 2**16) + np.arange(len(raw))) * 10**9
        fields: dict[str, Any] = {
            "agent": self.agent,
            "epoch": self.epoch,
            "sequence": sequence,
            "unit": "conform/unit",
            "schema": self.schema,
            "boot_id": self.boot,
            "boottime_ns": times,
            "utc_ns": times + 1_790_000_000 * 10**9,
            "clock": np.ones(len(raw), np.uint8),
            "raw": raw,
            "quality": np.zeros(raw.shape, np.uint8),
        }
        batch = Batch(**{**fields, **changes})
        self.needed |= {batch.schema} if batch.schema else set()
        return encode_batch(batch)

    def events(self, sequence: int, *events: dict[str, Any], unit: str = "") -> bytes:
        """A batch that only carries events; without any, a note."""
        none = np.zeros(0, np.int64)
        return self.frames(
            sequence,
            raw=np.zeros((0, 0)),
            unit=unit,
            schema=None,
            boottime_ns=none,
            utc_ns=none,
            events=events or ({"kind": "conform_note", "sequence": sequence},),
        )

    def post(
        self,
        batches: Sequence[tuple[int, bytes]] = (),
        schemas: Sequence[tuple[bytes, bytes]] = (),
        withheld: Sequence[Range] | None = None,
    ) -> Post:
        """A request; withheld: None, of five elements, else of six."""
        ends = [s for s, _ in batches] + [last for _, last in withheld or ()]
        self.most = max([self.most, *ends])
        request = Request(
            self.agent, self.epoch, list(batches), [body for _, body in schemas], list(withheld or ())
        )
        return Post(
            encode_request(request, withheld is not None),
            self.epoch,
            frozenset(s for s, _ in batches),
            frozenset(self.needed),
            frozenset(digest for digest, _ in schemas),
            self.most,
            headers=MORE,
        )

    def tell(
        self,
        batches: Sequence[tuple[int, bytes]] = (),
        *,
        refused: Iterable[int] = (),
        dropped: Iterable[Range] = (),
        withheld: Sequence[Range] | None = None,
        schemas: Sequence[tuple[bytes, bytes]] = (),
    ) -> Course[Acknowledgement]:
        """Post batches and judge the answer: all is accounted for, except what must be `refused`.

        dropped: what the gap records among the batches account for in this epoch.
        """
        (reply,) = yield [self.post(batches, schemas, withheld)]
        return self.heard(
            reply, [s for s, _ in batches], refused=refused, dropped=dropped, withheld=withheld or ()
        )

    def heard(
        self,
        reply: Reply,
        sequences: Iterable[int],
        *,
        refused: Iterable[int] = (),
        dropped: Iterable[Range] = (),
        withheld: Iterable[Range] = (),
    ) -> Acknowledgement:
        """Return an answer of 200 that says of every sequence what it must."""
        ack, refused = acknowledged(reply), set(refused)
        said = {sequence: reason for sequence, reason in ack.refused}
        wrong = [f"batch {sequence} must be refused, and is not" for sequence in sorted(refused - set(said))]
        wrong += [f"batch {s} is refused: {said[s]}" for s in sorted(set(said) - refused)]
        if wrong:
            raise Wrong("; ".join(wrong))
        for sequence in set(sequences) - refused:
            self.account.add(sequence)
        for span in (*dropped, *withheld):
            self.account.add(*span)
        if problem := accounting(ack, self.account, set(sequences)):
            raise Wrong(problem)
        return ack


def acknowledged(reply: Reply) -> Acknowledgement:
    """An answer of 200, or `Wrong`."""
    if reply.status != 200:
        raise Wrong(f"answered {reply.status}{reason_of(reply)}, expected 200")
    try:
        return decode_ack(reply.body)
    except WireError as error:
        raise Wrong(f"the answer cannot be read: {error}") from None


def conflict(reply: Reply) -> None:
    """`Wrong` where an answer is not of 409."""
    if reply.status != 409:
        raise Wrong(f"answered {reply.status}{reason_of(reply)}, expected 409")


def reason_of(reply: Reply) -> str:
    """The reason of another status, behind a colon."""
    try:
        return f": {decode_refusal(reply.body)}"
    except WireError:
        return ""


def accounting(ack: Acknowledgement, account: Ranges, asked: set[int]) -> str:
    """Why an answer does not say what is accounted for; "" where it does."""
    if ack.durable_through > account.highest:
        return f"durable_through is {ack.durable_through}, the highest accounted for is {account.highest}"
    holes = account.holes()
    if len(holes) <= EXACT:
        if ack.durable_through != account.highest:
            return f"durable_through is {ack.durable_through}, expected {account.highest}"
        said = [tuple(span) for span in ack.missing]
        return "" if said == holes else f"missing is {_short(said)}, expected {_short(holes)}"
    told = Ranges.through(ack.durable_through)
    missing = Ranges(ack.missing)
    for first, last in told.minus(missing):
        if not account.covers(first, last):
            return f"claims {first} to {last}, of which not all came"
    around = sorted(s for s in asked if s in account and (s in missing or s > ack.durable_through))
    if around:
        return f"batch {around[0]} of this request came, and is not claimed"
    if len(ack.missing) <= EXACT and [tuple(span) for span in ack.missing] != holes:
        return f"names {len(ack.missing)} ranges, fewer than 128, and not the {len(holes)} that there are"
    return ""


def _short(ranges: Sequence[object]) -> str:
    text = ", ".join(str(list(span)) if isinstance(span, tuple) else str(span) for span in ranges[:6])
    return f"[{text}{', ...' if len(ranges) > 6 else ''}]"
