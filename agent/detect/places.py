"""Places of a battery, and the quantities that are judged there, by name. Without numpy: what people are
shown is made of them too.
"""

#: Temperatures of the battery itself. Transistors and terminals heat with every load step: not these.
TEMPERATURES = ("cell_temperature", "module_temperature", "battery_temperature")
VOLTAGES = ("cell_voltage", "module_voltage")

MIN_IN_STRING = 4  # fewer siblings in one string than this, and the whole unit is the better comparison


def string_of(place: str) -> str:
    """Return the string a place is in: "string1/module2/cell5" is in "string1"; "" when it is in none."""
    head = ""
    for part in place.split("/"):
        head = f"{head}/{part}" if head else part
        if part.startswith("string"):
            return head
    return ""
