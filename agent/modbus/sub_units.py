"""The unit ids of one logical battery, one per module or cell: a silent one must not blind the others."""

from dataclasses import dataclass, field

from agent.modbus.timing import backoff_s


@dataclass
class SubUnits:
    """Which unit ids, by their offset, are left alone for a while because they did not answer."""

    _silences: dict[int, int] = field(default_factory=dict)
    _until_s: dict[int, float] = field(default_factory=dict)

    def fell_silent(self, offset: int, now_s: float, timeout_s: float, least_s: float) -> None:
        """Leave a unit id alone: longer each time, and at least `least_s`, while a late reply could come."""
        self._silences[offset] = self._silences.get(offset, 0) + 1
        self._until_s[offset] = now_s + max(least_s, backoff_s(self._silences[offset], timeout_s))

    def answered(self, offset: int) -> None:
        """Note that a unit id has answered."""
        if self._silences:
            self._silences.pop(offset, None)
            self._until_s.pop(offset, None)

    def forget(self) -> None:
        """Forget all: the unit as a whole is silent."""
        self._silences.clear()
        self._until_s.clear()

    def resting(self, now_s: float) -> set[int]:
        """Return the offsets that are not to be asked now."""
        return {offset for offset, until_s in self._until_s.items() if now_s < until_s}

    def trouble(self, unit_id: int) -> str:
        """Say which unit ids are silent; `unit_id` is that of offset 0."""
        if not self._silences:
            return ""
        ids = ", ".join(str(unit_id + offset) for offset in sorted(self._silences))
        return f"no reply from unit id {ids}"
