"""What part of a unit's reads brought nothing: the status says it in the words that the doctor says it in."""

import random
import re
from dataclasses import replace

import numpy as np
import pytest
from simulated_line import Behaviour, Simulation, sealed

from agent.cli.doctor.line_faults import of_counts
from agent.control.status import unit_report
from agent.detect.knowledge import Knowledge
from agent.modbus.came import NOTHING, Came, Kind
from agent.modbus.lately import LAST, NEVER, NEVER_LATE, WITHIN, Late, Lately, shares, too_late
from agent.modbus.ports import NO_REPLY, Answer, LateReply
from agent.modbus.read_request import ReadRequest
from agent.modbus.unit import Unit
from agent.modbus.verdict import Verdict
from drivers.registers import Area, Read, Reply

READ = Read(Area.HOLDING, 100, 2)
PART, ANSWERS_S = 0.4, 2.0


def sometimes(bad: Behaviour) -> Behaviour:
    dice = random.Random(3)
    return lambda q, r: bad(q, r) if dice.random() < PART else [(0.02, r)]


def damaged(_request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
    return [(0.02, reply[:-1] + bytes((reply[-1] ^ 1,)))]


def saying(code: int) -> Behaviour:
    return lambda request, _reply: [(0.02, sealed(bytes((request[0], request[1] | 0x80, code))))]


class Slow(Simulation):
    """A connection whose unit answers after two seconds, each time."""

    def _carry(self, ask: ReadRequest) -> Answer:
        self.came = self.clock.now_s + ANSWERS_S
        self.clock.now_s += min(ANSWERS_S, ask.timeout_s)
        if ask.timeout_s < ANSWERS_S:
            return Answer(NO_REPLY, unheard=replace(NOTHING, frames="tcp"))
        words = np.arange(ask.read.address, ask.read.address + ask.read.count, dtype=np.uint16)
        return Answer(Reply(words), ANSWERS_S)

    def _come_late(self) -> None:
        if self.came and self.clock.now_s >= self.came:
            self.schedule.came_late(LateReply(1, ANSWERS_S), self.clock.now_s)
            self.came = 0.0

    came = 0.0


def reported(unit: Unit) -> dict[str, object]:
    return unit_report(unit, None, Knowledge("LIVE"), unit.clock.boottime_s(), age_s=0.0, watched=True)


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (damaged, Kind.SOME_DAMAGED),
        (saying(6), Kind.SOME_BUSY),
        (saying(4), Kind.SOME_FAILED),
        (saying(11), Kind.SOME_AWAY),
        (lambda _q, _r: [], Kind.SOME_LOST),
    ],
    ids=["damaged", "busy", "failed", "away", "lost"],
)
def test_what_forty_percent_cost_is_said_alike_by_status_and_doctor(behaviour: Behaviour, kind: Kind) -> None:
    line = Simulation()
    unit = line.unit(1, timeout_s=1.0)
    line.start(unit)
    line.behaviour[1] = sometimes(behaviour)
    line.run(120)
    heard: list[str] = []
    for _ in range(60):
        line.run(1)
        heard.append(unit.trouble)
    told = reported(unit)
    came = Came.of_json(told["came"])  # type: ignore[arg-type]
    assert (came.kind, told["trouble"]) == (kind, came.words)
    assert sum(said == came.words for said in heard) > 0.7 * len(heard), "it does not come and go"
    faults = of_counts({"unit-1": unit.counters.by_verdict()}, {"unit-1": unit.lately.late})
    (fault,) = [fault for fault in faults if came.text in fault.seen]
    assert (fault.likely, fault.code, fault.serious) == (came.row.likely, came.code, True)
    assert came.do in fault.seen


def test_one_that_always_is_too_late_is_said_to_be_and_what_reads_it_does() -> None:
    line = Slow()
    unit = line.unit(1, timeout_s=1.0, has_transaction_ids=True)
    line.start(unit)
    line.run(60)
    told = reported(unit)
    assert told["trouble"] == (
        "answers too late: after 2 s, and it has 1 s;"
        " wait longer: timeout_s = 2.5 in its [[unit]], --timeout 2.5 of probe"
    )
    assert Came.of_json(told["came"]).frames == "tcp"  # type: ignore[arg-type]
    (wait_s,) = re.findall(r"timeout_s = ([\d.]+)", str(told["trouble"]))
    enough = Slow()
    patient = enough.unit(1, timeout_s=float(wait_s), has_transaction_ids=True)
    enough.start(patient)
    enough.run(60)
    assert patient.trouble == ""
    assert patient.counters.sound > 10


