"""Masks: always the same, of the same form, and nothing else is changed."""

from drivers.masking import mask, masked_number, masked_text
from drivers.registers import Area

SAID = [int.from_bytes(b"SN-12ab9 \0\0\0"[i : i + 2], "big") for i in range(0, 12, 2)]


def test_a_mask_keeps_the_form_and_depends_on_nothing_but_the_text() -> None:
    new = masked_text(SAID)
    assert new == masked_text(SAID)
    assert new != SAID
    text = b"".join(word.to_bytes(2, "big") for word in new)
    assert (text[2:3], text[8:]) == (b"-", b" \0\0\0")
    assert text[3:5].isdigit()
    assert text[5:7].islower()
    assert masked_text([*SAID, 0, 0])[: len(SAID)] == new  # however many registers a profile gives it


def test_numbers_are_masked_as_decimal_digits_and_nothing_stays_nothing() -> None:
    assert masked_number([0, 0xFFFF]) == [0, 0xFFFF]
    (new,) = masked_number([0x1234])
    assert f"{new:04X}".isdecimal()
    assert masked_number([0x1234]) == [new]


def test_of_unknown_registers_only_what_looks_like_a_serial_number_is_masked() -> None:
    blocks = {(1, Area.HOLDING, a): 0x3430 + a for a in range(8)}  # 13.36 V in mV: characters, too
    serial = dict(zip(((1, Area.HOLDING, 50 + i) for i in range(5)), [0x4832, 0x3230, 0x3435, 0x3637, 0x3839],
                      strict=True))  # fmt: skip
    said = blocks | serial
    assert set(mask(said, (), ())) == set(serial)
    assert {key: said[key] for key in blocks} == blocks
    known = blocks | serial
    assert mask(known, (), known) == []
