"""cellwarden profile schema."""

import json

import click

from drivers.profile.load import json_schema


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of a profile, for editors that complete and check while you type.

    \b
    Example:  cellwarden profile schema > profile.schema.json
    """
    click.echo(json.dumps(json_schema(), indent=1))
