"""Alarms after ISA-18.2: their states, the book of one unit's alarms, and the words that explain them."""
