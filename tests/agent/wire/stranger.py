"""A decoder written from docs/wire-format.md alone: Python, msgpack, zstandard, and nothing of ours."""

import itertools

import msgpack
import zstandard

NOT_READ = (3, 4, 5, 7)
NUMBER = (int, float, type(None))
ALARM = dict.fromkeys(["id", "detector", "state", "severity", "location", "quantity", "value_unit"], str)
ALARM |= dict.fromkeys(["text", "forecast", "evidence_for", "evidence_against", "config"], str)
ALARM |= dict.fromkeys(["value", "limit", "expected", "beyond_noise", "t_s", "since_s"], NUMBER)
ALARM |= {"sentence": str, "numbers": dict, "texts": dict, "ahead": dict}
ALARM |= {"count": int, "shadow": bool, "salvaged_epoch": bytes, "salvaged_sequence": int}
STAMP = {"boottime_ns": int, "utc_ns": int}
LOST = ("frames", "first_boottime_ns", "last_boottime_ns")
#: Of each kind of event: the type of each key, and the keys that must be there.
EVENTS = {
    "alarm": (STAMP | ALARM, ()),
    "gap": ({"ranges": list, "reason": str, "epoch": bytes}, ()),
    "lost": (dict.fromkeys(LOST, int) | {"reason": str}, LOST),
    "change": (STAMP | {"what": str, "who": str, "uid": int, "alarm": str, "why": str, "about": str}, ()),
    "clock_offset": ({"boot_id": bytes, "boottime_ns": int, "offset_ns": int}, ("boottime_ns", "offset_ns")),
}
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


def is_ranges(found, last=2**40):
    return all(len(pair) == 2 and 1 <= pair[0] <= pair[1] <= last for pair in found)


def events(packed, epoch, sequence):
    """The events of a batch, each key that the page names held to it."""
    found = msgpack.unpackb(packed)
    for event in found:
        assert event["kind"]
        assert all(type(key) is str for key in event)
        types, needed = EVENTS.get(event["kind"], ({}, ()))
        assert set(needed) <= set(event)
        for key, kind in types.items():
            value = event.get(key)
            assert key not in event or (isinstance(value, kind) and (kind is bool or value is not True)), key
            assert not key.endswith("_ns") or key == "offset_ns" or (value or 0) in range(2**63)
        if event["kind"] == "gap":
            own = event.get("epoch", epoch) == epoch
            assert event.get("ranges") or not own
            assert is_ranges(event.get("ranges", []), sequence - 1 if own else 2**40)
    return found


def growth(elements, count):
    """The map at the end of a request or an answer; None where it has the shape of 0.1.0."""
    assert elements[0] == 1
    assert len(elements) in (count, count + 1)
    if len(elements) == count:
        return None
    assert isinstance(elements[count], dict)
    assert all(type(key) is str for key in elements[count])
    return elements[count]


def request(body):
    """A request: its elements by name, batches and schemas as bytes."""
    elements = msgpack.unpackb(body, strict_map_key=False)
    more = growth(elements, 5)
    found = dict(zip(("agent", "epoch", "batches", "schemas"), elements[1:5], strict=True))
    assert found["agent"]
    assert len(found["epoch"]) == 16
    withheld = (more or {}).get("withheld", [])
    assert is_ranges(withheld)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(withheld))
    about = (more or {}).get("about", {})
    kinds = {"site": str, "version": str, "backlog": int, "clock_synchronised": bool}
    assert all(type(value) is kinds[key] for key, value in about.items() if key in kinds)
    assert about.get("backlog", 0) >= 0
    return found | {"more": more is not None, "withheld": withheld, "about": about}


def answer(body):
    """An answer of 200: its elements by name, and the ranges up to `durable_through` that are held."""
    elements = msgpack.unpackb(body, strict_map_key=False)
    more = growth(elements, 6)
    names = ("epoch", "durable_through", "missing", "wanted", "refused")
    found = dict(zip(names, elements[1:6], strict=True))
    assert len(found["epoch"]) == 16
    assert is_ranges(found["missing"])
    held, start = [], 1
    for first, last in [*found["missing"], [found["durable_through"] + 1] * 2]:
        held += [[start, first - 1]] if first > start else []
        start = last + 1
    refused = (more or {}).get("refused_schemas", [])
    assert all(len(digest) == 16 and reason and pause_s >= 0 for digest, reason, pause_s in refused)
    return found | {"held": held, "more": more is not None, "refused_schemas": refused}


def decode(blob):
    f = dict(zip(NAMES.split(), msgpack.unpackb(zstandard.decompress(blob)), strict=True))
    assert f["version"] == 1
    n, m = f["n"], f["m"]
    batch = {name: f[name] for name in ("agent", "sequence", "unit")}
    batch |= {name: f[name] and f[name].hex() for name in ("epoch", "schema", "boot_id")}
    batch |= {"clock": list(f["clock"]), "events": events(f["events"], f["epoch"], f["sequence"])}
    batch |= {"boottime_ns": [], "utc_ns": [], "raw": [], "quality": []}
    if n == 0:
        assert not any(f[name] for name in ("m", "boot_time", "step", "utc_offset"))
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
