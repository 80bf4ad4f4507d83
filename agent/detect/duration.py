"""Lengths of time in the words that people read: one rounding for alarms, status and page. Pure."""


def duration(seconds: float) -> str:
    """Return "75 s", "18 min", "3.5 h" or "12 days"; less than nothing is "0 s"."""
    if seconds < 90:
        return f"{max(0.0, seconds):.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.0f} days"
