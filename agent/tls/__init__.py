"""Certificates: how the agent gets one, where it lies, and what it proves with it."""
