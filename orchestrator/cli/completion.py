"""`orch completion SHELL`: the script that completes commands, options, workflows and runs."""

from __future__ import annotations

import click

from orchestrator.cli.console import the_console

RC = {
    "bash": 'eval "$(orch completion bash)"   in ~/.bashrc',
    "zsh": 'eval "$(orch completion zsh)"   in ~/.zshrc',
    "fish": "orch completion fish > ~/.config/fish/completions/orch.fish",
}


@click.command(help="Print the completion script for a shell; put what the hint says where it says.")
@click.argument("shell", type=click.Choice(list(RC)))
def command(shell: str) -> None:
    from click.shell_completion import get_completion_class

    from orchestrator.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    console = the_console()
    console.out.write(kind(cli, {}, "orch", "_ORCH_COMPLETE").source() + "\n")
    if console.color_err:
        console.say(RC[shell], "dim")
