"""SunSpec units, sound and unsound: found, walked, scaled by their own factors."""

import pytest

from agent.quality import Quality
from drivers.connect import ChainError, IdentityMismatch, NoAnswer, connect
from drivers.profile.load import load_profile, parse_profile
from drivers.registers import Area, Reply
from drivers.sunspec.image import Sketch, compose
from drivers.sunspec.models import definition
from tests.drivers.units import Frame, Unit, block, converse, text

PROFILE = load_profile("sunspec-lithium-ion")

# Model 805 word by word, from the offsets of the published table (points in 44 registers, then 4 per cell).
MODULE_805 = [
    805, 50,  # ID, L = 42 + 2 cells x 4
    1, 3, 2,  # string 1, module 3, 2 cells
    *[0xFFFF] * 3, *[0xFFFF] * 2,  # SoC, DoD, SoH, NCyc not implemented
    532,  # V, 53.2 V
    *[0xFFFF] * 5, *[0x8000, 0xFFFF] * 2, 0x8000, 0xFFFF,  # statistics not implemented
    *text("M-0003", 16),
    0x8000, 0x8000, 0x8000, 0xFFFF, 0xFFFD, 0xFFFF,  # SoC, SoH, DoD none; V -1, CellV -3, Tmp -1
    3301, 251, 0, 0,  # cell 1: 3.301 V, 25.1 degC
    3298, 0xFFF6, 0, 1,  # cell 2: 3.298 V, -1.0 degC, balancing
]  # fmt: skip
COMMON = [
    1,
    66,
    *text("ACME", 16),
    *text("Rack 9", 16),
    *[0] * 8,
    *text("1.4", 8),
    *text("S1", 16),
    1,
    0x8000,
]
HEAD, END = [0x5375, 0x6E53], [0xFFFF, 0]
BATTERY = Sketch(802, points={"A": -123, "A_SF": -1, "V": 7684, "V_SF": -1, "Hb": 5, "Evt1": 0b10})


def unit(words, base=40000):
    return Unit(block(base, words))


def connected(words, base=40000):
    device = unit(words, base)
    return converse(connect(PROFILE), device), device


def test_published_definitions_have_the_sizes_of_the_published_tables():
    sizes = {m: (definition(m).size, definition(m).group_size) for m in (1, 802, 803, 804, 805)}
    assert sizes == {1: (68, 0), 802: (64, 0), 803: (28, 32), 804: (48, 16), 805: (44, 4)}


@pytest.mark.parametrize("base", [0, 40000, 50000])
def test_a_module_reads_as_its_registers_say(base):
    layout, device = connected([*HEAD, *COMMON, *MODULE_805, *END], base)
    frame = Frame(layout, device)
    assert layout.notes == (
        f"soc string1/module3: SoC_SF of model 805 at {base + 70} is not implemented; not read",
        f"soh string1/module3: SoH_SF of model 805 at {base + 70} is not implemented; not read",
    )
    assert frame["cell_voltage", "string1/module3/cell1"] == 3.301
    assert frame["cell_voltage", "string1/module3/cell2"] == 3.298
    assert frame["cell_temperature", "string1/module3/cell1"] == 25.1
    assert frame["cell_temperature", "string1/module3/cell2"] == -1.0
    assert frame["module_voltage", "string1/module3"] == 53.2
    assert layout.identity["manufacturer"] == "ACME"
    assert layout.identity["version"] == "1.4"
    assert layout.identity["module_serial string1/module3"] == "M-0003"


def test_a_bank_tells_current_heartbeat_and_its_own_alarms():
    layout, device = connected(compose([Sketch(1), BATTERY]))
    frame = Frame(layout, device)
    assert frame["current"] == -12.3
    assert frame["voltage"] == 768.4
    assert frame.alarms() == {("events", "over temp alarm")}
    assert layout.changes_within_s[frame.index("heartbeat")] == 30
    assert frame.quality_of("soc") == Quality.MISSING  # not implemented is not zero


def test_strings_and_modules_repeat_as_often_as_the_unit_counts():
    layout, _ = connected(
        compose(
            [
                Sketch(1),
                Sketch(803, 2),
                Sketch(804, 3, {"Idx": 2}),
                Sketch(805, 2, {"StrIdx": 2, "ModIdx": 3}),
            ]
        )
    )
    places = set(layout.places)
    assert {"string1", "string2", "string2/module1", "string2/module3", "string2/module3/cell2"} <= places
    assert "string3" not in places
    # string 2 is told by 803 and by 804: once is enough
    assert list(zip(layout.names, layout.places, strict=True)).count(("soc", "string2")) == 1


def test_a_module_longer_than_a_read_is_read_in_parts():
    layout, device = connected(compose([Sketch(1), Sketch(805, 40, {"StrIdx": 1, "ModIdx": 1})]))
    assert sum(q == "cell_voltage" for q in layout.quantities) == 40
    assert all(read.count <= 125 for read in device.asked)
    assert all(read.count <= 125 for read in layout.plan.reads)


