"""The golden vectors: files that never change, read by us and by a decoder that only knows the document.

`python -m tests.agent.wire.test_vectors` writes vectors that are missing; it never rewrites one.
"""

import ast
import json
import re
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import zstandard

from agent.quality import Quality
from agent.uplink.uplink import held_by
from agent.wire import About, Batch, decode_ack, decode_batch, decode_request, decode_schema, encode_schema
from agent.wire.sound import unsound
from tests.agent.wire import stranger

VECTORS = Path(__file__).parents[2] / "vectors" / "0.1.0"
BLOBS = sorted(VECTORS.glob("batch-*.bin"))


def plain(batch: Batch) -> dict[str, Any]:
    """A batch as its vector's JSON says it."""
    return {
        **{name: getattr(batch, name) for name in ("agent", "sequence", "unit")},
        **{
            name: value.hex() if (value := getattr(batch, name)) else None
            for name in ("epoch", "schema", "boot_id")
        },
        **{
            name: getattr(batch, name).tolist()
            for name in ("boottime_ns", "utc_ns", "clock", "raw", "quality")
        },
        "events": [dict(event) for event in batch.events],
    }


def expected(blob: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(blob.with_suffix(".json").read_text())
    return loaded


@pytest.mark.parametrize("blob", BLOBS, ids=lambda path: path.stem)
def test_vector_decodes_as_it_always_did(blob: Path) -> None:
    assert plain(decode_batch(blob.read_bytes())) == expected(blob)


@pytest.mark.parametrize("blob", BLOBS, ids=lambda path: path.stem)
def test_a_stranger_decodes_the_vector(blob: Path) -> None:
    assert stranger.decode(blob.read_bytes()) == expected(blob)


@pytest.mark.parametrize("blob", BLOBS, ids=lambda path: path.stem)
def test_a_vector_is_taken_unless_its_times_cannot_be(blob: Path) -> None:
    impossible = "boot time: negative, or it goes back" if blob.stem == "batch-times" else ""
    assert unsound(decode_batch(blob.read_bytes())) == impossible


@pytest.mark.parametrize("of_none", [b"", b"\0"], ids=["empty", "of no bytes each"])
def test_both_read_a_batch_of_events_however_it_writes_its_empty_lists(of_none: bytes) -> None:
    blob = VECTORS / "batch-events.bin"
    fields = msgpack.unpackb(zstandard.decompress(blob.read_bytes()))
    assert [fields[i] for i in (11, 13, 16, 17, 18)] == [b"\0", b"\0", b"\0", b"", b""]
    for element in (11, 13, 16, 17, 18):
        fields[element] = of_none
    written = zstandard.ZstdCompressor(write_checksum=True).compress(msgpack.packb(fields))
    assert plain(decode_batch(written, strict=True)) == stranger.decode(written) == expected(blob)


def test_the_vectors_cover_what_the_document_describes() -> None:
    every = [expected(blob) for blob in BLOBS]
    assert {q for batch in every for row in batch["quality"] for q in row} == set(Quality)
    assert {len(batch["raw"]) for batch in every} >= {0, 1, 2, 60}
    assert {-(2**63), 2**63 - 1} <= {value for batch in every for row in batch["raw"] for value in row}
    assert {event["kind"] for batch in every for event in batch["events"]} == {"alarm", "gap", "clock_offset"}
    assert {c for batch in every for c in batch["clock"]} >= {0, 1, 0x81}


def test_the_page_of_the_golden_files_names_each() -> None:
    page = (VECTORS.parent / "README.md").read_text("utf-8")
    assert all(f"`{blob.stem.removeprefix('batch-')}`" in page for blob in BLOBS)
    for row in re.findall(r"^\| `([\w.]+/[\w*.-]+)`", page, re.M):
        assert list(VECTORS.parent.glob(row)), row


def of_events(*events: dict[str, Any], **elements: object) -> bytes:
    """A batch that only carries these events, other elements by their position (f7 ...)."""
    fields = msgpack.unpackb(zstandard.decompress((VECTORS / "batch-events.bin").read_bytes()))
    fields[19] = msgpack.packb(list(events))
    for name, value in elements.items():
        fields[int(name[1:])] = value
    packed = msgpack.packb(fields)
    return zstandard.ZstdCompressor(write_checksum=True, write_content_size=True).compress(packed)


GAP, OFFSET = {"kind": "gap", "ranges": [[1, 3]]}, {"kind": "clock_offset", "boottime_ns": 1, "offset_ns": 2}
LOST = {"kind": "lost", "frames": 1, "first_boottime_ns": 1, "last_boottime_ns": 1}
EVENTS: dict[str, tuple[dict[str, Any], bool]] = {
    "a gap below its batch": (GAP, True),
    "a gap of another epoch, all of it": ({"kind": "gap", "epoch": b"o" * 16}, True),
    "a gap of nothing": ({"kind": "gap", "ranges": []}, False),
    "a gap of what is to come": ({"kind": "gap", "ranges": [[1, 8]]}, False),
    "a loss": (LOST, True),
    "a loss of nobody knows what": ({"kind": "lost"}, False),
    "an offset": (OFFSET, True),
    "an offset at no time": ({"kind": "clock_offset", "offset_ns": 2}, False),
    "an offset before 0": ({**OFFSET, "boottime_ns": -1}, False),
    "an alarm without a number": ({"kind": "alarm", "value": None, "state": "NEW", "shadow": True}, True),
    "an alarm with a text for one": ({"kind": "alarm", "value": "3"}, False),
    "an alarm of true": ({"kind": "alarm", "count": True}, False),
    "a change": ({"kind": "change", "what": "shelve", "uid": 0, "until_s": 5.0}, True),
    "a kind of later": ({"kind": "later", "ranges": 7}, True),
    "no kind": ({"kind": ""}, False),
}


@pytest.mark.parametrize(("event", "fits"), EVENTS.values(), ids=EVENTS)
def test_a_stranger_and_the_collector_take_the_same_events(event: dict[str, Any], fits: bool) -> None:
    blob = of_events(event)
    assert (not unsound(decode_batch(blob, strict=True))) is fits
    if fits:
        assert stranger.decode(blob)["events"] == [event]
    else:
        with pytest.raises(AssertionError):
            stranger.decode(blob)


def test_a_stranger_looks_at_all_elements_of_a_batch_that_only_carries_events() -> None:
    for element, value in {8: 1, 9: 5, 10: 5, 12: 5, 14: b"\1", 15: b"\0", 16: b"\1\1", 20: b"\0"}.items():
        blob = of_events(GAP, **{f"f{element}": value})
        with pytest.raises(AssertionError):
            stranger.decode(blob)


@pytest.mark.parametrize("path", sorted((VECTORS.parent / "wire").glob("*.bin")), ids=lambda path: path.stem)
def test_a_stranger_reads_requests_and_answers_of_both_shapes(path: Path) -> None:
    body = path.read_bytes()
    if path.stem.startswith("request"):
        ours, found = decode_request(body), stranger.request(body)
        assert (found["agent"], found["epoch"]) == (ours.agent, ours.epoch)
        assert [tuple(pair) for pair in found["batches"]] == ours.batches
        assert (found["schemas"], found["more"]) == (ours.schemas, path.stem != "request-5")
        assert [tuple(pair) for pair in found["withheld"]] == ours.withheld
        assert (About(**found["about"]) if found["about"] else None) == ours.about
    else:
        ack, said = decode_ack(body), stranger.answer(body)
        assert (said["epoch"], said["durable_through"]) == (ack.epoch, ack.durable_through)
        assert [tuple(pair) for pair in said["held"]] == list(held_by(ack))
        assert (said["wanted"], said["more"]) == (ack.need_schema, ack.more)
        assert [tuple(one) for one in said["refused_schemas"]] == ack.refused_schemas


def test_schema_vector_keeps_its_hash() -> None:
    description = json.loads((VECTORS / "schema.json").read_text())
    digest, found = decode_schema((VECTORS / "schema.bin").read_bytes())
    assert found == description
    assert (
        digest.hex() == (VECTORS / "schema.hash").read_text().strip() == encode_schema(description)[0].hex()
    )


def test_the_stranger_is_short_and_knows_nothing_of_ours() -> None:
    source = Path(stranger.__file__).read_text()
    assert len(source.splitlines()) <= 160
    imported = {
        a.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for a in node.names
    }
    assert imported == {"itertools", "msgpack", "zstandard"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(ast.parse(source)))


def make() -> dict[str, Batch]:
    """What the vectors hold."""
    rng = np.random.default_rng(20250926)

    def batch(name: int, raw: Any, quality: Any = None, **changes: Any) -> Batch:
        raw = np.array(raw, dtype=np.int64)
        n = len(raw)
        times = 86_400 * 10**9 + np.arange(n) * 10**9 + rng.integers(-(10**6), 10**6, n)
        fields = {
            "agent": "site-12-box-3",
            "epoch": bytes(range(16)),
            "sequence": name,
            "unit": "rack1/bmu1",
            "schema": bytes(range(16, 32)),
            "boot_id": bytes(range(32, 48)),
            "boottime_ns": times,
            "utc_ns": times + 1_790_000_000 * 10**9 + rng.integers(0, 300, n),
            "clock": np.ones(n, np.uint8),
            "raw": raw,
            "quality": np.zeros(raw.shape, np.uint8) if quality is None else quality,
        }
        return Batch(**{**fields, **changes})

    low, high = -(2**63), 2**63 - 1
    quiet = 3370 + rng.integers(-8, 9, 300) + rng.integers(-1, 2, (60, 300))
    lost = np.zeros((12, 9), np.uint8)
    lost[:, 3] = Quality.MISSING
    lost[2:5, 4:7] = Quality.NO_REPLY
    lost[::2, 8] = Quality.STALE
    lost[0, 0], lost[7, 1], lost[8:, 2] = Quality.REFUSED, Quality.OUT_OF_RANGE, Quality.FROZEN
    lost[9, 7] = Quality.MISMATCH
    gap = {"kind": "gap", "ranges": [[1, 3], [6, 6]], "reason": "the buffer was full"}
    alarm = {
        "kind": "alarm",
        "detector": "thermal-slope",
        "severity": "critical",
        "state": "NEW",
        "value": 3.4,
    }
    offset = {"kind": "clock_offset", "boottime_ns": 5_000_000_000, "offset_ns": 1_790_000_000_000_000_000}
    none, nothing = np.zeros(0, np.int64), np.zeros(0, np.uint8)
    return {
        "quiet": batch(1, quiet),
        "extremes": batch(2, [[low, high, 0], [high, low, -1], [low, low, 7], [0, high, -8], [high, 0, 8]]),
        "one-frame": batch(3, [[3300, 3301, 250, -40]], clock=np.array([0x81], np.uint8)),
        "two-frames": batch(4, [[3300, 3301], [3299, 65_535]], clock=np.array([0, 1], np.uint8)),
        "qualities": batch(5, rng.integers(3000, 3600, lost.shape), lost),
        "times": batch(
            6,
            [[1]] * 4,
            boottime_ns=np.array([low, high, 0, -1], np.int64),
            utc_ns=np.array([0, high, low, 1], np.int64),
        ),
        "events": batch(
            7,
            np.zeros((0, 0)),
            unit="",
            schema=None,
            boottime_ns=none,
            utc_ns=none,
            clock=nothing,
            events=(gap, alarm, offset),
        ),
    }


if __name__ == "__main__":
    from agent.wire import encode_batch

    for name, batch in make().items():
        path = VECTORS / f"batch-{name}.bin"
        if not path.exists():
            path.write_bytes(encode_batch(batch))
            path.with_suffix(".json").write_text(json.dumps(plain(decode_batch(encode_batch(batch)))) + "\n")
    if not (VECTORS / "schema.bin").exists():
        content = {
            "model": "acme-powerrack-lfp",
            "names": ["cell_voltage", "soc"],
            "scale": [0.001, 1],
            "unit": None,
        }
        digest, body = encode_schema(content)
        (VECTORS / "schema.bin").write_bytes(body)
        (VECTORS / "schema.json").write_text(json.dumps(content) + "\n")
        (VECTORS / "schema.hash").write_text(digest.hex() + "\n")
