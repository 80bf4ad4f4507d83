"""Why a unit cannot be polled, and who must act."""

from typing import TYPE_CHECKING

from agent.message import Message

if TYPE_CHECKING:
    from drivers.layout import Layout


class ConnectError(Exception):
    """A unit cannot be polled now; the message says why and what to do."""


class NoAnswer(ConnectError):
    """The unit does not answer: look at power, wiring, unit id and line settings."""


class IdentityMismatch(ConnectError):
    """The unit is not the one its profile describes: choose the right profile; nothing was decoded.

    `layout` is what the profile describes, so that each of its values can be shown as MISMATCH; `wrong`: what
    is other than it wants.
    """

    def __init__(self, wrong: str, layout: "Layout") -> None:
        self.wrong, self.layout = wrong, layout
        model = layout.profile_model
        super().__init__(
            Message("this is not a {model}: {wrong}; choose the right profile", model=model, wrong=wrong)
        )


class ChainError(ConnectError):
    """The unit's SunSpec models cannot be found, or hold nothing to poll."""
