"""`accept` of a [[bus]]: which other numbers its replies may carry."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from agent.keys.values import ConfigTable, Whole
from agent.message import Message
from agent.modbus.accepted import STRICT, Accepted


class Accept(ConfigTable):
    """transaction: "any": replies do not repeat the transaction id of their request. unit_id: they may carry
    this unit id in place of the one that was asked.
    """

    transaction: Literal["any"] | None = None
    unit_id: Annotated[int, Field(ge=0, le=255), Whole] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.transaction is None and self.unit_id is None:
            raise ValueError(Message('says nothing: write transaction = "any", unit_id = N, or both'))
        return self


def accepted(accept: Accept | None) -> Accepted:
    """Return it for a port."""
    return Accepted(accept.transaction == "any", accept.unit_id) if accept else STRICT
