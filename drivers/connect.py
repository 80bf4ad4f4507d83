"""What a unit must be asked before it can be polled. Sans-I/O: it yields reads and is sent replies.

conversation = connect(profile)
read = next(conversation)
while True:
    try:
        read = conversation.send(ask(read))
    except StopIteration as end:
        layout = end.value
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.message import Message, joined
from agent.quality import Quality
from drivers.asking import Asking
from drivers.decode import codec_table, decode
from drivers.errors import ChainError, ConnectError, IdentityMismatch, NoAnswer
from drivers.guards import needs_of
from drivers.halves import Cut
from drivers.identity import IdentityMark, best_first, expectation, fits, mark_of, names_units, text_of
from drivers.layout import Image, Layout
from drivers.line import Line, bits_per_character
from drivers.needs import Need
from drivers.plan import PlanError, ReadPlan, make_plan
from drivers.profile.expansion import IdentityPoint, expand, reported, terrain
from drivers.profile.schema import Profile
from drivers.quantities import Poll
from drivers.registers import Read, Reply
from drivers.sunspec.models import definition
from drivers.sunspec.values import explore
from drivers.values import Guard, Value

__all__ = [
    "ChainError",
    "ConnectError",
    "IdentityMismatch",
    "NoAnswer",
    "assume",
    "build",
    "connect",
    "default_line",
]

Conversation = Generator[Read, Reply, Layout]


@dataclass(frozen=True, slots=True)
class IdentityAnswers:
    """What came back for each identity point: text, raw number, or None with the quality that says why.

    `sentinels`: numbers that mean that there is none.
    """

    said: Mapping[str, str | int]
    unsaid: Mapping[str, Quality]
    sentinels: Mapping[str, int]


def _rtu(profile: Profile) -> Line:
    serial = profile.serial
    bits = bits_per_character(serial.parity, serial.stop_bits)
    return Line.rtu(serial.baud, bits_per_character=bits, pause_s=(profile.pause_ms or 0) / 1000)


def _tcp(profile: Profile) -> Line:
    return Line.tcp(pause_s=(profile.pause_ms or 0) / 1000)


#: What a profile's `transports` may hold -> the wire with the profile's own settings.
LINES = {"rtu": _rtu, "tcp": _tcp}


def default_line(profile: Profile, transport: str | None = None) -> Line:
    """The wire a plan is made for when nobody says which: the profile's own, of its first transport."""
    return LINES[transport or profile.transports[0]](profile)


def connect(
    profile: Profile, *, line: Line | None = None, instance: int = 1, cuts: Iterable[Cut] = ()
) -> Conversation:
    """Ask a unit who it is and how big, and return its `Layout`.

    `cuts`: what earlier plans of this unit learned from refusals (`layout.plan.cuts`). `instance`: which unit
    behind a gateway that shifts addresses. Raises `ConnectError`.
    """
    try:
        return (yield from _connect(profile, line or default_line(profile), instance, frozenset(cuts)))
    except PlanError as error:
        text = str(error)
        what = Message("{why}; correct {model}, or the instance of this unit", why=text, model=profile.model)
        raise ConnectError(what) from error


