"""Whether something answers at an address, and what time it is there. Nothing is sent but the question, without any right."""

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import requests

from domain.errors import PassingError

TIMEOUT_SECONDS = 10


class Answered(NamedTuple):
    """A status, whatever it is, and the clock of what answered."""

    status: int
    date: datetime | None


def ask(url: str) -> Answered:
    """Ask an address. Raises PassingError where nothing answers: no such name, no way there, no trust in its certificate."""
    try:
        answer = requests.head(url, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise PassingError(
            f"{url.partition('?')[0]} does not answer ({type(error).__name__}).", code="silent"
        ) from error
    return Answered(answer.status_code, _date(answer.headers.get("Date")))


def _date(told: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(told) if told else None
    except ValueError:
        return None
