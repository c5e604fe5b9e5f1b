"""`completion`: what a shell has to be told."""

import click
from click.shell_completion import get_completion_class

from cli.application import NAME, whole

SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog="""\b
Examples:
  aoai-batch completion bash >> ~/.bashrc
  aoai-batch completion zsh >> ~/.zshrc
  aoai-batch completion fish > ~/.config/fish/completions/aoai-batch.fish"""
)
@click.argument("shell", type=click.Choice(SHELLS))
def command(*, shell: str) -> int:
    """Write what makes SHELL complete verbs, options and files."""
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(whole, {}, NAME, f"_{NAME.replace('-', '_').upper()}_COMPLETE").source())
    return 0
