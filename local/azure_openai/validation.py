"""Checking an input file as the service does before a batch runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from local.azure_openai.errors import ErrorItem
from local.azure_openai.rows import CHAT_URLS, EMBEDDINGS_URLS, RESPONSES_URLS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local.azure_openai.settings import Settings

MAX_ERRORS = 100  # the service does not list a million bad lines either
BOM = b"\xef\xbb\xbf"
LEARN_MORE = " Learn more: https://aka.ms/aoai_batch/errors."
NO_DEPLOYMENT = (
    "Validation failed: A valid model deployment name couldn't be extracted from the input file. "
    "Please ensure that each row in the input file has a valid deployment name specified in the 'model' field, "
    "and that the deployment name is consistent across all rows."
)


class StoppedError(Exception):
    """The service is shutting down; the work is begun again at the next start."""


class Model(msgspec.Struct):
    """The part of a request body that validation looks at."""

    model: str | None = None


class Line(msgspec.Struct):
    """The part of an input line that validation looks at."""

    custom_id: str
    method: str
    url: str
    body: Model


class Verdict(msgspec.Struct):
    """What came of the check; without errors the batch may run."""

    total: int
    deployment: str
    errors: list[ErrorItem]


def deployment_of(path: Path) -> str:
    """The deployment that the file's first line names, or nothing."""
    with path.open("rb") as lines:
        try:
            return msgspec.json.decode(lines.readline(), type=Line).body.model or ""
        except msgspec.DecodeError:
            return ""


def check(path: Path, settings: Settings, is_stopping: Callable[[], bool]) -> Verdict:
    """Read the file once, line by line, and tell what is wrong with it.

    Raises StoppedError when `is_stopping` turns true on the way.
    """
    checker = _Checker(settings)
    blank_line = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if number % 1000 == 0 and is_stopping():
                raise StoppedError
            if number == 1 and line.startswith(BOM):
                return Verdict(total=0, deployment="", errors=[_item("invalid_request", NO_DEPLOYMENT)])
            if not line.strip():
                blank_line = blank_line or number
                continue
            if blank_line:  # blank lines are tolerated only at the end of the file
                checker.not_json(blank_line)
                blank_line = 0
            checker.look_at(line, number)
            if len(checker.errors) >= MAX_ERRORS or checker.total > settings.requests_per_file:
                break
    return checker.verdict()


class _Checker:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._urls = (
            CHAT_URLS | RESPONSES_URLS | (EMBEDDINGS_URLS if settings.batch_embeddings else frozenset())
        )
        self._decode = msgspec.json.Decoder(Line).decode
        self._seen: set[int] = set()  # hashes: a hundred thousand long ids would be a lot to hold
        self._url = ""
        self._deployment = ""
        self.errors: list[ErrorItem] = []
        self.total = 0

    def look_at(self, line: bytes, number: int) -> None:
        self.total += 1
        try:
            row = self._decode(line)
        except msgspec.ValidationError as error:
            self.errors.append(_item("invalid_request", f"The request is invalid: {error}.", number))
            return
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.not_json(number)
            return
        self._check_row(row, number)

    def not_json(self, number: int) -> None:
        self.errors.append(_item("invalid_json_line", "This line is not parseable as valid JSON.", number))

    def verdict(self) -> Verdict:
        if self.total > self._settings.requests_per_file:
            most = self._settings.requests_per_file
            self.errors = [_item("too_many_tasks", f"The input file has more than {most} requests.")]
        elif not self.total and not self.errors:
            message = "The input file is empty. Please ensure that the batch contains at least one request."
            self.errors = [_item("empty_file", message)]
        return Verdict(total=self.total, deployment=self._deployment, errors=self.errors)

    def _check_row(self, row: Line, number: int) -> None:
        self._url = self._url or row.url
        model = row.body.model
        self._deployment = self._deployment or model or ""
        fault: tuple[str, str] | None = None
        if not model:
            fault = "invalid_request", NO_DEPLOYMENT
        elif row.method != "POST":
            fault = "invalid_request", f"The method '{row.method}' is not supported."
        elif row.url not in self._urls or row.url != self._url:
            fault = (
                "url_mismatch",
                f"The URL '{row.url}' does not match the rest of the file or the deployment.",
            )
        elif model != self._deployment:
            fault = (
                "model_mismatch",
                f"The deployment '{model}' differs from the other rows' '{self._deployment}'.",
            )
        elif hash(row.custom_id) in self._seen:
            fault = "duplicate_custom_id", f"The custom_id '{row.custom_id}' is not unique in the file."
        elif not self._settings.has_deployment(model):
            self._unknown_deployment(model)
        self._seen.add(hash(row.custom_id))
        if fault:
            self.errors.append(_item(*fault, number))

    def _unknown_deployment(self, model: str) -> None:
        if any(error.code == "model_not_found" for error in self.errors):
            return  # one deployment, one complaint
        valid = ",".join(sorted(self._settings.known_deployments)) or "any other"
        self.errors.append(
            _item(
                "model_not_found",
                f"The provided model deployment '{model}' does not exist in the AOAI resource. "
                f"Valid deployments are '{valid}'.{LEARN_MORE}",
            )
        )


def _item(code: str, message: str, line: int | None = None) -> ErrorItem:
    return ErrorItem(code=code, message=message, line=line)
