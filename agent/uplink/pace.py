"""How much to send at once, and when to try again. Pure; times and chance are passed in."""

import math

from agent.wire.limits import DEFAULT_LIMITS

REQUEST_S = 0.5  # what a request should take: an alarm may have to wait for one
MIN_REQUEST_BYTES, MAX_REQUEST_BYTES = 4 * 1024, 1024 * 1024  # 4 KiB: 3.4 s of 9.6 kbit/s
START_BYTES = 64 * 1024
RETRY_FLOOR_S, RETRY_CEILING_S = 1.0, 30.0  # no answer, whatever it is, costs more than a request a second
RETRY_AFTER_MOST_S = 600.0
ALARM_S, ALARM_CEILING_S = 5.0, 60.0  # between two tries of an alarm; the longer, the longer it waits
ALARM_OFTEN_S = 600.0
PATIENCE = 4.0  # times as long as the last answer took
YIELDING = 2.0  # the same, of a request without alarms while one waits
LIMIT_S = 3600.0  # for which a request's refused size is remembered


def backoff_s(failures: int, chance: float) -> float:
    """How long to wait after so many failures, for a `chance` in 0 ... 1.

    Full jitter: a thousand agents whose collector returns do not return together.
    """
    ceiling_s = min(RETRY_CEILING_S, RETRY_FLOOR_S * 2.0 ** min(failures, 10))
    return RETRY_FLOOR_S + chance * (ceiling_s - RETRY_FLOOR_S)


def held_for_s(retry_after_s: float, chance: float) -> float:
    """How long a Retry-After holds: neither for ever, nor all to the same moment."""
    return min(max(RETRY_FLOOR_S, retry_after_s), RETRY_AFTER_MOST_S) * (1 + chance)


