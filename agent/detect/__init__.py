"""Judging: numba kernels over preallocated arrays, and the alarm table. Pure: no I/O, no clocks."""
