"""Of which form the answers of a control socket are.

An agent that was not restarted after an upgrade is of another version than the command that asks it. Every
answer says its form in a header; an answer of another form than this version reads is not taken.
"""

from pathlib import Path

HEADER = "Cellwarden-Form"
FORM = 2  # one more whenever a key that tools read is new or gone. 1 was not said: that of 0.1.0


class OtherVersion(Exception):
    """The agent answers in the form of another version, and what to do."""


def must_be_ours(path: Path, said: str | None) -> None:
    """Raise OtherVersion where the agent at `path` says another form in its header; None: it says none."""
    form = said or "1"
    if form == str(FORM):
        return
    newer = form.isdecimal() and int(form) > FORM
    age = "a newer" if newer else "an older"
    do = "use the cellwarden that it runs from" if newer else "restart it: sudo systemctl restart cellwarden"
    raise OtherVersion(f"the agent at {path} is of {age} version than this command; {do}")
