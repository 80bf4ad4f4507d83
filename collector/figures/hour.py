"""Hour figures from minute figures. Pure."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from collector.figures.figures import HOUR_S, Arrays, Extremes, Figures


def hour_figures(minutes: Sequence[Figures]) -> Figures:
    """The figures of an hour from those of its minutes, which have one schema; in any order, one or more."""
    minutes = sorted(minutes, key=lambda one: one.span.utc_s)
    first = minutes[0]
    span = first.span._replace(span_s=HOUR_S, utc_s=first.span.utc_s // HOUR_S * HOUR_S)
    arrays = [one.arrays for one in minutes if one.arrays]
    safe = first.safety_s is not None
    return replace(
        first,
        span=span,
        frames=sum(one.frames for one in minutes),
        data_s=sum(one.data_s for one in minutes),
        safety_s=sum(one.safety_s or 0 for one in minutes) if safe else None,
        data_minutes=sum(one.data_minutes for one in minutes),
        safety_minutes=sum(one.safety_minutes or 0 for one in minutes) if safe else None,
        clock=max(one.clock for one in minutes),
        extremes=_extremes([one.extremes for one in minutes]),
        arrays=_together(arrays) if arrays else None,
    )


def _extremes(minutes: Sequence[Extremes]) -> Extremes:
    """Those of an hour: of minutes that are alike the first."""
    nothing = float("-inf")
    hot = max(minutes, key=lambda one: nothing if one.hottest is None else one.hottest)
    wide = max(minutes, key=lambda one: nothing if one.spread is None else one.spread)
    return Extremes(*hot[:3], *wide[3:])


def _together(minutes: Sequence[Arrays]) -> Arrays:
    good_s = np.stack([one.good_s for one in minutes]).astype(np.int64)
    means, lasts = (np.stack([getattr(one, name) for one in minutes]) for name in ("mean", "last"))
    terms = np.where(good_s > 0, means, 0.0).astype(np.float64) * good_s
    at = np.where(good_s > 0, np.arange(len(minutes))[:, None], 0).max(axis=0)  # NaN where there is none
    total = good_s.sum(axis=0)
    with np.errstate(all="ignore"):
        mean = (terms.sum(axis=0) / total).astype(np.float32)
    return Arrays(
        min=np.fmin.reduce([one.min for one in minutes]),
        max=np.fmax.reduce([one.max for one in minutes]),
        mean=mean,
        last=np.take_along_axis(lasts, at[None], axis=0)[0],
        good_s=total.astype(np.uint16),
    )
