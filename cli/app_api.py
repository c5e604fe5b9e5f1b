"""The app's HTTP routes, for what only the running app knows."""

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cli.faults import CommandError, Ending
from cli.places import APP_KEY, CLIENT_ID, Place
from domain.addresses import is_loopback

if TYPE_CHECKING:
    import requests

    from cli.azure import Token

TIMEOUT_SECONDS = 30
DOCTOR_SECONDS = 90  # it waits for what does not answer
MOST_SHOWN = 300
PASSING = frozenset({502, 503, 504})
LEAST_TOKEN_SECONDS = 300


class AppApi:
    """The routes of one app. Every method raises CommandError where the app does not answer, or says no."""

    def __init__(self, place: Place) -> None:
        self._place, self._key = place, place.app_key
        self._token: Token | None = None

    @property
    def is_known(self) -> bool:
        """Whether there is an address."""
        return self._place.app_url is not None

    def get(self, path: str) -> Any:
        """Give an answer to GET `/api/<path>`; None for 404."""
        return self._call("GET", path)

    def doctor(self) -> Any:
        """Give the app's own examination; None where it is of a version that makes none."""
        return self._call("GET", "doctor", timeout=DOCTOR_SECONDS)

    def post(self, path: str) -> Any:
        """Give an answer to POST `/api/<path>`; None for 404."""
        return self._call("POST", path)

    def act(self, path: str, body: Any = None) -> Any:
        """Give an answer to POST `/api/<path>`; raises CommandError with the reason, as refused, for what makes no sense."""
        told = self._call("POST", path, body)
        if told is None:
            raise CommandError("The app knows no such file, or no such action.", ending=Ending.REFUSED)
        return told

    def _call(self, method: str, path: str, body: Any = None, *, timeout: float = TIMEOUT_SECONDS) -> Any:
        if self._place.app_url is None:
            raise CommandError(
                f"The app's address is not known ({self._place.label}).",
                "Name the app: --app NAME, or AOAI_BATCH_APP.",
            )
        url = f"{self._place.app_url}/api/{path}"
        answer = self._send(method, url, body, timeout)
        if _is_unknown(answer) and self._finds_key():
            answer = self._send(method, url, body, timeout)
        return _read(answer, url, signs_in=self._place.client_id is not None)

    def _send(self, method: str, url: str, body: Any, timeout: float) -> "requests.Response":
        import requests  # noqa: PLC0415 - slow to import

        try:
            # Where people sign in, callers that are not known are led to a page for browsers.
            return requests.request(
                method, url, headers=self._headers(), json=body, timeout=timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            raise SilentAppError(
                f"The app does not answer at {self._place.app_url} ({type(error).__name__}).",
                "Is it running? Is the address right (--app)?",
            ) from error

    def _headers(self) -> dict[str, str]:
        # A page elsewhere cannot have a browser send this one.
        headers = {"X-Requested-With": "aoai-batch"}
        if self._key:
            headers["x-functions-key"] = self._key
        if self._place.client_id:
            self._check_secure()
            headers["Authorization"] = f"Bearer {self._token_for(self._place.client_id)}"
        return headers

    def _check_secure(self) -> None:
        """Keep a token from networks that anyone can read. Raises CommandError."""
        told = urlsplit(str(self._place.app_url))
        if told.scheme != "https" and not is_loopback(told.hostname):
            raise CommandError(
                f"{self._place.app_url} begins with http://, which would send a token in clear.",
                "--app https://…",
                ending=Ending.REFUSED,
            )

    def _token_for(self, client_id: str) -> str:
        """Give a token that is good for a while; one that soon is not, is fetched anew: `watch` takes hours."""
        if self._token is None or self._token.expires_on - time.time() < LEAST_TOKEN_SECONDS:
            from cli.azure import app_token  # noqa: PLC0415 - rarely needed

            self._token = app_token(client_id)
        return self._token.text

    def _finds_key(self) -> bool:
        """Look for the key in Azure, with the rights of who is signed in; once."""
        if self._key or self._place.client_id or self._place.resource is None:
            return False
        from cli.azure import function_key  # noqa: PLC0415 - rarely needed

        self._key = function_key(*self._place.resource)
        return self._key is not None


class SilentAppError(CommandError):
    """Nothing answers at the app's address, or not for now."""


def _is_unknown(answer: "requests.Response") -> bool:
    """Tell whether the app asks who calls; a problem of its own says more than that."""
    return answer.status_code in (401, 403) and not _reason(answer)


def _reason(answer: "requests.Response") -> str | None:
    """Give what a problem says (RFC 9457)."""
    try:
        told = answer.json()
    except ValueError:
        return None
    return str(told.get("detail") or told.get("error") or "") or None if isinstance(told, dict) else None


def _read(answer: "requests.Response", url: str, *, signs_in: bool) -> Any:
    status = answer.status_code
    if status == 404:
        return None
    reason = None if answer.ok else _reason(answer)
    if 300 <= status < 400 or (status in (401, 403) and (signs_in or reason)):
        raise _not_let_in(answer, url, reason, signs_in=signs_in)
    if status in (401, 403):
        raise CommandError(
            f"The app at {url} wants a key ({status}).",
            f"Set {APP_KEY}: `az functionapp keys list -n NAME -g GROUP --query functionKeys.default -o tsv` shows it. "
            f"Where people sign in instead (ACCESS=entra): --client-id, or {CLIENT_ID}.",
        )
    try:
        told = answer.json()
    except ValueError:
        told = None
    if answer.ok and told is not None:
        return told
    if status == 409 and reason:
        raise CommandError(reason, ending=Ending.REFUSED)
    if status in PASSING:
        raise SilentAppError(f"{url} answered {status}: {reason or 'not now'}.", "It may pass.")
    shown = reason or " ".join(answer.text.split())[:MOST_SHOWN] or "nothing"
    raise CommandError(f"{url} answered {status}: {shown}")


def _not_let_in(answer: "requests.Response", url: str, reason: str | None, *, signs_in: bool) -> CommandError:
    if 300 <= answer.status_code < 400:
        target = urlsplit(answer.headers.get("Location", ""))
        if target.hostname in (None, urlsplit(url).hostname) and not target.path.startswith("/.auth/"):
            return CommandError(
                f"{url} is elsewhere: {target.geturl()}.", "Name the app by that address: --app."
            )
        reason = "people sign in to it"
    if signs_in:
        told = reason or f"it does not take the token of who is signed in ({answer.status_code})"
        return CommandError(
            f"The app at {url} does not let you in: {told}",
            "Is the client id right (--client-id), and may you use the app registration?",
        )
    return CommandError(
        f"The app at {url} does not let you in: {reason}",
        f"Name the app registration that people sign in with: --client-id, or {CLIENT_ID}.",
    )
