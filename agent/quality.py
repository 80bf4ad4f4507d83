"""The quality of a value: one enumeration, the same in memory, on disk and on the wire."""

from enum import IntEnum


class Quality(IntEnum):
    """Why a value can, or cannot, be believed. The numbers are part of the wire format and never change."""

    GOOD = 0
    MISSING = 1  # the unit answered with its "not available" code
    OUT_OF_RANGE = 2  # read, but outside what the sensor can mean
    REFUSED = 3  # the unit answered with a Modbus exception
    NO_REPLY = 4  # asked, and no sound answer came in time
    STALE = 5  # not asked in this poll cycle
    FROZEN = 6  # the unit answers, but its values provably stand still
    MISMATCH = 7  # the unit is not the one its profile describes: nothing was decoded


#: Nothing was read: the raw value beside such a quality is 0 and means nothing.
NOT_READ = frozenset({Quality.REFUSED, Quality.NO_REPLY, Quality.STALE, Quality.MISMATCH})