def resized(max_bytes: int, took_s: float, least_s: float = 0.0) -> int:
    """How large the next request may be, after one that took so long; `least_s`: what any takes on this link,
    which no size makes shorter.
    """
    took_s -= least_s
    if took_s < REQUEST_S:
        return min(MAX_REQUEST_BYTES, 2 * max_bytes)
    return max(MIN_REQUEST_BYTES, max_bytes // 2) if took_s > 2 * REQUEST_S else max_bytes


class Pace:
    """Learns from each answer. `backlog_share` is the share of the link's time that a backlog may take."""

    def __init__(self, backlog_share: float) -> None:
        self.share = backlog_share
        self.max_bytes = START_BYTES
        self.max_batches = self._most_batches = DEFAULT_LIMITS.batches
        self.max_schemas = DEFAULT_LIMITS.schemas
        self.backlog_at_s = 0.0  # when the next request may carry backlog
        self.failures = 0
        self._took_s = 0.0  # the last request that was taken
        self._least_s = math.inf  # the one that was taken soonest
        self._tried_s = -math.inf  # when the last request began, or could not even begin
        self._routine_at_s = 0.0  # until then only alarms go
        self._held = False  # by a Retry-After, which the answer to an alarm does not end
        self._alarm_since_s: float | None = None
        self._alarm_at_s = math.inf
        self._limited_until_s = 0.0

    # when

    def wait_s(self, now_s: float) -> float:
        """How long to wait before the next request."""
        return max(0.0, min(self._routine_at_s, self._alarm_at_s) - now_s)

    def only_alarms(self, now_s: float) -> bool:
        """Whether all else has to wait."""
        return now_s < self._routine_at_s

    def held(self, now_s: float) -> bool:
        """Whether a Retry-After says so."""
        return self._held and self.only_alarms(now_s)

    def alarm(self, now_s: float) -> None:
        """An alarm was sealed: it waits for nothing but the second between two requests."""
        self._alarm_since_s = now_s
        self._alarm_at_s = min(self._alarm_at_s, max(now_s, self._tried_s + RETRY_FLOOR_S))

    def no_alarm(self) -> None:
        """No alarm is pending."""
        self._alarm_since_s, self._alarm_at_s = None, math.inf

    @property
    def alarm_waits(self) -> bool:
        """Whether an alarm waits, or one may."""
        return self._alarm_since_s is not None

    @property
    def patience_s(self) -> float:
        """How long a request with an alarm waits for its answer. A connection that leads nowhere any more
        costs one try; a link that is only slow is known for it, and gets more each time.
        """
        return max(ALARM_S, PATIENCE * self._took_s) * 2.0 ** min(self.failures, 10)

    def yield_s(self, least_s: float) -> float:
        """How long an alarm waits for the answer to a request without alarms: `least_s`, for nobody may be
        there; longer on a link that is known as slow, where a connection anew costs more than that answer.
        """
        return max(least_s, YIELDING * self._took_s)

    def begun(self, now_s: float) -> None:
        """A request is sent."""
        self._tried_s = now_s

    def failed(self, now_s: float, chance: float, retry_after_s: float | None = None) -> None:
        """Wait, for a `chance` in 0 ... 1; alarms for no longer than theirs is."""
        self.failures += 1
        self.max_bytes = max(MIN_REQUEST_BYTES, self.max_bytes // 2)
        if retry_after_s is not None:
            self._held = True
            self._routine_at_s = now_s + held_for_s(retry_after_s, chance)
        else:
            at_s = now_s + backoff_s(self.failures, chance)
            self._routine_at_s = max(self._routine_at_s if self._held else 0.0, at_s)
        self._alarm_at_s = self._next_alarm_s(now_s)
        self._tried_s = max(self._tried_s, now_s)

    def _next_alarm_s(self, now_s: float) -> float:
        if self._alarm_since_s is None:
            self._alarm_since_s = now_s  # one may be pending
        elif self._alarm_since_s > self._tried_s:  # sealed while that request was under way
            return max(now_s, self._tried_s + RETRY_FLOOR_S)
        waited_s = now_s - self._alarm_since_s
        pause_s = min(ALARM_CEILING_S, ALARM_S * max(1.0, waited_s / ALARM_OFTEN_S))
        return max(now_s + RETRY_FLOOR_S, self._tried_s + pause_s)

    def pause(self, now_s: float) -> None:
        """Wait for the least time before a request that may do better than the last."""
        at_s = now_s + RETRY_FLOOR_S
        self._routine_at_s, self._alarm_at_s = max(self._routine_at_s, at_s), at_s

    def reached(self, now_s: float) -> None:
        """The collector took something."""
        self.failures = 0
        if not self.held(now_s):
            self._routine_at_s, self._held = 0.0, False
        if self._held:
            self._alarm_at_s = now_s  # there may be more
        else:
            self.no_alarm()

    # how much

    def answered(self, now_s: float, took_s: float, with_backlog: bool) -> None:
        """A request was taken that carried nothing that is sent again."""
        self.reached(now_s)
        self._took_s, self._least_s = took_s, min(self._least_s, took_s)
        self.max_bytes = resized(self.max_bytes, took_s, self._least_s)
        if now_s > self._limited_until_s:
            self._most_batches, self.max_schemas = DEFAULT_LIMITS.batches, DEFAULT_LIMITS.schemas
        self.max_batches = min(self._most_batches, 2 * self.max_batches)
        if with_backlog:
            self.backlog_at_s = now_s + took_s * (1 / self.share - 1)

    def too_large(self, now_s: float, batches: int, schemas: int) -> bool:
        """A request was refused for its size: halve it, and return whether there was anything to halve."""
        self.pause(now_s)
        self._limited_until_s = now_s + LIMIT_S
        if batches > 1:
            self.max_batches = self._most_batches = batches // 2
        elif schemas > 1:
            self.max_schemas = schemas // 2
        return batches > 1 or schemas > 1

    def found(self) -> None:
        """What was too large is known by now: the rest may fit together."""
        self._most_batches = DEFAULT_LIMITS.batches
