"""The profile format: what may stand in a profile, what can be wrong with it, and what follows from it."""
