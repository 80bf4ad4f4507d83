"""What is odd about values, word for word, and where it begins to be: without a file and without a judge."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from agent.detect.settings import Settings
from agent.replay.mapping import QUANTITY, MapError, RecordingMap
from agent.replay.parts import JudgedChannel
from agent.replay.plausible import odd
from agent.replay.recording import RecordedPart

N = 60
NAN = float("nan")
Values = Mapping[str, Sequence[float] | float]  # "temperature T1" -> its values, or the one that it holds


def part(values: Values, group: str = "", step: float = 0.001) -> RecordedPart:
    """Return a group of which each column is called after its key of the map, and is held there."""
    n = max((len(v) for v in values.values() if not isinstance(v, float)), default=N)
    keys, columns = zip(*(name.split() for name in values), strict=True)
    channels = tuple(JudgedChannel(c, QUANTITY[k], step) for k, c in zip(keys, columns, strict=True))
    held = np.array([np.full(n, v) if isinstance(v, float) else v for v in values.values()], float).T
    t_s = np.arange(float(n))
    return RecordedPart(group, channels, t_s, held, t_s, 1.0, Settings())


def mapped(*parts: RecordedPart, **given: object) -> RecordingMap:
    """Return the map that names the columns of parts as they are; `given`: more of a key's table."""
    by_key: dict[str, dict[str, object]] = {}
    keys = {quantity: key for key, quantity in QUANTITY.items()}
    for channel in (channel for one in parts for channel in one.channels):
        table = by_key.setdefault(keys[channel.quantity], {"columns": []})
        columns = table["columns"]
        assert isinstance(columns, list)
        columns += [] if channel.place in columns else [channel.place]
    for key, more in given.items():
        assert isinstance(more, dict)
        by_key[key] |= more
    return RecordingMap.model_validate({"time": "t", **by_key})


def said(values: Values, **given: object) -> list[str]:
    """Return what is noted of one group, or the lines by which it is refused, "refused" first."""
    one = part(values)
    try:
        return odd([one], mapped(one, **given))
    except MapError as error:
        return ["refused", *str(error).splitlines()]


LAST = "nothing is left that could be judged: mend the map and try again"
WARM = {"temperature T1": 25.0}


FORGOTTEN = [
    ({"voltage V1": 3300.0, "voltage V2": 3301.0}, 'unit = "mV" (then 3.301 V) forgotten?'),
    ({"voltage V1": 12.6}, "blocks of several cells? Name them block_voltage"),
    ({"voltage V1": 19.9, "voltage V2": 5.6}, "blocks of several cells? Name them block_voltage"),
    ({"voltage V1": 20.0}, "scale = 0.1 (then 2 V) forgotten?"),
    ({"voltage V1": 12.0, "voltage V2": 20.0}, "scale = 0.1 (then 1.6 V) forgotten?"),
    ({"voltage V1": 66.0}, "is it the right column for voltage?"),
    ({"voltage V1": 21.0}, "scale = 0.1 (then 2.1 V) forgotten?"),
    ({"voltage V1": -3.3}, "scale = -1 (then 3.3 V) forgotten?"),
    (
        {"voltage V1": -4.6},
        "scale = -1 (then 4.6 V) forgotten?",
    ),  # the highest and the lowest that are ordinary
    ({"voltage V1": -0.9}, "scale = -1 (then 0.9 V) forgotten?"),
    ({"temperature T1": 298.15}, 'unit = "K" (then 25 degC) or scale = 0.1 (then 29.81 degC) forgotten?'),
    ({"block_voltage B1": 20500.0}, 'unit = "mV" (then 20.5 V) or scale = 0.0001 (then 2.05 V) forgotten?'),
    ({"block_voltage B1": 13400.0}, 'unit = "mV" (then 13.4 V) or scale = 0.0001 (then 1.34 V) forgotten?'),
]


@pytest.mark.parametrize(("values", "proposal"), FORGOTTEN)
def test_impossible_values_alone_are_refused_with_what_would_fit(values: Values, proposal: str) -> None:
    refusal, note, last = said(values)
    assert (refusal, note.split(" on the median): ")[1], last) == ("refused", proposal, LAST)


def test_a_refusal_names_the_columns_what_they_may_be_and_what_they_are() -> None:
    assert said({"voltage V1": 3300.0, "voltage V2": 3301.0})[1].startswith(
        "all 2 columns of voltage are outside 0 to 5.5 V and cannot be judged (3,300.5 V on the median): "
    )
    assert said({"temperature T1": 298.15})[1].startswith(
        "column T1 of temperature is outside -40 to 200 degC and cannot be judged (298.15 degC on the median)"
    )
    assert said({"block_voltage B1": -1.0})[1].startswith("column B1 of block_voltage is outside 0 to 1000 V")


