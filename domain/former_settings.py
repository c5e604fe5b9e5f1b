"""Settings under the names that they had before; they are understood until version 1.0.

The data account's connection was named `STORAGE`. The blob extension looks for a connection under `AzureWebJobs` and its
name first, and configuration keys ignore case: it found `AzureWebJobsStorage`, the host's account, and watched that one.
"""

from collections.abc import Mapping

from domain.ancestor_settings import ancestors_names
from domain.settings import DATA

FORMER_DATA = "STORAGE"


def current_names(env: Mapping[str, str]) -> tuple[Mapping[str, str], str | None]:
    """Give the environment with today's names, and a warning where former ones were read, or those of an ancestor.

    One today's name of the connection is enough to ignore all former ones: two accounts are never mixed. Likewise with the names of
    `domain.ancestor_settings`.
    """
    ours, of_ours = _of_former_names(env)
    theirs, of_theirs = ancestors_names(env)
    warning = " ".join(filter(None, (of_ours, of_theirs)))
    return ({**env, **ours, **theirs}, warning) if warning else (env, None)


def _of_former_names(env: Mapping[str, str]) -> tuple[dict[str, str], str | None]:
    former = _of_connection(env, FORMER_DATA)
    if not former or _of_connection(env, DATA):
        return {}, None
    today = {DATA + name.removeprefix(FORMER_DATA): value for name, value in former.items()}
    renamed = ", ".join(f"{old} is now {new}" for old, new in zip(former, today, strict=True))
    return today, (
        f"Settings under former names: {renamed}. Rename them: under the former name the blob trigger "
        "looks into the host's account (AzureWebJobsStorage), so that files wait for the sweep. "
        "Version 1.0 reads the new names only."
    )


def _of_connection(env: Mapping[str, str], name: str) -> dict[str, str]:
    """Find the settings of a connection that have a value."""
    return {
        key: value
        for key, value in sorted(env.items())
        if (key == name or key.startswith(f"{name}__")) and value.strip()
    }
