"""The app's HTTP routes, for what only the running app knows."""

from typing import TYPE_CHECKING, Any

from cli.faults import CommandError, Ending
from cli.places import APP_KEY, Place

if TYPE_CHECKING:
    import requests

TIMEOUT_SECONDS = 30
DOCTOR_SECONDS = 90  # it waits for what does not answer
MOST_SHOWN = 300


class AppApi:
    """The routes of one app. Every method raises CommandError where the app does not answer, or says no."""

    def __init__(self, place: Place) -> None:
        self._place, self._key = place, place.app_key

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
        if answer.status_code in (401, 403) and not self._key and (key := self._key_of_resource()):
            self._key = key
            answer = self._send(method, url, body, timeout)
        return _read(answer, url)

    def _send(self, method: str, url: str, body: Any, timeout: float) -> "requests.Response":
        import requests  # noqa: PLC0415 - slow to import

        # A page elsewhere cannot have a browser send this one.
        headers = {"X-Requested-With": "aoai-batch"}
        if self._key:
            headers["x-functions-key"] = self._key
        try:
            return requests.request(method, url, headers=headers, json=body, timeout=timeout)
        except requests.RequestException as error:
            raise SilentAppError(
                f"The app does not answer at {self._place.app_url} ({type(error).__name__}).",
                "Is it running? Is the address right (--app)?",
            ) from error

    def _key_of_resource(self) -> str | None:
        if self._place.resource is None:
            return None
        from cli.azure import function_key  # noqa: PLC0415 - rarely needed

        return function_key(*self._place.resource)


class SilentAppError(CommandError):
    """Nothing answers at the app's address."""


def _read(answer: "requests.Response", url: str) -> Any:
    if answer.status_code == 404:
        return None
    if answer.status_code in (401, 403):
        raise CommandError(
            f"The app at {url} wants a key ({answer.status_code}).",
            f"Set {APP_KEY}: `az functionapp keys list -n NAME -g GROUP --query functionKeys.default -o tsv` shows it.",
        )
    try:
        told = answer.json()
    except ValueError:
        told = None
    if answer.ok and told is not None:
        return told
    reason = (told.get("detail") or told.get("error")) if isinstance(told, dict) else None
    if answer.status_code == 409 and reason:
        raise CommandError(str(reason), ending=Ending.REFUSED)
    shown = reason or " ".join(answer.text.split())[:MOST_SHOWN] or "nothing"
    raise CommandError(f"{url} answered {answer.status_code}: {shown}")
