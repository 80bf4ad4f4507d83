"""The Modbus side of the bench: register tables served over TCP and over ptys, with faults on demand.

pymodbus's own server is not used: it answers an unknown unit with exception 4, its one hook on outgoing bytes
can neither delay nor withhold them, and it cannot pace a pty. Its framers build and check every frame here.
"""
