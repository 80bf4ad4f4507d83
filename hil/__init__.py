"""The test bench: simulated battery rooms behind real Modbus sockets and ptys."""
