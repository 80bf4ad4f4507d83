"""A test alarm, from whoever raised it to the collectors' disks, and to whoever acknowledged it."""

from dataclasses import dataclass
from typing import Any

from agent.clock import Stamp
from agent.detect.explanations.said import Sentence
from agent.store.receipt import Receipt

TEST = "test"  # its detector: the alarm is called ":test:"
THIS_IS_ONE = Sentence(
    TEST, "this is a test by {person}, and nothing is wrong; whoever hears it acknowledges it"
)


@dataclass(slots=True)
class TestAlarm:
    """A test alarm. `seconds`: how long the outputs act."""

    who: str
    seconds: float
    raised: Stamp
    receipt: Receipt
    seen_by: str = ""
    seen: Stamp | None = None

    def told(self) -> dict[str, Any]:
        """Return how far it has come: `collectors` and `refused` by upstream; `acknowledged` is null until
        somebody has.
        """
        return {
            "who": self.who,
            "seconds": self.seconds,
            "raised_utc_ns": self.raised.utc_ns,
            "recorded": self.receipt.recorded is not None,
            "refused": self.receipt.refused,
            "collectors": {name: self._at(stamp) for name, stamp in self.receipt.held.items()},
            "acknowledged": {"who": self.seen_by, **at} if (at := self._at(self.seen)) else None,
        }

    def _at(self, stamp: Stamp | None) -> dict[str, Any] | None:
        if stamp is None:
            return None
        after_s = (stamp.boottime_ns - self.raised.boottime_ns) / 1e9
        return {"utc_ns": stamp.utc_ns, "after_s": round(after_s, 3)}
