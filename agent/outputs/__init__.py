"""Telling the room: a relay, the system's journal. None can hold up another, or the poller."""
