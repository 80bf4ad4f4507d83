"""Buses and links: the only place of the agent that imports pymodbus, and the only one that talks Modbus."""
