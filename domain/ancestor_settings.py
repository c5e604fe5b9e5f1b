"""The environment names of Azure ML batch endpoints with OpenAI models, understood where ours are not given.

From "Run Azure OpenAI models in batch endpoints" and MLflow's OpenAI flavor, read 2026-11. They are the names of the OpenAI SDK before
version 1.0, which other programs on the same machine may use for OpenAI itself: they count only together with the address of an Azure resource.
"""

import re
from collections.abc import Mapping

ADDRESS = "OPENAI_API_BASE"
TYPE = "OPENAI_API_TYPE"
VERSION = "OPENAI_API_VERSION"

_ENDPOINT = "AZURE_OPENAI_ENDPOINT"
_OURS = {
    ADDRESS: _ENDPOINT,
    "OPENAI_API_KEY": "AZURE_OPENAI_API_KEY",
    VERSION: "AZURE_OPENAI_API_VERSION",
    "OPENAI_DEPLOYMENT_NAME": "AZURE_OPENAI_DEPLOYMENT",
    "OPENAI_ENGINE": "AZURE_OPENAI_DEPLOYMENT",
}
_FIRST_VERSION = "2024-07-01"  # with a Batch API
_BY_IDENTITY = frozenset({"azure_ad", "azuread"})
_OPENAI_ITSELF = re.compile(r"(?:https?://)?(?:[^/?#]*\.)?openai\.com(?:[:/?#]|$)", re.IGNORECASE)


def ancestors_names(env: Mapping[str, str]) -> tuple[dict[str, str], str | None]:
    """Give what these names say under ours, and a warning that names them; nothing where they are not meant for this app."""
    given = {name: value.strip() for name, value in env.items() if value.strip()}
    if ADDRESS not in given or _ENDPOINT in given or _is_openai_itself(given[ADDRESS]):
        return {}, None
    found: dict[str, str] = {}
    told, dropped = [], []
    for theirs, ours in _OURS.items():
        if theirs not in given or ours in given or ours in found:
            continue
        if reason := _reason_against(theirs, given):
            dropped.append(f"{theirs} is left out: {reason}.")
        else:
            found[ours] = given[theirs]
            told.append(f"{theirs} as {ours}")
    return found, " ".join(
        [f"Settings of another system were read: {', '.join(told)}. Rename them.", *dropped]
    )


def _is_openai_itself(address: str) -> bool:
    return _OPENAI_ITSELF.match(address) is not None


def _reason_against(name: str, given: Mapping[str, str]) -> str | None:
    if name == VERSION and given[VERSION] < _FIRST_VERSION:
        return f"{given[VERSION]} has no Batch API, which begins with {_FIRST_VERSION}-preview"
    if name == "OPENAI_API_KEY" and given.get(TYPE, "").lower() in _BY_IDENTITY:
        return f"{TYPE} says that the app signs in by identity"
    return None
