"""What a recording's values cannot be, before they are judged: a unit that was forgotten, a sign, a code.

The detectors pass over impossible values without a word, as they must on a battery whose sensors fail. In a
recording the likely cause is its map.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from agent.detect.channels import Floats
from agent.detect.kernels.validity import HIGH, LIMITS, LOW
from agent.replay.mapping import QUANTITY, SI, UNITS_OF, Columns, MapError, RecordingMap
from agent.replay.recording import RecordedPart

#: Quantity -> what the median of a column is in an ordinary battery, SI. From the values of all chemistries.
ORDINARY = {
    "cell_voltage": (0.9, 4.6),
    "module_voltage": (1.0, 200.0),
    "cell_temperature": (-35.0, 55.0),
    "ambient_temperature": (-40.0, 50.0),
    "voltage": (5.0, 2000.0),
    "soc": (1.5, 100.0),
}
#: What most of its values are near, to tell likely proposals from others.
TYPICAL = {
    "cell_voltage": 3.3, "module_voltage": 12.0, "cell_temperature": 25.0, "ambient_temperature": 25.0,
    "voltage": 400.0, "soc": 80.0, "current": 0.0,
}  # fmt: skip
JUDGED = ("cell_voltage", "module_voltage", "cell_temperature")
MOST_A = 3000.0  # of one string
SCALES = (0.1, 0.01, 0.001, 0.0001, 10.0, 100.0, 1000.0, -1.0)
OFFSETS = (-40.0, -50.0)  # of temperatures in a register without a sign
BLOCK_V = (5.5, 20.0)  # 3 to 8 cells of lead
NAMED = 6  # columns of a note that are named
STEPS = 20  # of the current, before its sign is doubted
AGAINST = 0.9  # of these steps
LARGE = 0.1  # of the range of the current: a step


def odd(parts: Sequence[RecordedPart], given: RecordingMap) -> list[str]:
    """Return what is odd about the values of a recording, and what to do; raise MapError where no value is
    left that any detector would judge.
    """
    notes = [*_ranges(parts, given), *_never(parts), *_sign(parts, given)]
    for part in parts:
        for i, channel in enumerate(part.channels):
            if channel.quantity in JUDGED and _possible(channel.quantity, part.values[:, i]).any():
                return notes
    raise MapError("\n".join([*notes, "nothing is left that could be judged: mend the map and try again"]))


def _possible(quantity: str, values: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    lowest, highest = _range(quantity)
    with np.errstate(invalid="ignore"):
        return (values > lowest) & (values < highest)


def _range(quantity: str) -> tuple[float, float]:
    if quantity not in LIMITS:
        return (-np.inf, np.inf)
    return LIMITS[quantity][LOW], LIMITS[quantity][HIGH]


def _columns(parts: Iterable[RecordedPart], quantity: str) -> dict[str, Floats]:
    """Return the finite values of each column of a quantity, over all groups."""
    found: dict[str, list[Floats]] = {}
    for part in parts:
        for i, channel in enumerate(part.channels):
            if channel.quantity == quantity:
                found.setdefault(channel.place, []).append(part.values[:, i])
    joined = {place: np.concatenate(of) for place, of in found.items()}
    return {place: values[np.isfinite(values)] for place, values in joined.items()}


def _ranges(parts: Sequence[RecordedPart], given: RecordingMap) -> Iterator[str]:
    for key, quantity, mapped in given.quantities():
        columns = {place: values for place, values in _columns(parts, quantity).items() if len(values)}
        if not columns:
            continue
        medians = {place: float(np.median(values)) for place, values in columns.items()}
        outside = {
            p: m for p, m in medians.items() if 2 * _possible(quantity, columns[p]).sum() < len(columns[p])
        }
        told, (lowest, highest) = SI[quantity], _range(quantity)
        if outside:
            which = _which(list(outside), len(columns))
            typical = float(np.median(list(outside.values())))
            of_code = len({float(v) for place in outside for v in columns[place][[0, -1]]}) == 1
            wrong = _better(key, quantity, mapped, list(outside.values()))
            if of_code and len(outside) < len(columns):
                scale, offset = mapped.factors()
                wrong = f"a code? missing = [{(typical - offset) / scale:g}]"
            yield (
                f"{which} of {key} {'are' if len(outside) > 1 else 'is'} outside {lowest:g} to {highest:g}"
                f" {told} and cannot be judged ({typical:,.6g} {told} on the median): {wrong}"
            )
        elif unlikely := _unlikely(quantity, columns, medians):
            wrong = _better(key, quantity, mapped, list(medians.values()))
            yield f"{_which(list(columns), len(columns))} of {key}, {unlikely}: {wrong}"


def _unlikely(quantity: str, columns: dict[str, Floats], medians: dict[str, float]) -> str:
    """Say what is possible and not ordinary in all columns of a quantity; "": nothing."""
    told = SI[quantity]
    if quantity == "current":
        most = max(float(np.percentile(np.abs(values), 99)) for values in columns.values())
        return f"up to {most:,.0f} A" if most > MOST_A else ""
    lowest, highest = ORDINARY.get(quantity, (-np.inf, np.inf))
    if any(lowest <= median <= highest for median in medians.values()):
        return ""
    least = min(float(values.min()) for values in columns.values())
    most = max(float(values.max()) for values in columns.values())
    heated = "temperature" in quantity and least < highest < min(medians.values())  # a test begins cold
    emptied = quantity == "soc" and 1.0 < most <= highest
    return (
        "" if heated or emptied else f"{float(np.median(list(medians.values()))):,.4g} {told} on the median"
    )


def _better(key: str, quantity: str, mapped: Columns, medians: Sequence[float]) -> str:
    """Propose what would make ordinary values of these."""
    raw = (np.array(medians) - mapped.factors()[1]) / mapped.factors()[0]
    if quantity == "cell_voltage" and all(BLOCK_V[0] < m < BLOCK_V[1] for m in medians):
        return "blocks of several cells? Name them block_voltage"
    lowest, highest = ORDINARY.get(quantity, (-MOST_A / 10, MOST_A / 10))
    fits: dict[float, str] = {}
    for words, other in _others(quantity, mapped):
        scale, offset = other.factors()
        becomes = raw * scale + offset
        if np.all((becomes >= lowest) & (becomes <= highest)):
            typical = float(np.median(becomes))
            away = abs(typical - TYPICAL[quantity])
            fits.setdefault(round(away, 6), f"{words} (then {typical:.4g} {SI[quantity]})")
    best = " or ".join(fits[away] for away in sorted(fits)[:2])
    return f"{best} forgotten?" if best else f"is it the right column for {key}?"


def _others(quantity: str, mapped: Columns) -> Iterator[tuple[str, Columns]]:
    now = mapped.unit or SI[quantity]
    for unit, factors in UNITS_OF[SI[quantity]].items():
        if factors != UNITS_OF[SI[quantity]][now]:
            yield f'unit = "{unit}"', mapped.model_copy(update={"unit": unit})
    if "temperature" in quantity and mapped.offset == 0.0:
        for offset in OFFSETS:
            yield f"offset = {offset:g}", mapped.model_copy(update={"offset": offset})
    for factor in SCALES:
        scale = mapped.scale * factor
        yield f"scale = {scale:g}", mapped.model_copy(update={"scale": scale})


def _never(parts: Sequence[RecordedPart]) -> Iterator[str]:
    for key, quantity in QUANTITY.items():
        columns = _columns(parts, quantity)
        never = [place for place, values in columns.items() if not len(values)]
        if never:
            yield (
                f"{_which(never, len(columns))} of {key} never had a value: an empty column, or only codes of"
                " `missing`"
            )


def _sign(parts: Sequence[RecordedPart], given: RecordingMap) -> Iterator[str]:
    """Doubt the sign of a current: voltages rise with a charge and fall with a discharge, at each step."""
    if given.current is None:
        return
    against = steps = 0
    for part in parts:
        amps = [i for i, c in enumerate(part.channels) if c.quantity == "current"]
        volts = [i for i, c in enumerate(part.channels) if c.quantity in ("cell_voltage", "module_voltage")]
        if len(amps) != 1 or not volts:
            continue
        di, dv = np.diff(part.values[:, amps[0]]), np.median(np.diff(part.values[:, volts], axis=0), axis=1)
        if not np.isfinite(di).any():
            continue
        span = float(np.ptp(np.nanpercentile(part.values[:, amps[0]], (1, 99))))
        if span == 0.0:
            continue
        step = max(part.channels[i].step for i in volts)
        large = (np.abs(di) > LARGE * span) & (np.abs(dv) > 2 * step)  # never where one is NaN
        against += int(np.count_nonzero(di[large] * dv[large] < 0))
        steps += int(np.count_nonzero(large))
    if steps >= STEPS and against > AGAINST * steps:
        other = "discharge" if given.current.positive == "charge" else "charge"
        yield (
            f"voltages move against the current in {100 * against / steps:.0f} % of its {steps:,} steps: is"
            f' its sign wrong? current = {{ column = "{given.current.columns[0]}", positive = "{other}" }}'
        )


def _which(places: list[str], of: int) -> str:
    if len(places) == of:
        return f"all {of} columns" if of > 1 else f"column {places[0]}"
    more = ", ..." if len(places) > NAMED else ""
    return f"{len(places)} of {of} columns ({', '.join(places[:NAMED])}{more})"