def _connect(profile: Profile, line: Line, instance: int, cuts: frozenset[Cut]) -> Conversation:
    if profile.sunspec:
        found = yield from explore(profile)
        layout = build(
            profile,
            found.values,
            line,
            cuts=cuts,
            guards=tuple(found.guards),
            notes=found.notes,
            identity=found.identity,
            empty=found.empty,
            marks=found.marks,
        )
        _refuse(found.mismatches, layout)
        return layout
    identity = expand(profile, instance=instance).identity
    answers, cuts = yield from _ask(profile, identity, line, instance, cuts)
    if wrong := _mismatches(identity, answers):
        _refuse(wrong, assume(profile, line=line, instance=instance))
    shaping = reported(profile)
    numbers = {n: v for n, v in answers.said.items() if n in shaping and isinstance(v, int)}
    notes = [
        f"{n}: {shaping[n]} not available ({answers.unsaid[n].name.lower().replace('_', ' ')})"
        + ("; the largest is assumed" if shaping[n] == "count" else "")
        for n in shaping
        if n not in numbers and n in answers.unsaid
    ]
    full = expand(profile, numbers, numbers, instance)
    told = {n: raw for n, raw in answers.sentinels.items() if n in shaping} | numbers
    guards = tuple(
        Guard(i.value, told[i.value.name], counts=shaping[i.value.name] == "count")
        for i in identity
        if i.value.name in told
    )
    return build(
        profile,
        full.values,
        line,
        cuts=cuts,
        guards=guards,
        notes=[*notes, *full.notes],
        identity=_identity(identity, answers),
        instance=instance,
        empty=[n for n, number in numbers.items() if shaping[n] == "count" and number < 1],
        marks=marks_of(identity),
    )


def assume(
    profile: Profile,
    *,
    counts: Mapping[str, int] | None = None,
    factors: Mapping[str, int] | None = None,
    line: Line | None = None,
    instance: int = 1,
) -> Layout:
    """The layout of a unit nobody has asked: largest counts, factors 10**0 unless said. Not for SunSpec."""
    full = expand(profile, counts, factors, instance)
    shaping = reported(profile)
    guards = tuple(
        Guard(i.value, None, counts=shaping[i.value.name] == "count")
        for i in full.identity
        if i.value.name in shaping
    )
    line = line or default_line(profile)
    return build(profile, full.values, line, guards=guards, notes=full.notes, instance=instance)


def build(
    profile: Profile,
    values: Sequence[Value],
    line: Line,
    *,
    cuts: Iterable[Cut] = (),
    guards: tuple[Guard, ...] = (),
    notes: Sequence[str] = (),
    identity: Mapping[str, str | int | float] | None = None,
    instance: int = 1,
    empty: Sequence[str] = (),
    marks: Iterable[IdentityMark] = (),
) -> Layout:
    """A layout over `values`, planned for `line`. Raises PlanError if a value cannot be read."""
    plan = make_plan(
        needs_of(values, guards),
        terrain(profile, instance),
        line,
        address_step=profile.address_step,
        cuts=cuts,
    )
    return Layout(
        profile_model=profile.model,
        profile_hash=profile.hash,
        identity=dict(identity or {}),
        values=tuple(values),
        plan=plan,
        guards=guards,
        notes=tuple(dict.fromkeys(notes)),
        instance=instance,
        empty=tuple(empty),
        marks=best_first(marks),
    )


def marks_of(identity: Iterable[IdentityPoint]) -> tuple[IdentityMark, ...]:
    """Return what of a profile's identity points tells one unit from another, best first."""
    marks = (mark_of(i.value, text=i.text, expected=bool(expectation(i.point))) for i in identity)
    return best_first(mark for mark in marks if mark is not None)


def tells_apart(profile: Profile) -> bool:
    """Whether a profile has a serial number, a model or the like, by which an exchanged unit is noticed."""
    if not profile.sunspec:
        return any(mark.names for mark in marks_of(expand(profile).identity))
    return any(
        model.points[name].type == "string" and names_units(wanted.points[name].name, text=True)
        for number, wanted in profile.sunspec.models.items()
        if (model := definition(number))
        for name in wanted.points.keys() & model.points.keys()
    )


def prove(
    profile: Profile, layout: Layout, line: Line, mark: IdentityMark
) -> Generator[Read, Reply, str | int | float]:
    """Ask a unit that is known for one of its marks again; return what it says, "" where it does not say."""
    answers, _ = yield from _ask(profile, [mark], line, layout.instance, layout.plan.cuts)
    return _identity([mark], answers).get(mark.value.label, "")


