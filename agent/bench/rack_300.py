"""The unit that the benchmarks have in common: 240 cells and 60 temperatures, as a large rack has them."""

_HEAD = """
schema = 1
model = "bench-300"
topology = { strings = 1, modules = 15, cells = 16, sensors = 4 }
"""

_CURRENT = """
[[point]]
name = "current"
quantity = "current"
address = 0
type = "i16"
scale = 0.1
unit = "A"
"""

_CELLS = """
[[point]]
name = "cell_voltage"
address = 1000
count = 240
scale = 0.001
unit = "V"
valid = [0.5, 5.0]
missing = 0xFFFF
[[point]]
name = "cell_temperature"
address = 2000
count = 60
type = "i16"
unit = "degC"
valid = [-40, 150]
missing = -32768
"""


def profile_text(step_k: float = 0.1, current: bool = False) -> str:
    """Return its profile as TOML. step_k: what one step of a temperature register is, K."""
    return f"{_HEAD}{_CURRENT if current else ''}{_CELLS}scale = {step_k}\n"
