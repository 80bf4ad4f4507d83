"""The agent as one process: the only place where its parts are wired together."""

from agent.runtime.agent import Agent

__all__ = ["Agent"]
