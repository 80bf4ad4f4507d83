"""python -m agent.cli: the `cellwarden` command of this very checkout."""

from agent.cli import main

main(prog_name="cellwarden")
