"""Azure Resource Manager: what the rights of the person at the keyboard let them read about the app's resources."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import requests

from cli.faults import CommandError
from cli.reach import signed_in
from domain.errors import ConfigurationError

ROOT = "https://management.azure.com"
SITES_VERSION = "2024-04-01"
TIMEOUT_SECONDS = 30
MOST_SHOWN = 300  # characters of what an identity says


class Token(NamedTuple):
    """A token, and until when it is good (epoch seconds)."""

    text: str
    expires_on: float


class Person:
    """Who is signed in, as a credential of the SDKs. They try half a minute where nobody is; this says it at once."""

    def __init__(self, chain: Any) -> None:
        self._chain = chain

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Give a token. Raises ConfigurationError where nobody is signed in, or may have none."""
        from azure.core.exceptions import ClientAuthenticationError  # noqa: PLC0415 - comes with the identity

        try:
            return self._chain.get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            raise ConfigurationError(
                f"Nobody is signed in to Azure ({_first_line(str(error))}). `az login` does it.",
                code="not_signed_in",
            ) from error


def call(method: str, path: str, version: str, query: Mapping[str, str] | None = None) -> Any:
    """Ask Azure Resource Manager. Raises CommandError with what it says."""
    try:
        token = signed_in().get_token(f"{ROOT}/.default").token
    except ConfigurationError as error:
        raise CommandError(str(error)) from error
    try:
        answer = requests.request(
            method,
            f"{ROOT}{path}",
            params={"api-version": version, **(query or {})},
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
        )
    except requests.RequestException as error:
        raise CommandError(f"{ROOT} does not answer ({type(error).__name__}).") from error
    if not answer.ok:
        raise CommandError(f"Azure Resource Manager answered {answer.status_code} for {path}.")
    return answer.json()


def app_token(client_id: str) -> Token:
    """Give a token for an app that people sign in to. Raises CommandError where nobody is signed in, or may have none."""
    scope = f"api://{client_id}/.default"
    try:
        given = signed_in().get_token(scope)
    except ConfigurationError as error:
        raise CommandError(
            f"There is no token for {scope}: {error}",
            f"With this scope: `az login --scope {scope}`; the app registration has to let the Azure CLI in (docs/deploy.md).",
        ) from error
    return Token(given.token, given.expires_on)


def _first_line(told: str) -> str:
    """Give the one line that matters of what a chain of credentials says, which lists all that it has tried."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith("AzureCliCredential:")), lines[0] if lines else "")
    return said[:MOST_SHOWN].rstrip(".")


def site(subscription: str, group: str, name: str) -> str:
    """Name a Function App as Azure Resource Manager does."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Web/sites/{name}"


def function_key(subscription: str, group: str, name: str) -> str | None:
    """Give a function key of an app, to those who may read it; None where there is none."""
    told = call("POST", f"{site(subscription, group, name)}/host/default/listKeys", SITES_VERSION)
    keys = told.get("functionKeys") or {}
    key = keys.get("default") or next(iter(keys.values()), None)
    return str(key) if key else None


def app_settings(subscription: str, group: str, name: str) -> dict[str, str]:
    """Give an app's settings, to those who may read them."""
    told = call("POST", f"{site(subscription, group, name)}/config/appsettings/list", SITES_VERSION)
    return {str(key): str(value) for key, value in (told.get("properties") or {}).items()}
