"""agent.toml: what may stand in it, read whole with every mistake named, and read again."""
