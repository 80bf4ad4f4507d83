"""A time as people type it."""

from datetime import UTC, datetime, timedelta

import click

LATEST = timedelta(microseconds=2**63 // 1000)


class Moment(click.ParamType[int]):
    """A UTC time, as ns since 1970."""

    name = "UTC time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return ns."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r}: expected a UTC time, such as 2026-11-24T04:00:00")
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
        if not timedelta(0) <= since < LATEST:
            self.fail(f"{value!r}: expected a time between 1970 and 2262")
        return since // timedelta(microseconds=1) * 1000
