"""Decoding: how many register values a second become raw values with a quality, against a plain loop."""

import time
from collections.abc import Callable

import numpy as np

from agent.bench.rack_300 import profile_text
from agent.quality import Quality
from drivers.connect import assume
from drivers.layout import Image, Layout
from drivers.profile.load import parse_profile
from drivers.registers import Reply
from drivers.values import Value

SECONDS = 1.0


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures of `cellwarden bench decode`."""
    layout = assume(parse_profile(profile_text()))
    image = _filled(layout)
    raw, quality = np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8)
    layout.decode(image, raw, quality)  # compiles, or loads what was compiled before
    slots = [layout.plan.slot(value.span) for value in layout.values]

    def naive() -> list[tuple[int, int]]:
        return [_naive(value, slot, image) for value, slot in zip(layout.values, slots, strict=True)]

    assert naive() == list(zip(raw.tolist(), quality.tolist(), strict=True))
    fast = _rate(lambda: layout.decode(image, raw, quality)) * layout.n
    slow = _rate(naive) * layout.n
    return [
        ("decode_values_per_s", fast, "values/s"),
        ("decode_ratio_to_naive", fast / slow, "ratio"),
        ("naive_values_per_s", slow, "values/s"),
    ]


def _filled(layout: Layout) -> Image:
    rng = np.random.default_rng(1)
    image = layout.image()
    for index, read in enumerate(layout.plan.reads):
        low, high = (3200, 3400) if read.address < 2000 else (200, 300)
        image.store(index, Reply(rng.integers(low, high, read.count).astype(np.uint16)))
    return image


def _naive(value: Value, slot: int, image: Image) -> tuple[int, int]:
    """Decode one 16-bit value the plain way."""
    if image.word_quality[slot] != Quality.GOOD:
        return 0, int(image.word_quality[slot])
    number = int(image.words[slot])
    if value.coding.signed and number >= 0x8000:
        number -= 0x10000
    if number in value.missing:
        return number, Quality.MISSING
    si = (number + value.raw_offset) * value.scale + value.offset
    if value.valid and not value.valid[0] <= si <= value.valid[1]:
        return number, Quality.OUT_OF_RANGE
    return number, Quality.GOOD


def _rate(call: Callable[[], object]) -> float:
    """Return calls per second, the best of five fifths of SECONDS."""
    best = 0.0
    for _ in range(5):
        calls, start = 0, time.perf_counter()
        while (took := time.perf_counter() - start) < SECONDS / 5:
            for _ in range(10):
                call()
            calls += 10
        best = max(best, calls / took)
    return best
