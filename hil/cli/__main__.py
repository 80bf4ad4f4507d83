"""python -m hil.cli: the `cellwarden-hil` command of this very checkout."""

from hil.cli import main

main(prog_name="cellwarden-hil")
