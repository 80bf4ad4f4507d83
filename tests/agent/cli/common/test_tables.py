"""What people read on a terminal is text, whatever stands in it."""

import pytest

from agent.cli.common.tables import plain_table, terminal


def test_brackets_and_colons_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    table = plain_table("id")
    table.add_row("[upstream] :fire: [red]x[/red]")
    terminal().print(table)
    terminal().print("[bold]serial[/bold] :test:")
    said = capsys.readouterr().out
    assert "[upstream] :fire: [red]x[/red]" in said
    assert "[bold]serial[/bold] :test:" in said
