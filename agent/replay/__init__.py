"""Recordings, buffers and archives as frames, judged by the agent's own detectors."""
