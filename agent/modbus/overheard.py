"""Requests of another master, found among the bytes that were heard on a serial line. Pure.

A unit answers whoever asked, and an answer does not say whom. So on a line with a second master (a BMS that
is one itself, an inverter, a gateway that was forgotten) only the request in front of it tells whose it is.
"""

from pymodbus.framer import FramerRTU

ANOTHER_MASTER = "another master speaks on this line"
REMEDY = "their answers destroy each other: stop it, or give it a line of its own"

# Bytes of a whole request by its function code; where one has a byte count: its place, and the bytes beside
# what it counts. Modbus application protocol V1.1b3, section 6. Without 7, 11 and 12: of four bytes, half of
# them checksum, noise makes one too easily, and no poller sends them.
FIXED = {1: 8, 2: 8, 3: 8, 4: 8, 5: 8, 6: 8, 8: 8, 17: 4, 22: 10, 24: 6, 43: 7}
COUNTED = {15: (6, 9), 16: (6, 9), 20: (2, 5), 21: (2, 5), 23: (10, 13)}
BIT_READS, WORD_READS, MOST_READ = (1, 2), (3, 4), 2000
ADDRESSED = (1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 24)


def sound(frame: bytes) -> bool:
    """Whether the checksum at the end of an RTU frame is that of the bytes before it."""
    return bool(FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big")))


def request_at(heard: bytes, at: int) -> bytes:
    """Return the sound request that begins at `at`; b"" where none does."""
    function = heard[at + 1] if at + 1 < len(heard) else 0
    size = FIXED.get(function, 0)
    if function in COUNTED:
        place, beside = COUNTED[function]
        size = heard[at + place] + beside if at + place < len(heard) else 0
    frame = heard[at : at + size]
    if not size or len(frame) < size or not sound(frame):
        return b""
    count = int.from_bytes(frame[4:6], "big")
    if function in (*BIT_READS, *WORD_READS) and not 1 <= count <= MOST_READ:
        return b""  # another unit's answer of three bytes of bits, which has the length of a request
    return frame


def answers_to(request: bytes) -> dict[bytes, int]:
    """Return how the answers to a read begin, and their lengths; none for what is no read, or a broadcast."""
    unit_id, function, count = request[0], request[1], int.from_bytes(request[4:6], "big")
    size = (count + 7) // 8 if function in BIT_READS else 2 * count
    if unit_id == 0 or function not in (*BIT_READS, *WORD_READS) or size > 0xFF:
        return {}
    return {bytes((unit_id, function, size)): 5 + size, bytes((unit_id, function | 0x80)): 5}


def described(request: bytes) -> str:
    """Say what a request asks for, in words."""
    asks = f"unit id {request[0]}, function {request[1]}"
    return asks + (f", address {int.from_bytes(request[2:4], 'big')}" if request[1] in ADDRESSED else "")
