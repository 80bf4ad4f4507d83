"""What a command says on stderr while it works: on a terminal a line that moves, elsewhere one every 10 s."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import click
from rich.progress import Progress

from agent.cli.common.tables import terminal

EVERY_S = 10.0


@contextmanager
def waiting(words: str, every_s: float = EVERY_S) -> Iterator[None]:
    """Say what is waited for, as long as the block lasts; nothing where that is short."""
    console = terminal(stderr=True)
    if console.is_terminal:
        with console.status(words):
            yield
        return
    over, began_s = Event(), time.monotonic()

    def tell() -> None:
        while not over.wait(every_s):
            click.echo(f"{words}: {time.monotonic() - began_s:.0f} s", err=True)

    thread = Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def counting(words: str, total: int, every_s: float = EVERY_S) -> Iterator[Callable[[int], None]]:
    """Give a function that is told how many more of `total` are done."""
    console = terminal(stderr=True)
    if console.is_terminal:
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task(words, total=total)
            yield lambda done: bar.update(task, advance=done)
        return
    so_far, told_s = 0, time.monotonic()

    def count(done: int) -> None:
        nonlocal so_far, told_s
        so_far += done
        if time.monotonic() - told_s >= every_s:
            told_s = time.monotonic()
            share = f" ({100 * so_far / total:.0f} %)" if total else ""
            click.echo(f"{words}: {so_far:,} of {total:,} frames{share}", err=True)

    yield count
