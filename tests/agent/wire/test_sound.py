"""What an agent seals is what a collector takes."""

import math
from pathlib import Path

import msgpack
import numpy as np
import pytest
import zstandard

from agent.wire import decode_batch, encode_batch
from agent.wire.sound import fitting, unsound
from tests.agent.wire.test_wire_batch import batch_of

VECTORS = Path(__file__).parents[2] / "vectors"


@pytest.mark.parametrize("blob", sorted(VECTORS.glob("**/batch-*.bin")), ids=lambda path: path.stem)
def test_golden_batches_keep_all_rules_of_the_page(blob: Path) -> None:
    decode_batch(blob.read_bytes(), strict=True)


def test_what_is_not_of_json_or_utf_8_is_made_to_fit() -> None:
    record = {
        "kind": "alarm",
        "value": math.nan,
        "limit": math.inf,
        "list": (1, -math.inf, [2**64]),
        "why": "a\ud800b",
        "map": {"deep": math.nan, "ok": 5},
        "raw": b"\xff",
        "shadow": True,
        "since_s": np.float64("nan"),
    }
    fits = fitting(record)
    assert fits == {
        "kind": "alarm",
        "value": None,
        "limit": None,
        "list": [1, None, [None]],
        "why": "a\\ud800b",
        "map": {"deep": None, "ok": 5},
        "raw": b"\xff",
        "shadow": True,
        "since_s": None,
    }
    batch = batch_of(np.zeros((0, 0), np.int64), unit="", schema=None, events=(fits,))
    assert unsound(decode_batch(encode_batch(batch), strict=True)) == ""


def test_a_strict_reader_refuses_what_no_encoder_writes() -> None:
    fields = msgpack.unpackb(zstandard.decompress(encode_batch(batch_of(np.arange(8).reshape(4, 2) * 50))))
    fields[20] = bytes([fields[20][0], fields[20][1] | 0x50, *fields[20][2:]])
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(msgpack.packb(fields))
    assert decode_batch(packed).raw.tolist() == (np.arange(8).reshape(4, 2) * 50).tolist()
    with pytest.raises(ValueError, match="a nibble left over is not 0"):
        decode_batch(packed, strict=True)
