"""A unit in process: what its source measures goes straight into the agent's own decode and detect code.

Nothing of the wire is between them, so a week takes seconds. The registers are encoded and decoded as on a
wire: rounding, limits, sentinels and scale factors are those of the profile.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from agent.detect.alarms.states import AlarmEvent
from agent.detect.settings import Settings
from agent.detect.unit import UnitJudges
from agent.quality import Quality
from drivers.decode import encode
from drivers.profile.load import Profile
from hil.bmu.registers import RegisterMap, Translator, ask, converse
from hil.plant.source import Floats, Source


class Direct:
    """One unit: blocks of measurements in, alarm events out; `registers` are what a wire would serve, and
    `settings` what agent.toml would say.
    """

    def __init__(
        self,
        profile: Profile,
        registers: RegisterMap,
        source: Source,
        period_s: float,
        settings: Settings | None = None,
    ) -> None:
        self.layout = converse(profile, registers.tables)
        layout = self.layout
        self._translator = Translator(layout.values, source)
        self._slots = layout.codec["slot"].astype(np.int64)
        self._image = layout.image()
        for index, read in enumerate(layout.plan.reads):
            self._image.store(index, ask(registers.tables, read))
        self._image.word_quality[:] = Quality.GOOD
        self.judges = UnitJudges(layout, period_s, settings)
        self.raw = np.zeros(layout.n, np.int64)
        self.quality = np.zeros(layout.n, np.uint8)
        self.si = np.full(layout.n, np.nan)
        self.si_frames = np.empty((0, layout.n))  # of the last `judge`
        self.quality_frames = np.empty((0, layout.n), np.uint8)

    def judge(
        self,
        t_s: Floats,
        channels: Floats,
        beat_s: Floats | None = None,
        reply: NDArray[np.uint8] | Sequence[int] | None = None,
    ) -> list[AlarmEvent]:
        """Decode and judge k frames.

        t_s (k,): times; channels (k, n): what the source read; beat_s (k,): the unit's own seconds, t_s where
        not said; reply (k,): quality of the unit's answer, GOOD where not said.
        """
        layout, image = self.layout, self._image
        raw = self._translator.raw(channels, t_s if beat_s is None else beat_s)
        events: list[AlarmEvent] = []
        self.si_frames = np.empty((len(t_s), layout.n))
        self.quality_frames = np.empty((len(t_s), layout.n), np.uint8)
        for k in range(len(t_s)):
            now_s = float(t_s[k])
            if reply is not None and reply[k] != Quality.GOOD:
                self.raw[:], self.quality[:] = 0, reply[k]
            else:
                encode(layout.codec, self._slots, raw[k], image.words)
                layout.decode(image, self.raw, self.quality)
            events += self.judges.judge(now_s, self.raw, self.quality, partial(self._record, k))
        return events

    def _record(self, k: int, quality: NDArray[np.uint8]) -> Floats:
        """Keep frame k as it was marked; return its values in SI units."""
        self.layout.to_si(self.raw, quality, self.si)
        self.si_frames[k], self.quality_frames[k] = self.si, quality
        return self.si
