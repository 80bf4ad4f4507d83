"""Open batches: how many values are in them is known without counting, whatever comes and goes."""

import random

import numpy as np

from agent.clock import Stamp
from agent.frame import Frame
from agent.store.open_batch import OpenBatch, OpenBatches


def frame(unit: int, n: int) -> Frame:
    raw, quality = np.zeros(n, np.int64), np.zeros(n, np.uint8)
    return Frame(f"unit-{unit}", f"rack-{unit % 2}", bytes([n]), Stamp(0, 0, True), raw, quality)


def test_values_are_those_of_the_batches_that_wait() -> None:
    dice, batches = random.Random(1), OpenBatches(4)
    inside = dropped = 0
    refused: list[OpenBatch] = []
    for _ in range(2000):
        match dice.randrange(20):
            case 0:
                refused += batches.take()
            case 1:
                taken = batches.take("rack-1")
                assert {batch.rack for batch in taken} <= {"rack-1"}
                refused += taken
            case 2:
                batches.put_back(refused)
                refused = []
            case 3:
                gone = batches.drop_oldest(30)
                inside -= sum(batch.values for batch in gone)
                dropped += len(gone)
            case _:
                new = frame(dice.randrange(5), dice.choice((0, 3, 10)))
                inside += new.raw.size
                batches.add(new)
        assert batches.values == inside - sum(batch.values for batch in refused)
    assert dropped
    batches.put_back(refused)
    assert sum(len(batch.frames) * batch.frames[0].raw.size for batch in batches.take()) == inside
    assert batches.values == batches.frames == 0
