"""What the sentences of alarms share. Each stands in its detector's file: a `Case` in, an `AlarmEvent` out.

A technician acts on the sentence: what was measured, against what, since when, how far beyond noise. It is
read long after the alarm was raised, so each figure in it is of that frame, and the sentence says so. The
figures of now are added where the alarm is shown (`agent.control.present`).
"""
