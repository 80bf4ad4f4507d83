"""cellwarden warm-up: compile the detectors, so that the next start of the agent need not."""

import logging
import os

import click

from agent.box import kernel_cache


@click.command("warm-up")
def command() -> None:
    """Compile the detectors and keep them on disk; the packages do this once per installation and upgrade.

    \b
    To be run as the agent's user, with the agent's cache:
      runuser -u cellwarden -- env NUMBA_CACHE_DIR=/var/cache/cellwarden/kernels cellwarden warm-up
    """
    logging.basicConfig(format="%(message)s")
    seconds = kernel_cache.prepare()
    where = (
        "in memory only"
        if kernel_cache.IN_MEMORY in os.environ
        else os.environ.get(kernel_cache.CACHE, "on disk")
    )
    click.echo(f"kernels are ready after {seconds:.1f} s ({where})")