def test_a_healthy_unit_and_a_dead_one_have_no_such_words() -> None:
    line = Simulation()
    well, dead = line.unit(1), line.unit(2)
    line.start(well, dead)
    line.behaviour[2] = lambda _q, _r: []
    line.run(60)
    assert (well.trouble, dead.trouble) == ("", "does not answer")
    for unit in (well, dead):
        assert unit.lately.cost is None
        assert of_counts({unit.name: unit.counters.by_verdict()}, {}) == []


def test_late_ones_are_not_lost_and_what_lies_long_back_is_forgotten() -> None:
    assert [s.came.kind for s in shares({"sound": 10, "no_reply": 6}, Late(5, 2.0, 1.0), "tcp")] == [
        Kind.LATE,
        Kind.SOME_LOST,
    ]
    assert shares({"sound": 10}, NEVER_LATE, "tcp") == []
    lately = Lately(1.0)
    for _ in range(LAST):
        lately.ended(Verdict.SILENT, Came(Kind.NOTHING, "x", frames="tcp"), READ)
        lately.came_late(0.9)  # its learned time-out was shorter than what it may have, and will grow
        assert lately.late.times == 0
    lately.came_late(1.4)
    assert lately.late == Late(1, 1.4, 1.0)
    assert lately.cost is None, "nothing came in time: that is no part"
    for _ in range(LAST):
        lately.ended(Verdict.SOUND, Came(Kind.NOTHING, "x"), READ)
    assert (lately.late.times, lately.cost) == (0, None)


def test_of_one_that_is_too_slow_for_its_questions_the_first_tells_how_slow() -> None:
    lately = Lately(1.0)
    for k in range(50):
        lately.ended(Verdict.SILENT, Came(Kind.NOTHING, "x", frames="tcp"), READ)
        lately.came_late(1.2 * (k + 1) - k)
    assert lately.late.slowest_s > 10, "they queue up"
    came = too_late(lately.always, "tcp")
    assert (came.text, came.timeout_s) == ("answers too late: after 1.2 s, and it has 1 s", 1.5)
    lately.ended(Verdict.SOUND, Came(Kind.NOTHING, "x"), READ)
    assert lately.always.times == 0


@pytest.mark.parametrize(("slowest_s", "says", "reads"), [(0.41, 0.5, 0.6), (2.0, 2.0, 2.5), (4.9, 5.0, 6.5)])
def test_a_late_answer_is_rounded_up_and_has_a_margin(slowest_s: float, says: float, reads: float) -> None:
    came = too_late(Late(1, slowest_s, 0.3), "tcp", some=True)
    assert came.text.endswith(f"too late: after up to {says:g} s, and it has 0.3 s")
    assert came.timeout_s == reads
    assert slowest_s < reads


def test_one_that_fell_silent_is_not_said_to_answer_a_part() -> None:
    lately = Lately(1.0)

    def ended(*verdicts: Verdict) -> Kind | None:
        for verdict in verdicts:
            lately.ended(verdict, NOTHING, READ)
        return lately.cost.kind if lately.cost else None

    assert ended(*[Verdict.SOUND] * 12, *[Verdict.SILENT] * 4) is None
    assert ended(*[Verdict.SILENT] * 6) is None
    assert ended(Verdict.SOUND) is Kind.SOME_LOST, "it came back, and lost ten of sixteen"
    assert ended(Verdict.SILENT) is Kind.SOME_LOST


def test_a_read_that_is_never_answered_is_named_and_one_that_is_lost_now_and_then_is_not() -> None:
    lately, other = Lately(1.0), Read(Area.INPUT, 7, 1)
    for k in range(NEVER - 1):
        lately.ended(Verdict.SOUND, NOTHING, other)
        lately.ended(Verdict.SILENT, NOTHING, READ)
        assert lately.cost is None or lately.cost.kind is Kind.SOME_LOST, k
    lately.ended(Verdict.SILENT, NOTHING, READ)
    lately.ended(Verdict.SOUND, NOTHING, other)
    assert lately.cost is not None
    assert (lately.cost.kind, lately.cost.code) == (Kind.SOME_NEVER, "CW-210")
    assert lately.cost.text == "never answers holding 100, 2 long"
    lately.ended(Verdict.SOUND, NOTHING, READ)
    assert lately.cost is not None
    assert lately.cost.kind is Kind.SOME_LOST, "it was answered"
    for _ in range(NEVER):
        for read in (READ, replace(READ, address=200)):
            lately.ended(Verdict.SILENT, NOTHING, read)
        lately.ended(Verdict.SOUND, NOTHING, other)
    assert lately.cost is not None
    assert lately.cost.text.endswith("nor 1 more of its reads")
    for _ in range(WITHIN):
        lately.ended(Verdict.SOUND, NOTHING, other)
    assert lately.cost is None, "it is asked no more"
