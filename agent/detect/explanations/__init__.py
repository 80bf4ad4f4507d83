"""What an alarm says, a function per detector: a `Case` in, an `AlarmEvent` out.

A technician acts on the sentence: what was measured, against what, since when, how far beyond noise. It is
read long after the alarm was raised, so each figure in it is of then, and it says so. What is so now is
looked up by whoever shows the alarm (`agent.control.present`).
"""
