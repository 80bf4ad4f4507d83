"""The alarms of the whole site, what people do about them, and the alarms of the agent about itself."""
