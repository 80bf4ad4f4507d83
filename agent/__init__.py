"""The cellwarden agent: polls battery management units, judges, stores and forwards what they say."""
