"""A decoder written from docs/wire-format.md alone: Python, msgpack, zstandard, and nothing of ours."""

import msgpack
import zstandard

NOT_READ = (3, 4, 5, 7)
NAMES = """version agent epoch sequence unit schema boot_id n m boot_time step times utc_offset utc clock
quality quality_runs first large events small"""


def int64(number):
    return (number + 2**63) % 2**64 - 2**63


def unzigzag(code):
    return (code >> 1) ^ -(code & 1)


def narrow(coded, count):
    width, planes = coded[0], coded[1:]
    assert len(planes) == width * count
    return [sum(planes[plane * count + i] << 8 * plane for plane in range(width)) for i in range(count)]


def running(start, differences):
    values = [start]
    for difference in differences:
        values.append(int64(values[-1] + difference))
    return values


def decode(blob):
    f = dict(zip(NAMES.split(), msgpack.unpackb(zstandard.decompress(blob)), strict=True))
    assert f["version"] == 1
    n, m = f["n"], f["m"]
    batch = {name: f[name] for name in ("agent", "sequence", "unit")}
    batch |= {name: f[name] and f[name].hex() for name in ("epoch", "schema", "boot_id")}
    batch |= {"clock": list(f["clock"]), "events": msgpack.unpackb(f["events"])}
    batch |= {"boottime_ns": [], "utc_ns": [], "raw": [], "quality": []}
    if n == 0:
        for name in ("times", "utc", "quality_runs", "first", "large"):
            assert not narrow(f[name] or b"\0", 0)
        assert f["clock"] == f["quality"] == f["small"] == b""
        return batch
    steps = running(f["step"], map(unzigzag, narrow(f["times"], max(n - 2, 0))))[: n - 1]
    batch["boottime_ns"] = running(f["boot_time"], steps)
    offsets = running(f["utc_offset"], map(unzigzag, narrow(f["utc"], n - 1)))
    batch["utc_ns"] = [int64(t + o) for t, o in zip(batch["boottime_ns"], offsets, strict=True)]

    lengths = narrow(f["quality_runs"], len(f["quality"]))
    changes = [c for c, less in zip(f["quality"], lengths, strict=True) for _ in range(less + 1)]
    assert len(changes) == n * m
    quality = [changes[:m]]
    for i in range(1, n):
        quality.append([q ^ c for q, c in zip(quality[-1], changes[i * m : (i + 1) * m], strict=True)])
    batch["quality"] = quality

    nibbles = [half for byte in f["small"] for half in (byte & 15, byte >> 4)]
    per_value = n // 2 * 2
    codes = [nibbles[j * per_value : j * per_value + n - 1] for j in range(m)]
    large = iter(narrow(f["large"], sum(column.count(15) for column in codes)))
    first = running(0, map(unzigzag, narrow(f["first"], m)))[1:]
    columns = [
        running(start, (unzigzag(next(large) if code == 15 else code) for code in column))
        for start, column in zip(first, codes, strict=True)
    ]
    batch["raw"] = [[0 if quality[i][j] in NOT_READ else columns[j][i] for j in range(m)] for i in range(n)]
    return batch
