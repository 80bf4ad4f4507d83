"""Figures beside a serving collector: the process that makes them, and who starts it and keeps them."""
