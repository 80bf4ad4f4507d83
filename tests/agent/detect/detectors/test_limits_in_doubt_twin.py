"""A chemistry that does not fit: one finding, in place of an alarm for each cell."""

ORDER = 6
ROWS = """
limits-in-doubt    voltage     warning     1      -       5     60   0.5    -        3
"""
