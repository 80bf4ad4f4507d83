"""What is asked before polling: identity, counts, scale factors; and what happens when answers are bad."""

import pytest

from agent.quality import Quality
from drivers.connect import ConnectError, IdentityMismatch, NoAnswer, connect
from drivers.identity import text_of
from drivers.profile.load import parse_profile
from drivers.registers import Area, Read, Reply
from tests.drivers.units import Frame, Unit, block, converse, text

RACK = """
schema = 1
model = "rack"
topology = { modules = 4, cells = 2 }
[[point]]
name = "product"
address = 100
type = "ascii"
registers = 4
expect_match = "^RACK"
[[point]]
name = "firmware"
address = 104
type = "ascii"
registers = 4
expect_range = ["1.2", "1.10"]
[[point]]
name = "modules_fitted"
address = 110
[[point]]
name = "current_exponent"
address = 111
type = "i16"
missing = 0x8000
[[point]]
name = "current"
address = 0
type = "i16"
scale_factor = "current_exponent"
unit = "A"
[[group]]
name = "module"
level = "module"
count = "modules_fitted"
stride = 10
[[point]]
name = "cell_voltage"
group = "module"
address = 10
count = 2
scale = 0.001
unit = "V"
"""


def rack(product="RACK-7", firmware="v1.9.4", modules=2, exponent=-1):
    return Unit(
        block(0, [0xFF38], 10)
        | block(10, [3301, 3302], 10)
        | block(20, [3303, 3304], 10)
        | block(30, [3305, 3306], 10)
        | block(40, [3307, 3308], 10)
        | block(100, [*text(product, 4), *text(firmware, 4)])
        | block(110, [modules, exponent])
    )


def test_counts_and_scale_factors_of_the_unit_shape_the_layout():
    unit = rack()
    layout = converse(connect(parse_profile(RACK)), unit)
    frame = Frame(layout, unit)
    assert layout.places[1:] == ("module1/cell1", "module1/cell2", "module2/cell1", "module2/cell2")
    assert frame["current"] == -20.0
    assert frame["cell_voltage", "module2/cell2"] == 3.304
    assert layout.identity == {
        "product": "RACK-7",
        "firmware": "v1.9.4",
        "modules_fitted": 2,
        "current_exponent": -1,
    }
    assert layout.notes == ()


def test_units_that_said_the_same_share_their_values_and_no_others():
    one, alike, fewer = (
        converse(connect(parse_profile(RACK)), unit) for unit in (rack(), rack(), rack(modules=1))
    )
    assert one.values is alike.values
    assert len(fewer.values) == len(one.values) - 2


def test_a_scale_factor_or_count_that_moves_asks_for_a_new_connection():
    unit = rack()
    layout = converse(connect(parse_profile(RACK)), unit)
    assert layout.changed_guards(Frame(layout, unit).image) == []
    unit.tables[Area.HOLDING, 0][111] = 0xFFFE
    assert layout.changed_guards(Frame(layout, unit).image) == [
        "current_exponent was -1 at connect and is -2"
    ]
    silent = Frame(layout, unit).image
    silent.begin_cycle()
    assert layout.changed_guards(silent) == []  # not read is not changed


def test_more_modules_than_the_topology_are_named_and_the_known_ones_polled():
    layout = converse(connect(parse_profile(RACK)), rack(modules=9))
    assert layout.notes == (
        "modules_fitted: the unit reports 9, the profile allows 4; the first 4 are polled",
    )
    assert layout.places[-1] == "module4/cell2"


def test_a_count_of_0_is_known_as_one():
    layout = converse(connect(parse_profile(RACK)), rack(modules=0))
    assert layout.empty == ("modules_fitted",)
    assert layout.notes == ("modules_fitted: the unit reports 0; none is polled",)
    assert converse(connect(parse_profile(RACK)), rack()).empty == ()


def test_a_scale_factor_that_is_not_there_leaves_its_value_out_and_says_so():
    layout = converse(connect(parse_profile(RACK)), rack(exponent=0x8000))
    assert "current" not in layout.names
    assert any("current: its scale factor current_exponent is not available" in n for n in layout.notes)


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        (rack(product="TRAY-7"), r"product is 'TRAY-7', expected a match of /\^RACK/"),
        (rack(firmware="V1.1"), r"firmware is 'V1\.1', expected 1\.2 to 1\.10"),
        (rack(firmware="V1.11"), "firmware is 'V1.11'"),
        (Unit(block(110, [2, 0])), "product is refused"),
    ],
)
def test_another_unit_than_the_profile_describes_is_named(unit, said):
    with pytest.raises(IdentityMismatch, match=said):
        converse(connect(parse_profile(RACK)), unit)


