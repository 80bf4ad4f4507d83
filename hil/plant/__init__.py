"""Battery physics of the bench: pure, seeded, deterministic, no clocks and no sockets."""
