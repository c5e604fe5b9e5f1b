"""How long answers are read that do not come: for as long as the flow is patient, unless a person has given them up."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from adapters.services import Services
from domain.contracts import EndedBatch
from domain.errors import ConfigurationError, PassingError, RefusedError
from domain.service.outcomes import Outcome, Verdict

# What was given up is read once more for half a minute: it must not be a passing fault that costs answers which were paid.
TRIES = 5

GIVEN_UP = Verdict(
    custom_id="",
    outcome=Outcome.MISSING,
    code="given_up",
    message="Its batch has ended, its answer could not be read, and it was given up by a person. It may have been billed; it was "
    "not sent again, and is in the retry file.",
)

log = logging.getLogger(__name__)


class Patience:
    """Whether one shard's answers are still read until they have come whole."""

    def __init__(self, ended: EndedBatch, services: Services) -> None:
        self._ended, self._claims = ended, services.work.claims

    @cached_property
    def is_over(self) -> bool:
        """Whether what cannot be read now is given up."""
        if self._ended.refused or self._ended.tries < TRIES:
            return False
        found = self._claims.read(self._ended.key)
        return found is not None and found[0].given_up

    @contextmanager
    def while_reading(self) -> Iterator[None]:
        """Go on without what cannot be read, once it is given up."""
        try:
            yield
        except (ConfigurationError, PassingError, RefusedError) as error:
            if not self.is_over:
                raise
            log.warning("%s/%s: given up: %s", self._ended.key, self._ended.shard.shard, error)