def test_a_changed_scale_factor_is_noticed():
    layout, device = connected([*HEAD, *COMMON, *MODULE_805, *END])
    assert layout.changed_guards(Frame(layout, device).image) == []
    device.tables[Area.HOLDING, 0][40070 + 42] = 0xFFFE
    assert layout.changed_guards(Frame(layout, device).image) == [
        "CellV_SF of model 805 at 40070 was -3 at connect and is -2"
    ]


def test_a_chain_that_is_cut_gives_what_stands_before_the_cut():
    layout, _ = connected(compose([Sketch(1), BATTERY])[:-2])
    assert "current" in layout.names
    assert any(
        n.startswith("the chain of models is cut at 40134; nothing after model 802") for n in layout.notes
    )


def test_a_chain_that_comes_back_to_its_beginning_ends_there():
    words = compose([Sketch(1, points={"SN": "7"}), BATTERY])
    round_trip = words[:-2] + words[2:-2] * 3 + words[-2:]
    layout, device = connected(round_trip)
    assert any("comes back to its beginning at 40134" in n for n in layout.notes)
    assert layout.names.count("current") == 1
    assert max(read.address for read in device.asked) < 40134 + 68 + 2


@pytest.mark.parametrize(("declared", "what"), [(64, "too long"), (60, "too short")])
def test_a_wrong_length_is_seen_by_where_the_next_model_stands(declared, what):
    words = compose([Sketch(1), BATTERY, Sketch(805, 2, {"StrIdx": 1, "ModIdx": 1})])
    words[2 + 68 + 1] = declared
    layout, _ = connected(words)
    assert "cell_voltage" in layout.names, what
    assert layout.notes[0] == (
        f"model 802 at 40070 declares a length of {declared}, its content has 62; "
        "the next model stands after 62"
    )


def test_more_strings_counted_than_the_model_has_room_for_are_not_invented():
    words = compose([Sketch(1), Sketch(803, 2)])
    words[2 + 68 + 2] = 5  # NStr
    layout, _ = connected(words)
    assert {p for p in layout.places if p} == {"string1", "string2"}
    assert any("has room for 2, its NStr says 5; 2 read" in n for n in layout.notes)


@pytest.mark.parametrize("room", [2, 0])
def test_a_count_of_0_is_known_as_one_whatever_there_is_room_for(room):
    words = compose([Sketch(1), BATTERY, Sketch(803, room)])
    at = next(i for i in range(70, len(words)) if words[i] == 803)
    words[at + 2] = 0  # NStr
    layout, _ = connected(words)
    assert [name.partition(" at ")[0] for name in layout.empty] == ["model 803"]
    assert any(f"has room for {room}, its NStr says 0; 0 read" in n for n in layout.notes)


def test_models_without_a_definition_are_stepped_over():
    words = compose([Sketch(1), BATTERY])
    foreign = [64123, 5, 1, 2, 3, 4, 5]
    layout, _ = connected([*words[:70], *foreign, *words[70:]])
    assert "current" in layout.names
    assert layout.notes == ()


def test_who_is_no_sunspec_battery_is_told_apart():
    with pytest.raises(ChainError, match='no "SunS" at 40000, 0, 50000'):
        connected([1, 2, 3], 40000)
    with pytest.raises(ChainError, match="its models are 1, 103"):
        connected([*HEAD, *COMMON, 103, 2, 0, 0, *END])
    silent = Unit()
    silent.reply = lambda read: Reply([], Quality.NO_REPLY)
    with pytest.raises(NoAnswer, match="no sound answer"):
        converse(connect(PROFILE), silent)


def test_a_profile_may_want_a_certain_maker():
    picky = parse_profile(
        'extends = "sunspec-lithium-ion"\nmodel = "other"\n'
        '[sunspec.models.1.points]\nMn = { name = "manufacturer", expect = "Other" }\n'
    )
    with pytest.raises(IdentityMismatch, match="manufacturer is 'ACME', expected 'Other'"):
        converse(connect(picky), unit([*HEAD, *COMMON, *MODULE_805, *END]))


@pytest.mark.parametrize("seed", range(30))
def test_no_registers_whatever_break_the_walk(seed):
    import random

    chance = random.Random(seed)
    words = compose([Sketch(1), BATTERY, Sketch(803, 2), Sketch(805, 3, {"StrIdx": 1, "ModIdx": 1})])
    for _ in range(chance.randrange(1, 12)):
        words[chance.randrange(2, len(words))] = chance.choice(
            [0, 1, 802, 805, 0xFFFF, 0x8000, chance.randrange(65536)]
        )
    try:
        layout, device = connected(words[: chance.randrange(80, len(words))])
    except ChainError:
        return
    frame = Frame(layout, device)
    assert layout.n == len(set(zip(layout.names, layout.places, strict=True)))
    assert frame.quality.size == layout.n
