"""cellwarden completion: what a shell needs to complete commands, options, units, alarms and profiles."""

import click
from click.shell_completion import get_completion_class

import agent.cli.common.completing  # noqa: F401  registers bash's


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what SHELL needs to complete commands, options, units, alarm ids and profiles.

    Units and alarms are those of the running agent, where one answers; else units of the configuration.

    \b
    Examples:  eval "$(cellwarden completion bash)"                                  # in ~/.bashrc
               cellwarden completion fish > ~/.config/fish/completions/cellwarden.fish
    """
    context = click.get_current_context()
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(context.find_root().command, {}, "cellwarden", "_CELLWARDEN_COMPLETE").source())
