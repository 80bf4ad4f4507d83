"""The benchmarks of `cellwarden bench`, one file each. They import all; only the command imports them."""