def test_a_version_is_compared_as_it_is_printed_and_not_as_floats_come_out():
    text = 'schema = 1\nmodel = "x"\n[[point]]\nname = "firmware"\naddress = 0\nscale = 0.01\n'
    text += "expect_range = [2.0, 2.03]\n[[point]]\nname = 'soc'\naddress = 1\n"
    layout = converse(connect(parse_profile(text)), Unit({0: 203, 1: 50}))
    assert layout.identity == {"firmware": 2.03}  # 203 * 0.01 is 2.0300000000000002
    with pytest.raises(IdentityMismatch, match=r"firmware is 3\.0, expected 2\.0 to 2\.03"):
        converse(connect(parse_profile(text)), Unit({0: 300, 1: 50}))


def test_both_mismatches_are_told():
    with pytest.raises(IdentityMismatch, match=r"product.*firmware.*choose the right profile"):
        converse(connect(parse_profile(RACK)), rack(product="X", firmware="9"))


def test_a_silent_unit_is_no_answer():
    conversation = connect(parse_profile(RACK))
    next(conversation)
    with pytest.raises(NoAnswer, match="check power, wiring, unit id"):
        conversation.send(Reply([], Quality.NO_REPLY))


def test_a_refused_merged_read_at_connect_is_taken_apart_and_remembered():
    unit = rack()
    unit.refuse = lambda read: read.address <= 108 <= read.address + read.count - 1
    layout = converse(connect(parse_profile(RACK)), unit)
    assert layout.identity["modules_fitted"] == 2
    again = rack()
    again.refuse = unit.refuse
    converse(connect(parse_profile(RACK), cuts=layout.plan.cuts), again)
    assert not any(again.refuse(read) for read in again.asked)


def test_a_layout_splits_a_refused_read_and_keeps_its_frame():
    unit = rack()
    layout = converse(connect(parse_profile(RACK)), unit)
    parted, said = layout.split(0)
    assert "was refused as one read" in said
    assert len(parted.plan.reads) > len(layout.plan.reads)
    assert Frame(parted, unit).si.tolist() == Frame(layout, unit).si.tolist()


def test_an_image_starts_stale_and_takes_only_whole_replies():
    unit = rack()
    layout = converse(connect(parse_profile(RACK)), unit)
    frame = Frame(layout, unit)
    frame.image.begin_cycle()
    layout.decode(frame.image, frame.raw, frame.quality)
    assert set(frame.quality.tolist()) == {Quality.STALE}
    assert not frame.raw.any()
    frame.image.store(0, Reply([], Quality.REFUSED, 2))
    layout.decode(frame.image, frame.raw, frame.quality)
    assert frame.quality_of("current") == Quality.REFUSED
    with pytest.raises(ValueError, match="words asked, 1 given"):
        frame.image.store(0, Reply([1]))


def test_one_battery_behind_several_unit_ids_is_asked_at_each():
    profile = parse_profile(
        """
        schema = 1
        model = "spread"
        [[group]]
        name = "module"
        level = "module"
        count = 3
        unit_stride = 1
        [[point]]
        name = "cell_voltage"
        group = "module"
        address = 0
        count = 2
        """
    )
    layout = converse(connect(profile), Unit())
    assert layout.plan.reads == tuple(Read(Area.HOLDING, 0, 2, unit) for unit in range(3))
    assert layout.places[-1] == "module3/cell2"


def test_the_schema_is_plain_and_tells_a_reader_everything():
    layout = converse(connect(parse_profile(RACK)), rack())
    schema = layout.describe()
    assert schema["name"] == ["current"] + ["cell_voltage"] * 4
    assert schema["scale"] == [0.1, 0.001, 0.001, 0.001, 0.001]
    assert schema["identity"]["firmware"] == "v1.9.4"
    other = converse(connect(parse_profile(RACK)), rack(exponent=-2)).describe()
    assert other != schema  # a changed scale factor is a new schema

    def plain(part):
        if isinstance(part, dict):
            return all(isinstance(k, str) and plain(v) for k, v in part.items())
        if isinstance(part, list | tuple):
            return all(map(plain, part))
        return type(part) in (str, int, float, bytes, bool, type(None))

    assert plain(schema)


def test_an_unreadable_profile_never_becomes_a_layout():
    profile = parse_profile(RACK).model_copy(update={"max_registers_per_read": 3})
    with pytest.raises(ConnectError, match="needs 4 addresses in one read, the unit allows 3; correct rack"):
        converse(connect(profile), rack())


def test_a_serial_commands_no_terminal_and_forges_no_line_of_a_log() -> None:
    words = [int.from_bytes(pair) for pair in (b"\x1b[", b"31", b"m\n", b"\xff ", b"ok", b"\0\0")]
    assert text_of(words) == r"\x1b[31m\x0a\xff ok"
