"""The registers of one simulated unit."""

import threading
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from drivers.registers import Area

Words = NDArray[np.uint16]


class RegisterTable:
    """Four areas of 65536 registers or bits, of which only those that were defined exist.

    Safe to read from a bus thread while another writes: a request never sees half of a `write`. In a request
    an address rises by `address_step` from one register to the next: by 2 where a unit counts bytes.
    """

    def __init__(self, address_step: int = 1) -> None:
        self._address_step = address_step
        self._words = {area: np.zeros(65536, np.uint16) for area in Area}
        self._exists = {area: np.zeros(65536, bool) for area in Area}
        self._lock = threading.Lock()

    def define(self, area: Area, address: int, words: Iterable[int]) -> None:
        """Make registers exist from `address` on, with these first values."""
        values = np.fromiter(words, np.uint16)
        if address < 0 or address + len(values) > 65536:
            raise ValueError(f"{area} {address} to {address + len(values) - 1}: addresses are 0 to 65535")
        with self._lock:
            self._words[area][address : address + len(values)] = values
            self._exists[area][address : address + len(values)] = True

    def remove(self, area: Area, addresses: Iterable[int]) -> None:
        """Make registers exist no more: a read that touches one is refused with exception 2."""
        with self._lock:
            self._exists[area][list(addresses)] = False

    def write(self, area: Area, addresses: NDArray[np.intp], words: Words) -> None:
        """Set registers, any number at any addresses, at once."""
        with self._lock:
            self._words[area][addresses] = words

    def read(self, area: Area, address: int, count: int) -> Words | None:
        """`count` registers from `address` as requested, or None where one of them does not exist."""
        address, odd = divmod(address, self._address_step)
        if odd:
            return None
        with self._lock:
            if address + count > 65536 or not self._exists[area][address : address + count].all():
                return None
            words: Words = self._words[area][address : address + count].copy()
        return words
