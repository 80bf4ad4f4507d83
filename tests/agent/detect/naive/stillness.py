"""How long a value has stood still, told plainly: one channel and all that it has read."""

from agent.quality import Quality


class Channel:
    """One channel; teaches: its reversals are noise."""

    def __init__(self, teaches: bool) -> None:
        self.teaches = teaches
        self.last: int | None = None  # raw, of quality GOOD
        self.still_s, self.still_frames, self.longest = 0.0, 0, 0
        self.direction = 0  # of the last step: 1 up, -1 down, 0 there was none
        self.reversals = self.frames = 0

    def take(self, dt_s: float, raw: int, quality: int) -> tuple[bool, bool]:
        """Take a frame in which some channel is good; return whether this one moved, and whether it turned
        in a way that teaches."""
        if quality in (Quality.GOOD, Quality.STALE):
            self.still_s += dt_s
        if quality != Quality.GOOD:
            return False, False
        self.frames += 1
        self.still_frames += 1
        before, self.last = self.last, raw
        if before == raw:
            return False, False
        turned = False
        if before is not None:
            direction = 1 if raw > before else -1
            turned = self.teaches and direction + self.direction == 0
            self.reversals += turned and abs(raw - before) > 1  # one register step may be rounding
            self.longest = max(self.longest, self.still_frames)
            self.direction = direction
        self.still_s, self.still_frames = 0.0, 0
        return True, turned
