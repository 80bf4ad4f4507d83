"""The detectors, one file each: its arrays and what is done with them. Compiled; pure."""
