"""What has arrived, what was reported lost, and what is missing. Pure."""
