"""What this process has seen of the service's batches lately, so that many snapshots look at them together.

A hundred snapshots that have a batch each would ask a hundred times for what one page of the list shows. So a look asks for
what the others wait for as well, and each snapshot says how old its news may be.
Why not across hosts as well: docs/decisions/0017-looks-are-shared-within-a-host.md
"""

import threading
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import PipelineError
from domain.service.batch_states import BatchView

if TYPE_CHECKING:
    from adapters.openai.batch_api import BatchApi

PAGE_SIZE = 100  # batches per page of a listing
# A snapshot asks again after about twice the age that it allows, and somewhat later each time. One that does not has its
# answer, or lives on another host now.
AWAITED_AGES = 5
AWAITED_LEAST_SECONDS = 60.0


class _Seen(NamedTuple):
    view: BatchView
    at: float


class _Awaited(NamedTuple):
    max_age: float  # seconds, as allowed when it was asked for last
    until: float


class Looks:
    """The batches that polls of this process have asked for, as they were seen last. For all threads.

    `clock` gives epoch seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}
        self._awaited: dict[str, _Awaited] = {}  # batches that had not ended
        self._failure: tuple[PipelineError, float] | None = None

    def listed(self, wanted: AbstractSet[str], max_age: float, api: "BatchApi") -> dict[str, BatchView]:
        """Find batches by a look that is not older than `max_age` seconds; some may be in no such look.

        A new look is at the first pages of the list, as many as all that are waited for would fill: batches behind many
        newer ones are not worth paging for. It ends with the page behind which there is none whose news are too old by now. A
        single batch needs no list. Those who ask during a look share it, and its failure. Raises what a list of batches raises.
        """
        asked_at = self._clock()
        with self._lock:
            found = self._known(wanted, asked_at - max_age)
            if len(found) < len(wanted):
                if self._failure and asked_at <= self._failure[1] <= self._clock():
                    raise self._failure[0]
                self._look(wanted, api)
                found = self._known(wanted, asked_at - max_age)
            self._await(wanted, found, max_age)
        return found

    def expect(self, batch_id: str, max_age: float) -> bool:
        """Have the looks of others see a batch that was just made: news of it are asked for soon, and may be `max_age` seconds old.

        Tells whether there are others, whose batches are waited for.
        """
        with self._lock:
            self._expect(batch_id, max_age)
            now = self._clock()
            return any(told.until >= now for other, told in self._awaited.items() if other != batch_id)

    def saw(self, batches: Iterable[BatchView], begun: float) -> None:
        """Take what another look at the list has shown, that was begun at a time (epoch seconds)."""
        with self._lock:
            for batch in batches:
                seen = self._seen.get(batch.batch_id)
                if batch.batch_id in self._awaited and (seen is None or seen.at < begun):
                    self._seen[batch.batch_id] = _Seen(batch, begun)

    def directly(self, batch_id: str, api: "BatchApi") -> BatchView:
        """Look at one batch. Raises what a look at one raises."""
        begun = self._clock()
        view = api.batch(batch_id)
        with self._lock:
            if not view.ended:
                self._seen[batch_id] = _Seen(view, begun)
        return view

    def _known(self, wanted: AbstractSet[str], since: float) -> dict[str, BatchView]:
        # A clock that was set back makes nothing young again.
        now = self._clock()
        seen = ((batch_id, self._seen.get(batch_id)) for batch_id in wanted)
        return {batch_id: found.view for batch_id, found in seen if found and since <= found.at <= now}

    def _look(self, wanted: AbstractSet[str], api: "BatchApi") -> None:
        """Look at the list for all, if there is more than one batch to look for."""
        begun = self._clock()
        self._forget(batch_id for batch_id, told in list(self._awaited.items()) if told.until < begun)
        awaited = wanted | self._awaited.keys()
        if len(awaited) == 1:
            return
        due = {*wanted, *(batch_id for batch_id in self._awaited if self._is_due(batch_id, begun))}
        try:
            for number, batch in enumerate(api.batches(pages=-(-len(awaited) // PAGE_SIZE)), 1):
                if batch.batch_id in awaited:
                    due.discard(batch.batch_id)
                    self._seen[batch.batch_id] = _Seen(batch, begun)
                if not due and number % PAGE_SIZE == 0:
                    break
        except PipelineError as error:
            self._failure = error, self._clock()
            raise

    def _is_due(self, batch_id: str, now: float) -> bool:
        """Tell whether the one who waits for a batch would have to look, if it asked now."""
        seen = self._seen.get(batch_id)
        return seen is None or not now - self._awaited[batch_id].max_age <= seen.at <= now

    def _await(self, wanted: AbstractSet[str], found: dict[str, BatchView], max_age: float) -> None:
        """Remember what is waited for, and forget what has ended: the one who asks for it is told now."""
        for batch_id in wanted:
            self._expect(batch_id, max_age)
        self._forget(batch_id for batch_id, view in found.items() if view.ended)

    def _expect(self, batch_id: str, max_age: float) -> None:
        until = self._clock() + max(AWAITED_AGES * max_age, AWAITED_LEAST_SECONDS)
        self._awaited[batch_id] = _Awaited(max_age, until)

    def _forget(self, batch_ids: Iterable[str]) -> None:
        for batch_id in batch_ids:
            self._awaited.pop(batch_id, None)
            self._seen.pop(batch_id, None)
