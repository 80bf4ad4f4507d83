"""Mutants: small mistakes that are put into the source, one at a time, for the tests to find."""