def test_what_a_map_says_already_is_reckoned_with() -> None:
    assert said({"voltage V1": 3300.0}, voltage={"unit": "V", "scale": 10.0})[1].endswith(
        ': unit = "mV" (then 3.3 V) forgotten?'
    )
    assert said({"temperature T1": 400.0}, temperature={"offset": -40.0})[1].endswith(
        ": scale = 0.1 (then 4 degC) forgotten?"  # and no second offset
    )


ODD = [
    ({"soc S": 0.8}, 'column S of soc, 0.8 % on the median: unit = "1" (then 80 %) or scale = 10 (then 8 %)'),
    ({"current I": 3001.0}, "column I of current, up to 3,001 A: scale = 0.0001 (then 0.3001 A) or unit ="),
    ({"current I": -9000.0}, "column I of current, up to 9,000 A: scale = 0.0001 (then -0.9 A) or unit ="),
    ({"pack_voltage U": 4.9}, "column U of pack_voltage, 4.9 V on the median: scale = 100 (then 490 V) or"),
    (
        {"pack_voltage U": 52e3},
        "column U of pack_voltage, 5.2e+04 V on the median: scale = 0.01 (then 520 V)",
    ),
    (
        {"ambient A": 51.0},
        "column A of ambient, 51 degC on the median: offset = -40 (then 11 degC) or unit =",
    ),
    (
        {"ambient A": 86.0},
        "column A of ambient is outside -40 to 85 degC and cannot be judged (86 degC on the",
    ),
    ({"voltage V1": 4.65}, "column V1 of voltage, 4.65 V on the median: is it the right column for voltage?"),
    ({"voltage V1": 0.89}, "column V1 of voltage, 0.89 V on the median: is it the right column for voltage?"),
    ({"voltage V1": 0.0033}, 'column V1 of voltage, 0.0033 V on the median: unit = "kV" (then 3.3 V)'),
    ({"block_voltage B1": 0.9}, "column B1 of block_voltage, 0.9 V on the median: scale = 10 (then 9 V) or"),
    (
        {"voltage V1": [3.3] * 30 + [9.0] * 30},
        "column V1 of voltage, 6.15 V on the median: blocks of several",
    ),
    (
        {"voltage V1": [3.3] * 29 + [9.0] * 31},
        "column V1 of voltage is outside 0 to 5.5 V and cannot be judged",
    ),
]
ORDINARY: list[Values] = [
    {"soc S": 1.5}, {"soc S": [1.45] * 40 + [0.2] * 20}, {"soc S": 100.0}, {"soc S": [0.9] * 40 + [1.1] * 20},
    {"current I": 3000.0}, {"current I": [0.0] * 199 + [9000.0]},
    {"pack_voltage U": 5.0}, {"pack_voltage U": 2000.0}, {"insulation R": 1e12},
    {"ambient A": 50.0}, {"ambient A": [49.0] * 10 + [60.0] * 50},
    {"voltage V1": 0.9, "voltage V2": 4.6}, {"voltage V1": 4.6}, {"voltage V1": 3.3, "voltage V2": 5.0},
    {"block_voltage B1": 1.0}, {"block_voltage B1": 200.0},
]  # fmt: skip


@pytest.mark.parametrize(("values", "note"), ODD)
def test_what_is_possible_and_not_ordinary_is_noted_with_what_would_be(values: Values, note: str) -> None:
    (found,) = said({**WARM, **values})
    assert found.startswith(note)


@pytest.mark.parametrize("values", ORDINARY)
def test_nothing_is_said_of_what_is_ordinary_to_the_edge(values: Values) -> None:
    assert said({**WARM, **values}) == []


def test_a_test_that_begins_cold_and_ends_hot_is_no_other_unit() -> None:
    hot = 'column T1 of temperature, 80 degC on the median: unit = "degF" (then 26.67 degC)'
    assert said({"temperature T1": [54.9] * 10 + [80.0] * 50}) == []
    assert said({"temperature T1": [55.0] * 10 + [80.0] * 50})[0].startswith(hot)
    assert said({"temperature T1": 55.0, "temperature T2": 60.0}) == []
    (both,) = said({"temperature T1": 65.5, "temperature T2": 55.5})
    assert both.startswith("all 2 columns of temperature, 60.5 degC on the median: offset = -40")


def test_the_cold_of_a_winter_is_ordinary_and_more_is_not() -> None:
    assert said({"temperature T1": -35.0}) == []
    assert said({"temperature T1": -35.1})[0].startswith(
        "column T1 of temperature, -35.1 degC on the median:"
    )
    assert said({**WARM, "ambient A": -39.9}) == []


def test_one_number_in_some_columns_is_a_code_in_the_units_of_the_file() -> None:
    (raw,) = said({**WARM, "temperature T2": 255.0, "temperature T3": 255.0})
    assert raw.startswith("2 of 3 columns (T2, T3) of temperature are outside -40 to 200 degC")
    assert raw.endswith("(255 degC on the median): a code? missing = [255]")
    (less,) = said({**WARM, "temperature T2": 215.0}, temperature={"offset": -40})
    assert less.endswith(": a code? missing = [255]")
    (twice,) = said({**WARM, "temperature T2": 430.0}, temperature={"scale": 2.0})
    assert twice.endswith(": a code? missing = [215]")
    (two,) = said({**WARM, "temperature T2": 255.0, "temperature T3": 511.0})
    assert "a code?" not in two
    (moves,) = said({**WARM, "temperature T2": [255.0] * 59 + [300.0]})
    assert "a code?" not in moves


