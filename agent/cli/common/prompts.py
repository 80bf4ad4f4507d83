"""How setup asks: every question has an answer that is proposed, and --yes takes it."""

import getpass
import os
from dataclasses import dataclass

import click

from agent.view.language import tr

BACK = "<"
ANSWERS = {"y": True, "yes": True, "n": False, "no": False}


class Back(Exception):
    """The person wants to answer an earlier question anew."""


def you() -> str:
    """Return who is at the terminal: with sudo, who called it."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


@dataclass(frozen=True, slots=True)
class Prompts:
    """A person at a terminal; with `yes`, nobody: what is proposed is taken, and shown.

    steps: whether there is an earlier question to go back to.
    """

    yes: bool
    steps: bool = False

    def ask(self, question: str, proposed: str | None) -> str:
        """Return the answer; None proposes nothing, and is for a person only. Raises Back."""
        if self.yes and proposed is not None:
            click.echo(f"{question} > {proposed}")
            return proposed
        shown = bool(proposed)
        return self._told(click.prompt(question, default=proposed, show_default=shown, prompt_suffix=" > "))

    def agree(self, question: str, proposed: bool = True) -> bool:
        """Return whether the answer is yes. Raises Back."""
        if self.yes:
            click.echo(f"{question} > y")
            return True
        shown = f"{question} [{'Y/n' if proposed else 'y/N'}]"
        while True:
            told = self._told(click.prompt(shown, default="", show_default=False, prompt_suffix=" > "))
            if not told:
                return proposed
            if (answer := ANSWERS.get(told.lower())) is not None:
                return answer
            click.echo(f"    {tr('y or n')}", err=True)

    def _told(self, answer: str) -> str:
        told = str(answer).strip()
        if self.steps and told == BACK:
            raise Back
        return told
