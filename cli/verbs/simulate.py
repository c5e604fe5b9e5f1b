"""`simulate`: an Azure OpenAI service on this machine, which costs nothing."""

import subprocess
import sys

import click

from cli.faults import CommandError, Ending
from cli.places import REPOSITORY

MODULE = "local.azure_openai"


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    epilog="""\b
Examples:
  aoai-batch simulate                         http://127.0.0.1:8900, a hundred times as fast as Azure
  aoai-batch simulate --speed 1 --port 8901
  aoai-batch simulate -- --help               all its options""",
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def command(*, options: tuple[str, ...]) -> int:
    """Start a local service that behaves as Azure OpenAI's Batch API is known to, until Ctrl-C. In a checkout only.

    The app reaches it with AZURE_OPENAI_ENDPOINT=http://127.0.0.1:8900 and AZURE_OPENAI_API_KEY=local-key.
    """
    if not (REPOSITORY / "local" / "azure_openai").is_dir():
        raise CommandError(
            "The simulated service is a part of the repository, not of the installed command.",
            "Run it in a checkout, after `make setup`: .venv/bin/aoai-batch simulate",
            ending=Ending.REFUSED,
        )
    given = (
        list(options)
        if any(option.startswith("--speed") for option in options)
        else ["--speed", "100", *options]
    )
    return subprocess.run([sys.executable, "-m", MODULE, *given], cwd=REPOSITORY, check=False).returncode  # noqa: S603 - our own module
