"""The voltage tap of a cell whose contact chatters: one alarm that stands, in place of one for each jump.

A jump is of a cell alone: its siblings stand still, or move by far less, so that no load explains it. A cell
that jumps again and again within hours is not believed while it does: no other detector of imbalance speaks
of it, and this one tells the worst that it read. Limits of voltage are judged as before. One that has come
back to its siblings by a jump, and jumped again, has half a minute to show what it is; a cell that falls, in
one step or in many, does not come back, and is told as early as ever.
"""

import math

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Floats
from agent.detect.declaration import At, Detector, Judged
from agent.detect.detectors import cell_collapse as collapse
from agent.detect.detectors import lone_cell as lone
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels.arrays import Array, Group, Part
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.imbalance import DRIFTING, SUDDEN, Cells
from agent.detect.kernels.inputs import Inputs
from agent.detect.table import WARNING, Row

NAME = "loose-contact"

LEAST_SHARE, LEAST_TIMES = 0.03, 5.0  # a jump: of the siblings' median, and times what that moved; the larger
TOGETHER = 2  # a tap is between two cells; where more jump in one frame it is no contact
FADE_S = 7200.0
CHATTERS = 4.0  # jumps; two readings that are wrong are four of them, and have faded a little by the last
QUIET_S = 3.0 * 3600.0  # since its last jump a cell is believed again
WORST_S = 3600.0
DOUBT_S = 30.0  # the longest doubt about one that came back, since its last jump
CAME_BACK, CAME_BACK_S = 0.5, 60.0  # by so much of how far it was; for so long that counts

#: Columns of a cell: how far from its siblings, and their median, when it was last read, V; its jumps,
#: fading; seconds since the last one; the worst distance of the last hour, V, and its age, s; score; scratch
#: (OUT, or BACK: towards its siblings); seconds since it came back.
AWAY, MEDIAN, JUMPS, STILL_S, WORST, WORST_AGE_S, SCORE, JUMPED, BACK_S, COLUMNS = range(10)
OUT, BACK = 1.0, 2.0
CONTACTS = Group(None, contact=Array(("cells", COLUMNS), kept=Part("contact", 2)))


def new_contacts(cells: int) -> Floats:
    """Return the state of cells that have not been seen yet."""
    contacts: Floats = CONTACTS.new(cells=cells)
    contacts[:, [AWAY, MEDIAN]] = np.nan
    contacts[:, BACK_S] = np.inf
    return contacts


@compiled  # no fastmath: it may delete the NaN tests below
def judge_loose_contact(
    dt_s: float,
    volts: Inputs,
    cells: Cells,
    cell_collapse: Floats,
    standing_imbalance: Floats,
    lone_cell: Floats,
    loose_contact: Floats,
) -> None:
    """
    Score each cell 1 whose voltage jumps again and again, and take from it what other detectors say of it.

    Parameters
    ----------
    dt_s : float, s
    volts : Inputs
    cells, cell_collapse, standing_imbalance, lone_cell
        Scores of this frame; 0 afterwards where the cell chatters.
    loose_contact : (cells, COLUMNS) float64
        State and output.
    """
    s, fade = loose_contact, math.exp(-dt_s / FADE_S)
    for c in range(volts.away.size):
        s[c, JUMPS] *= fade
        s[c, STILL_S] += dt_s
        s[c, WORST_AGE_S] += dt_s
        s[c, BACK_S] += dt_s
        s[c, JUMPED] = 0.0
        away, median = volts.away[c], volts.median[c]
        if volts.usable[c] == 0 or np.isnan(away):
            continue
        least = max(LEAST_SHARE * median, LEAST_TIMES * abs(median - s[c, MEDIAN]))
        if abs(away - s[c, AWAY]) >= least:
            s[c, JUMPED] = BACK if abs(away) <= CAME_BACK * abs(s[c, AWAY]) else OUT
        s[c, AWAY] = away
        s[c, MEDIAN] = median
        if not (abs(away) <= abs(s[c, WORST]) and s[c, WORST_AGE_S] <= WORST_S):
            s[c, WORST] = away
            s[c, WORST_AGE_S] = 0.0
    for g in range(volts.start.size - 1):
        jumped = 0
        for a in range(volts.start[g], volts.start[g + 1]):
            jumped += s[volts.member[a], JUMPED] > 0.0
        if 0 < jumped <= TOGETHER:
            for a in range(volts.start[g], volts.start[g + 1]):
                c = volts.member[a]
                if s[c, JUMPED] > 0.0:
                    s[c, JUMPS] += 1.0
                    s[c, STILL_S] = 0.0
                    if s[c, JUMPED] == BACK:
                        s[c, BACK_S] = 0.0
    for c in range(volts.away.size):
        chatters = s[c, JUMPS] >= CHATTERS or (s[c, SCORE] > 0.0 and s[c, STILL_S] < QUIET_S)
        s[c, SCORE] = 1.0 if chatters else 0.0
        if chatters or (s[c, BACK_S] <= CAME_BACK_S and s[c, STILL_S] < DOUBT_S):
            cells.verdict[c, SUDDEN] = min(cells.verdict[c, SUDDEN], 0.0)
            cells.verdict[c, DRIFTING] = min(cells.verdict[c, DRIFTING], 0.0)
            cell_collapse[c, collapse.SCORE] = min(cell_collapse[c, collapse.SCORE], 0.0)
            standing_imbalance[c] = min(standing_imbalance[c], 0.0)
            if volts.start[volts.group[c] + 1] - volts.start[volts.group[c]] > lone.MOST:
                lone_cell[c, lone.SCORE] = min(lone_cell[c, lone.SCORE], 0.0)


CHATTERING = Sentence(
    "loose-contact",
    "{who} chatters: its voltage jumps again and again while its siblings stand still, and was "
    "{worst_v*1000:+.0f} mV from their median at its worst in the last hour when raised. A loose contact "
    "of its measuring wire, most likely; it is not compared with its siblings meanwhile.",
)


def explain(case: Case) -> AlarmEvent:
    """Explain a contact that chatters."""
    worst_v = case.banks.detectors.loose_contact[case.c, WORST]
    return case.event(1e3 * worst_v, said(CHATTERING, who=case.who, worst_v=worst_v))


DETECTOR = Detector(
    name=NAME,
    says=(CHATTERING,),
    order=108,
    of_sight=True,
    rows=(Row(NAME, "voltage", WARNING, 1.0, "", 0.0, 86400.0, 0.0, False),),
    judged=(Judged("volts", At("detectors.loose_contact", SCORE), At("volts.away")),),
    arrays=CONTACTS,
    new=lambda channels, _: new_contacts(channels.volts.n),
    kernel=judge_loose_contact,
    explain=explain,
    sees=(
        "a cell whose voltage jumps by 3 % or more, five times within about two hours, while its siblings "
        "stand still; one alarm until it was still for a day"
    ),
    cannot_see="a cell without siblings; what such a cell really does (`voltage-limit` judges it still)",
    response="Tighten the measuring wire of the cell; until then measure the cell by hand.",
)
