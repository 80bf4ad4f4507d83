"""What batches say about agents, units, points and alarms, worked out alike for every database. Pure.

What stands is decided by the agent's order (epoch, sequence, position within the batch), never by arrival:
what is late or healed changes history, and what it belongs before stays as it is.
"""
