"""Looking at an installation before, or beside, a running agent: which units are there, and what they are."""
