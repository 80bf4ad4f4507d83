"""The bytes of what outlives a restart, against the plain way of writing them."""

import struct
from operator import attrgetter

import numpy as np
import pytest

from agent.detect.channels import channels_of
from agent.detect.keeping import (
    PARTS,
    layout_digest,
    one_version_each,
    pack,
    pack_arrays,
    unpack,
    unpack_arrays,
)
from agent.detect.kernels.arrays import Part
from agent.detect.kernels.banks import Banks
from agent.detect.kernels.slope import JUDGED_S
from agent.detect.kernels.validity import HELD_T, LAST_T
from agent.detect.settings import Settings
from agent.detect.unit_arrays import new_banks
from tests.agent.detect.kept import KEPT
from tests.agent.detect.racks import places


def plainly(*arrays: np.ndarray) -> bytes:
    """Each array column by column in single precision: first bytes of all its numbers, then second ones."""
    said = b""
    for array in arrays:
        rows = [np.ravel(row).tolist() for row in array]
        numbers = [struct.pack("<f", x) for column in zip(*rows, strict=True) for x in column]
        said += b"".join(bytes(number[k] for number in numbers) for k in range(4))
    return said


ARRAYS = [
    np.array([1.5, -2.25, np.inf]),
    np.arange(6.0).reshape(3, 2) / 7,
    np.arange(24, dtype=np.int64).reshape(2, 3, 4),
    np.array([7, 255], np.uint8),
    np.zeros((0, 5)),
]


def test_arrays_are_written_byte_beside_like_byte() -> None:
    packed = pack_arrays(ARRAYS)
    assert packed == plainly(*ARRAYS)
    others = [np.zeros_like(array) for array in ARRAYS]
    assert unpack_arrays([3, packed], 3, others)
    for array, other in zip(ARRAYS, others, strict=True):
        np.testing.assert_array_equal(other, array.astype(np.float32).astype(array.dtype))
    assert pack_arrays([np.array([1e300])]) == plainly(np.array([np.inf]))


@pytest.mark.parametrize(
    "part",
    [
        None,
        (3, pack_arrays(ARRAYS)),
        [3],
        [3, pack_arrays(ARRAYS), 0],
        [2, pack_arrays(ARRAYS)],
        ["3", pack_arrays(ARRAYS)],
        [3, pack_arrays(ARRAYS)[1:]],
        [3, pack_arrays(ARRAYS) + b"1"],
        [3, pack_arrays(ARRAYS).hex()],
    ],
)
def test_what_is_no_part_of_this_version_changes_nothing(part: object) -> None:
    others = [np.full_like(array, 5) for array in ARRAYS]
    assert not unpack_arrays(part, 3, others)
    assert all((other == 5).all() for other in others)


def test_a_layout_is_told_from_others_by_place_quantity_and_register_step() -> None:
    steps = np.array([0.1, 0.2])
    digests = {
        layout_digest(["a", "b"], ["x", "y"], steps),
        layout_digest(["a", "c"], ["x", "y"], steps),
        layout_digest(["a", "b"], ["x", "z"], steps),
        layout_digest(["a", "b"], ["x", "y"], 2 * steps),
    }
    assert len(digests) == 4
    assert {len(digest) for digest in digests} == {16}
    assert layout_digest(("a", "b"), ("x", "y"), steps) in digests


#: What a restart keeps, and its version: a restart takes nothing up whose version is another.
VERSIONS = {part.name: part.version for part in KEPT}


def banks_of(seed: int) -> Banks:
    """Return the arrays of a unit, full of numbers."""
    rng = np.random.default_rng(seed)
    where, quantities, steps = places(5, 4)
    channels = channels_of([*where, "string1"], [*quantities, "current"], np.append(steps, 0.1))
    banks = new_banks(channels, Settings().unit_limits(channels.quantities))
    for paths in PARTS.values():
        for path in paths:
            array = attrgetter(path)(banks)
            array[...] = rng.integers(1, 100, array.shape)
    return banks


def test_all_parts_are_put_back_as_they_were() -> None:
    banks, others = banks_of(1), banks_of(2)
    parts = pack(banks, 64.0)
    assert {name: version for name, (version, _) in parts.items()} == VERSIONS
    assert unpack(others, parts, 64.0) == []
    for (name, _), paths in PARTS.items():
        for path in paths:
            array, other = attrgetter(path)(banks).copy(), attrgetter(path)(others).copy()
            if path in ("scales", "group_scales"):
                assert np.isinf(other[:, JUDGED_S]).all(), "fits are made with the first frame"
                array[:, JUDGED_S] = np.inf
            np.testing.assert_array_equal(other, array, err_msg=f"{name}: {path}")


def test_times_are_kept_as_ages() -> None:
    banks, others = banks_of(1), banks_of(2)
    memory = banks.gate.memory
    memory[:, [LAST_T, HELD_T]] += 1e9
    before = memory.copy()
    assert unpack(others, pack(banks, 1e9), 5000.0) == []
    np.testing.assert_array_equal(memory, before)
    before[:, [LAST_T, HELD_T]] += 5000.0 - 1e9
    np.testing.assert_array_equal(others.gate.memory, before)


def test_a_part_of_two_versions_is_refused() -> None:
    parts = {Part("cells", 1): ["a"], Part("load", 1): ["b"]}
    assert one_version_each(parts) == parts
    with pytest.raises(ValueError, match="a: kept as part cells of version 1, and others as another version"):
        one_version_each({**parts, Part("cells", 2): ["c"]})


@pytest.mark.parametrize("name", VERSIONS)
def test_a_part_that_does_not_fit_is_dropped_alone(name: str) -> None:
    parts, others = pack(banks_of(1), 0.0), banks_of(2)
    was = {path: attrgetter(path)(others).copy() for path in PARTS[Part(name, VERSIONS[name])]}
    parts[name][0] += 1
    assert unpack(others, parts, 0.0) == [name]
    for path, array in was.items():
        if path not in ("scales", "group_scales"):
            np.testing.assert_array_equal(attrgetter(path)(others), array)
    del parts[name]
    assert unpack(others, parts, 0.0) == [name]
