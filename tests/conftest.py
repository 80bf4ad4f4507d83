"""What holds for every test: the same examples at every run, and no test fails for being slow."""

from hypothesis import settings

settings.register_profile("cellwarden", deadline=None, derandomize=True)
settings.load_profile("cellwarden")
