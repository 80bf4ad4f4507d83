"""What is asked of a unit and what it answers, free of any transport."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from agent.quality import Quality


class Area(StrEnum):
    """The four tables of the Modbus data model; each is read by one function code."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"

    @property
    def function_code(self) -> int:
        """The read function code of this table (Modbus application protocol V1.1b3, section 6)."""
        return {"coil": 1, "discrete": 2, "holding": 3, "input": 4}[self.value]


@dataclass(frozen=True, slots=True)
class Read:
    """One request: `count` registers (or bits) of `area` from the zero-based PDU `address`.

    `unit_offset` is added to the configured unit id: a logical battery may be spread over several.
    """

    area: Area
    address: int
    count: int
    unit_offset: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one `Read`: `words` (bits as 0/1 for coils) when quality is GOOD, else empty."""

    words: Sequence[int] | NDArray[np.uint16]
    quality: Quality = Quality.GOOD
    exception_code: int | None = None
