"""Storage and the service, reached with the rights of the person at the keyboard."""

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from cli.places import Place
from domain.errors import PipelineError

if TYPE_CHECKING:
    from adapters.services import Services


def services_of_place(place: Place) -> "Services":
    """Wire what a place names; nothing is opened yet, and no container is made or asked for. Closed with the verb."""
    from adapters.services import Services, batch_api_of  # noqa: PLC0415 - slow to import, not needed for a verb's help
    from adapters.storage.account import open_storage  # noqa: PLC0415 - as above

    settings = place.settings()
    services = Services(
        settings=settings,
        open_storage=lambda: open_storage(settings, signed_in() if settings.data is None else None),
        open_batch_api=lambda: batch_api_of(settings, None if settings.azure_openai_api_key else signed_in()),
        open_live=_no_live_calls,
    )
    if context := click.get_current_context(silent=True):
        context.call_on_close(lambda: _close(services))
    return services


def _close(services: "Services") -> None:
    """Close the connections of what was opened."""
    opened = vars(services)
    for part in ("storage", "batch_api"):
        if part in opened:
            opened[part].close()


@cache
def signed_in() -> Any:
    """Give who is signed in: by `az login` first, which on a laptop is the common case, then by `azd auth login`, then anything else."""
    # What a chain of credentials has tried is logged in a dozen lines; the fault is told in one.
    logging.getLogger("azure.identity").setLevel(logging.CRITICAL)
    from azure.identity import (  # noqa: PLC0415 - slow to import, not needed for the demo
        AzureCliCredential,
        AzureDeveloperCliCredential,
        ChainedTokenCredential,
        DefaultAzureCredential,
    )

    from cli.azure import Person  # noqa: PLC0415 - it imports this module

    return Person(
        ChainedTokenCredential(AzureCliCredential(), AzureDeveloperCliCredential(), DefaultAzureCredential())
    )


def _no_live_calls() -> Any:
    raise PipelineError("The command sends no live calls.")
