"""The alarms of the whole site: what stands, what people do about it, and what the agent says of itself."""
