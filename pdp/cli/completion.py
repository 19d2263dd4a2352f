"""`pdp completion`: tab completion for shells."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from pdp.cli.exits import ExitCode

EPILOG = """\b
Examples:
  pdp completion bash > /etc/bash_completion.d/pdp
  pdp completion zsh > "${fpath[1]}/_pdp"
  pdp completion fish > ~/.config/fish/completions/pdp.fish
"""


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> ExitCode:
    """Print the script that completes commands and options of pdp in SHELL."""
    complete = get_completion_class(shell)
    if complete is None:
        raise click.UsageError(f"no completion for `{shell}`")
    click.echo(complete(context.find_root().command, {}, "pdp", "_PDP_COMPLETE").source())
    return ExitCode.OK
