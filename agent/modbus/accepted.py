"""Which replies count where a device does not repeat the numbers of its request. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a bus says of the numbers in its replies.

    any_transaction: they carry transaction ids of their own. unit_id: what they may carry in place of the
    unit id that was asked; None: nothing else.
    """

    any_transaction: bool = False
    unit_id: int | None = None

    def __str__(self) -> str:
        any_transaction = "any transaction id, one request at a time" if self.any_transaction else ""
        other_id = "" if self.unit_id is None else f"unit id {self.unit_id} for any that is asked"
        return "; ".join(filter(None, (any_transaction, other_id))) or "the numbers of the request alone"

    def ids(self, asked_id: int) -> tuple[int, ...]:
        """Return the unit ids that a reply to a request may carry."""
        return (asked_id,) if self.unit_id in (None, asked_id) else (asked_id, self.unit_id)


STRICT = Accepted()
