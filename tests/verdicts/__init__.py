"""What the kernels say of fixed frames, kept in `tests/vectors/verdicts`: a change of a verdict is a line."""