def test_columns_without_a_value_are_named_six_at_most() -> None:
    empty = {f"temperature C{i}": [NAN] * N for i in range(7)}
    never = "of temperature never had a value: an empty column, or only codes of `missing`"
    assert said({**WARM, **empty}) == [f"7 of 8 columns (C0, C1, C2, C3, C4, C5, ...) {never}"]
    del empty["temperature C6"]
    assert said({**WARM, **empty}) == [f"6 of 7 columns (C0, C1, C2, C3, C4, C5) {never}"]
    assert said(empty) == ["refused", f"all 6 columns {never}", LAST]
    assert said({"temperature C0": [NAN] * N}) == ["refused", f"column C0 {never}", LAST]


def test_one_possible_value_of_a_judged_quantity_is_enough() -> None:
    one = {"temperature T1": [NAN] * 59 + [25.0]}
    assert said(one) == []
    assert said({"temperature T1": 298.0, "block_voltage B1": 12.0})[0].startswith(
        "column T1 of temperature is"
    )
    assert said({"temperature T1": 298.0, "ambient A": 20.0})[-1] == LAST
    assert said({"temperature T1": 200.0})[0] == said({"temperature T1": -40.0})[0] == "refused"
    first, second = part({"temperature T1": 298.0}, "a"), part(WARM, "b")
    assert len(odd([first, second], mapped(first, second))) == 0  # the column is possible half the time


# Of a current: its sign


def moving(
    steps: int, wrong: int = 0, ohm: float = 0.001, span_a: float = 50.0
) -> dict[str, Sequence[float]]:
    """Return a current of so many steps, to which voltages answer, against it in the `wrong` first."""
    amps = span_a * (np.arange(steps + 1) % 2)
    di = np.diff(amps) * np.where(np.arange(steps) < wrong, -1.0, 1.0)
    volts = 3.3 + ohm * np.concatenate([[0.0], np.cumsum(di)])
    return {"voltage V1": volts, "voltage V2": volts, "current I": amps}


WRONG = (
    "voltages move against the current in {share} % of its {steps} steps: is its sign wrong?"
    ' current = {{ column = "I", positive = "{other}" }}'
)


def test_a_sign_is_doubted_where_over_nine_of_ten_of_twenty_steps_are_against_it() -> None:
    assert said(moving(20, 20)) == [WRONG.format(share=100, steps=20, other="discharge")]
    assert said(moving(20, 19)) == [WRONG.format(share=95, steps=20, other="discharge")]
    assert said(moving(20, 18)) == []
    assert said(moving(19, 19)) == []
    assert said(moving(20)) == []
    other = said(moving(1200, 1200), current={"positive": "discharge"})
    assert other == [WRONG.format(share=100, steps="1,200", other="charge")]


def test_only_steps_of_both_that_are_large_count() -> None:
    assert said(moving(40, 40, ohm=0.00004)) == []  # 2 mV: two register steps are no step
    assert said(moving(40, 40, ohm=0.000042)) != []
    ripple = moving(40, 40)
    ripple["current I"] = [*ripple["current I"], *[1000.0] * 20]
    ripple["voltage V1"] = ripple["voltage V2"] = [*ripple["voltage V1"], *[ripple["voltage V1"][-1]] * 20]
    assert said(ripple) == []  # 50 A of 1000


def test_steps_are_counted_over_groups_with_one_current_and_voltages() -> None:
    halves = [part(moving(12, 12), "a"), part(moving(12, 12), "b")]
    assert odd(halves, mapped(*halves)) == [WRONG.format(share=100, steps=24, other="discharge")]
    still = part({**moving(12, 12), "current I": [0.0] * 13}, "c")
    never = part({**moving(12, 12), "current I": [NAN] * 13}, "d")
    alone = part({"temperature T1": [25.0] * 13, "current I": [0.0, 50.0] * 6 + [0.0]}, "e")
    two = part({**moving(12, 12), "current J": [0.0, 50.0] * 6 + [0.0]}, "f")
    many = [halves[0], still, never, alone, two, halves[1]]
    assert odd(many, mapped(*many)) == [WRONG.format(share=100, steps=24, other="discharge")]
    gap = {name: [*values[:6], NAN, *values[6:]] for name, values in moving(26, 26).items()}
    assert said(gap) == [WRONG.format(share=100, steps=25, other="discharge")]
    blocks = {name.replace("voltage V", "block_voltage B"): values for name, values in moving(20, 20).items()}
    assert said({**blocks, "temperature T1": [25.0] * 21}) == [
        WRONG.format(share=100, steps=20, other="discharge")
    ]
