"""What holds for every test: the same examples at every run, and no test fails for being slow."""

from hypothesis import settings

settings.register_profile("cellwarden", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=20_000, print_blob=True)  # scripts/fuzz
settings.load_profile("cellwarden")
