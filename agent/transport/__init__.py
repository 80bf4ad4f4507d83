"""Transports: how a line is named, opened, framed and matched, one file each.

`row`: what is asked of a transport. `table`: the rows. Configuration, check, scan, setup, probe, doctor,
report and bench read them, as does the agent itself; none of them asks which transport it is.
"""
