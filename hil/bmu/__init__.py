"""The battery management unit between a plant and a Modbus client: what it measures, and what it shows."""
