"""The six steps of setup, and how each begins its line."""

import click
from rich.cells import cell_len, set_cell_size

from agent.view.language import tr

LAST = 6
STEPS = {
    1: "Where is the battery?",
    2: "Looking for devices",
    3: "Test before saving",
    4: "How is it labelled?",
    5: "Which site, and who takes its values?",
}
WIDTH = 31  # columns before what is said


def begin(number: int, said: str = "") -> None:
    """Print the line of a step: its question, and what is said to it."""
    head = f"{number}/{LAST} {tr(STEPS[number])}"
    click.echo(f"{set_cell_size(head, max(WIDTH, cell_len(head) + 2))}{said}" if said else head)
