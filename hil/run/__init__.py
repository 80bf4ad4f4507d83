"""How a scenario runs: the agent's own code in process, or a real agent and a real collector."""
