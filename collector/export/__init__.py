"""Stored values as files that any tool reads, from a collector's database or from an agent's buffer."""