def ask_plan(plan: ReadPlan) -> Generator[Read, Reply, tuple[ReadPlan, Image]]:
    """Run every read of `plan` once, splitting what is refused. Raises NoAnswer."""
    asking = Asking(plan)
    while read := asking.read:
        reply = yield read
        if reply.quality not in (Quality.GOOD, Quality.REFUSED):
            raise NoAnswer(
                Message(
                    "no sound answer to {area} {address}, {count} long; check power, wiring, unit id, baud"
                    " rate and parity",
                    area=str(read.area),
                    address=read.address,
                    count=read.count,
                )
            )
        asking.take(reply, refused=reply.quality is Quality.REFUSED)
    return asking.plan, asking.image()


def _ask(
    profile: Profile,
    identity: Sequence[IdentityPoint | IdentityMark],
    line: Line,
    instance: int,
    cuts: frozenset[Cut],
) -> Generator[Read, Reply, tuple[IdentityAnswers, frozenset[Cut]]]:
    """Read all identity points once."""
    needs = [Need(i.value.span, Poll.IDENTITY, i.value.pause_ms) for i in identity]
    plan = make_plan(needs, terrain(profile, instance), line, address_step=profile.address_step, cuts=cuts)
    plan, image = yield from ask_plan(plan)
    said: dict[str, str | int] = {}
    unsaid: dict[str, Quality] = {}
    sentinels: dict[str, int] = {}
    numbers = [i.value for i in identity if not i.text]
    codec, missing = codec_table(numbers, [plan.slot(v.span) for v in numbers])
    raw, quality = np.zeros(len(numbers), np.int64), np.zeros(len(numbers), np.uint8)
    decode(image.words, image.word_quality, codec, missing, raw, quality)
    for value, number, state in zip(numbers, raw.tolist(), quality.tolist(), strict=True):
        if state == Quality.GOOD:
            said[value.label if value.place else value.name] = number
        else:
            unsaid[value.label if value.place else value.name] = Quality(state)
            if state == Quality.MISSING:
                sentinels[value.name] = number
    for text in (i.value for i in identity if i.text):
        start = plan.slot(text.span)
        state = image.word_quality[start]
        if state == Quality.GOOD:
            words = image.words[start : start + text.span.count].tolist()
            said[text.label] = text_of(words, big_bytes=text.coding.big_bytes)
        else:
            unsaid[text.label] = Quality(int(state))
    return IdentityAnswers(said, unsaid, sentinels), plan.cuts


def _identity(
    identity: Sequence[IdentityPoint | IdentityMark], answers: IdentityAnswers
) -> dict[str, str | int | float]:
    """What is shown of a unit: texts as they are, numbers in their unit."""
    out: dict[str, str | int | float] = {}
    for item in identity:
        said, value = answers.said.get(item.value.label), item.value
        if isinstance(said, str):
            out[value.label] = said
        elif said is not None:
            plain = value.scale == 1 and value.offset == 0
            number = said + value.raw_offset
            # 203 * 0.01 is 2.0300000000000002, and would not be within [2.00, 2.03]
            out[value.label] = number if plain else float(f"{number * value.scale + value.offset:.12g}")
    return out


def _mismatches(identity: Sequence[IdentityPoint], answers: IdentityAnswers) -> list[str]:
    """Every point that is not as the profile wants it, in words."""
    shown = _identity(identity, answers)
    wrong: list[str] = []
    for item in identity:
        wanted = expectation(item.point)
        if not wanted:
            continue
        if item.value.label not in shown:
            why = answers.unsaid[item.value.label].name.lower().replace("_", " ")
            wrong.append(_other(item, Message(why), wanted))
        elif not fits(item.point, shown[item.value.label]):
            wrong.append(_other(item, repr(shown[item.value.label]), wanted))
    return wrong


def _other(item: IdentityPoint, found: str, wanted: str) -> Message:
    name = item.value.label
    return Message("{name} is {found}, expected {wanted}", name=name, found=found, wanted=wanted)


def _refuse(wrong: Sequence[str], layout: Layout) -> None:
    if wrong:
        raise IdentityMismatch(joined("; ", wrong), layout)
