"""Room and scenario files: what happens, what is expected of it, and what came of it."""
