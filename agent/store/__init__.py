"""The SQLite buffer between the units and the upstreams: one writer, every batch accounted for."""
