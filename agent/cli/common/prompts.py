"""How setup asks: every question has an answer that is proposed, and --yes takes it."""

import getpass
import os
from dataclasses import dataclass

import click


def you() -> str:
    """Return who is at the terminal: with sudo, who called it."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


@dataclass(frozen=True, slots=True)
class Prompts:
    """A person at a terminal; with `yes`, nobody: what is proposed is taken, and shown."""

    yes: bool

    def ask(self, question: str, proposed: str | None) -> str:
        """Return the answer; None proposes nothing, and is for a person only."""
        if self.yes and proposed is not None:
            click.echo(f"{question} > {proposed}")
            return proposed
        shown = bool(proposed)
        return str(click.prompt(question, default=proposed, show_default=shown, prompt_suffix=" > "))

    def agree(self, question: str, proposed: bool = True) -> bool:
        """Return whether the answer is yes."""
        if self.yes:
            click.echo(f"{question} > y")
            return True
        return bool(click.confirm(question, default=proposed, prompt_suffix=" > "))
