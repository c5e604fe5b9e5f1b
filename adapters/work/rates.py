"""How much of its minute a deployment has left: one small blob, which all that send to it count forward.

There is no lock, which could outlive its owner: a count is written only over the one it was made from.
Why: docs/decisions/0008-rates-without-locks.md
"""

import msgspec

from adapters.storage.blobs import Container
from domain import names
from domain.direct.throttle import Limits, Spent
from domain.errors import ConflictError, NotFoundError

_decode = msgspec.json.Decoder(Spent).decode
_encode = msgspec.json.Encoder().encode


class Rates:
    """A count for each deployment that is sent to."""

    def __init__(self, work: Container) -> None:
        self._work = work

    def of(self, deployment: str, limits: Limits) -> "RateRecord":
        """Give the count of what is spent of a deployment's limits."""
        return RateRecord(self._work, names.rate_record(deployment), limits)


class RateRecord:
    """One deployment's count, as one slice sees it."""

    def __init__(self, work: Container, name: str, limits: Limits) -> None:
        self._work, self._name, self._limits = work, name, limits
        self._etag: str | None = None

    def read(self) -> Spent:
        """Give what is spent; nothing, where the count is of other limits, or there is none."""
        try:
            content, self._etag = self._work.read(self._name)
        except NotFoundError:
            self._etag = None
            return Spent(limits=self._limits)
        spent = _decode(content)
        return spent if spent.limits == self._limits else Spent(limits=self._limits)

    def write(self, spent: Spent) -> bool:
        """Count forward; False when another one has since it was read."""
        try:
            self._etag = self._work.write(
                self._name, _encode(spent), if_absent=self._etag is None, if_etag=self._etag
            )
        except ConflictError:
            return False
        return True
