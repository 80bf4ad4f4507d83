"""A time as people type it: the one parser of every command."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
LATEST = timedelta(microseconds=2**63 // 1000)
FORMS = "2026-12-01 14:00 (local time), 2026-12-01T14:00+09:00, yesterday, -2h or now"
DAYS = {"today": 0, "yesterday": 1}  # days ago; alone, its first moment; or with a time, as "yesterday 14:00"
UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "min": "minutes", "s": "seconds"}
_PART = re.compile(r"([0-9]{1,6})(w|d|h|min|m|s)")
_AGO = re.compile(rf"-(?:{_PART.pattern})+")


def said(text: str, now: datetime) -> datetime:
    """Return a time as it was typed: without a zone where none was named. now: with the zone of the place.

    Raises ValueError.
    """
    try:
        return _read(text.strip(), now)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: write it as {FORMS}") from None


def _read(text: str, now: datetime) -> datetime:
    if text == "now":
        return now
    if _AGO.fullmatch(text):
        ago = sum(
            (timedelta(**{UNITS[unit]: int(number)}) for number, unit in _PART.findall(text)), timedelta()
        )
        return now - ago
    day, _, at = text.partition(" ")
    if day in DAYS:
        on = now.date() - timedelta(days=DAYS[day])
        return datetime.combine(on, time.fromisoformat(at) if at else time())
    return datetime.fromisoformat(text)


def utc_ns(text: str, now: datetime | None = None) -> int:
    """Return a time as ns since 1970; one without a zone is this machine's local time. Raises ValueError."""
    moment = said(text, now or datetime.now().astimezone())
    outside = f"{text!r} is not between 1970 and 2262"
    try:
        since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):  # of the first and the last day of all
        raise ValueError(outside) from None
    if not timedelta(0) <= since < LATEST:
        raise ValueError(outside)
    return since // timedelta(microseconds=1) * 1000


class Moment(click.ParamType[int]):
    """A time, as ns since 1970."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return ns."""
        try:
            return utc_ns(str(value))
        except ValueError as error:
            self.fail(str(error))


class Last(click.ParamType[int]):
    """A length of time up to now, such as 7d or 1d12h, as the moment of its beginning in ns since 1970."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return ns."""
        if isinstance(value, int):
            return value
        try:
            return last_ns(str(value))
        except ValueError as error:
            self.fail(str(error))


def last_ns(text: str, now: datetime | None = None) -> int:
    """Return when a length of time up to now began, as ns since 1970. Raises ValueError."""
    if not _AGO.fullmatch(f"-{text}"):
        raise ValueError(f"{text!r} is no length of time: write it as 7d, 12h or 1d12h")
    return utc_ns(f"-{text}", now)


def between_options(command: F) -> F:
    """Add --from and --to."""
    to = click.option("--to", "end", type=Moment(), help="Up to this time, itself left out.")
    return click.option("--from", "start", type=Moment(), help=f"From this time: {FORMS}.")(to(command))
