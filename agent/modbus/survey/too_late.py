"""Answers that a tool has given up, and that come after all: what is said then is that they come too late."""

from dataclasses import replace

from agent.modbus.lately import Late, too_late
from agent.modbus.ports import Answer, Port
from agent.modbus.verdict import Verdict, verdict_of


def told(answer: Answer, port: Port, unit_id: int, given_s: float) -> Answer:
    """Return an answer; where none came, and late ones of before have come since, that they do.

    given_s: how long it was waited for.
    """
    late_s = [late.response_s for late in port.late() if late.unit_id == unit_id]
    if not late_s or verdict_of(answer) is not Verdict.SILENT:
        return answer
    came = too_late(Late(len(late_s), min(late_s), given_s), answer.came.frames)
    return replace(answer, unheard=came)
