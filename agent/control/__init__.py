"""The control socket: how every tool talks to a running agent."""
