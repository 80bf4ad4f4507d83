"""The keys of agent.toml, one by one: what every table of it is made of."""
