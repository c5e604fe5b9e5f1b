"""Send a shard as live calls, a slice at a time: resumable, and by one sender only.

Runs an event loop of its own, for as long as a slice lasts: the worker's loop belongs to the orchestrators and triggers,
which must not wait for what is done here between two calls.
"""

import asyncio
import logging

import msgspec

from adapters.services import Services
from adapters.work.send_log import SendLog
from adapters.work.shard_cache import CachedShard
from domain import names
from domain.contracts import Pause, SliceDone, SliceWork
from domain.direct.live_calls import CallMaker
from domain.direct.sending import SendBook
from domain.direct.throttle import Limits, Throttle
from domain.errors import ConfigurationError, ConflictError
from domain.records import Ledger, SendingRecord
from domain.service.endpoints import BY_URL
from domain.service.reach import DEPLOYMENT_CODES, OPERATION_CODES, reach_of_operation
from steps.direct.live_sending import Sending
from steps.wishes.seen import newly_asked

# It begins no calls after that, unless answers are slow: other shards of the deployment want their turn.
SLICE_SECONDS = 15.0
CONFLICT_WAIT_SECONDS = 2.0

log = logging.getLogger(__name__)


def send(work: SliceWork, services: Services) -> SliceDone:
    """Send for a while, or find that there is nothing left to send."""
    return Slice(work, services).run()


class Slice:
    """One slice of one shard."""

    def __init__(self, work: SliceWork, services: Services) -> None:
        self._work, self._shard, self._cache = work, work.shard, services.shard_cache
        self._store, self._open_live, self._settings = services.work, services.open_live, services.settings
        self._clock, self._seconds = services.clock, SLICE_SECONDS
        self._throttle = work.throttle or Throttle()
        self._services = services

    def run(self) -> SliceDone:
        """Send for a while, or find that there is nothing left to send."""
        try:
            sent = self._run()
            if self._work.unwanted:
                return sent
            return msgspec.structs.replace(sent, asked=newly_asked(self._work.asked_since, self._services))
        except ConflictError as error:
            log.warning("%s", error)
            return SliceDone(wait_seconds=CONFLICT_WAIT_SECONDS, throttle=self._learned)

    @property
    def _learned(self) -> Throttle | None:
        """What this slice has learned about the pace; nothing, where it sent nothing."""
        return None if self._work.unwanted else self._throttle

    def _run(self) -> SliceDone:
        ledger, etag = self._open_ledger()
        if ledger.collected:  # by the snapshot that took the file over
            return SliceDone(done=self._shard.requests, ended=True)
        log_name = names.sent(self._work.key, self._shard.shard)
        lines, book, position = self._cache.take(self._shard.blob, log_name) or self._read_shard()
        send_log = self._store.send_logs.of(log_name, position, book.note)
        send_log.open()
        rows = [] if self._work.unwanted else book.to_send(most_tries=self._most_tries)
        paused = asyncio.run(self._send(rows, lines, book, send_log)) if rows else None
        self._cache.keep(self._shard.blob, log_name, CachedShard(lines, book, send_log.position))
        left = book.to_send(most_tries=self._most_tries)
        return SliceDone(
            begun_at=self._note_pause(ledger, etag) if paused else self._begun_at(ledger),
            done=self._shard.requests - len(left),
            ended=not left or send_log.is_full,
            paused=self._pause(paused) if paused else None,
            throttle=self._learned,
        )

    def _pause(self, error: ConfigurationError) -> Pause:
        """Say that what was asked for is refused: this of this deployment, and no batch."""
        shard = self._shard
        reach = reach_of_operation("direct", shard.model, shard.url)
        return Pause(
            model=shard.model,
            kind="configuration",
            message=str(error),
            reach=reach,
            certain=error.code in DEPLOYMENT_CODES | OPERATION_CODES,
        )

    @property
    def _most_tries(self) -> int:
        """How often a row may be sent whose answers are lost; 1: never again."""
        return max(2, self._settings.max_attempts) if self._settings.on_lost_answer == "resend" else 1

    # --- the ledger --------------------------------------------------------------------------------------------------

    def _open_ledger(self) -> tuple[Ledger, str]:
        """Read the shard's ledger as its owner's, or begin it."""
        key, shard = self._work.key, self._shard
        found = self._store.ledgers.own(key, shard.shard, self._work.snapshot_id)
        if found:
            return found
        # Raises for a file that is finished, which gets no new records.
        next(self._store.blobs.shard_lines(key, shard), None)
        ledger = Ledger(owner=self._work.snapshot_id, attempt=shard.attempt)
        ledger.sending = SendingRecord(deployment=shard.model, begun_at=self._clock())
        return ledger, self._store.ledgers.write(key, shard.shard, ledger, None)

    def _begun_at(self, ledger: Ledger) -> float | None:
        return ledger.sending.begun_at if ledger.sending else None

    def _note_pause(self, ledger: Ledger, etag: str) -> float | None:
        """Let the shard's time begin anew: the deadline does not count while people have something to fix."""
        if ledger.sending:
            ledger.sending.begun_at = self._clock()
            self._store.ledgers.write(self._work.key, self._shard.shard, ledger, etag)
        return self._begun_at(ledger)

    # --- sending -----------------------------------------------------------------------------------------------------

    def _read_shard(self) -> CachedShard:
        lines = list(self._store.blobs.shard_lines(self._work.key, self._shard))
        return CachedShard(lines, SendBook(len(lines)), 0)

    async def _send(
        self, rows: list[int], lines: list[bytes], book: SendBook, send_log: SendLog
    ) -> ConfigurationError | None:
        """Send what can be sent now; gives what people have to fix, if that is why it ended."""
        shard, settings = self._shard, self._settings
        calls = CallMaker(
            lines.__getitem__,
            book.is_alone,
            model=shard.model,
            endpoint=BY_URL[shard.url],
            inputs_per_request=shard.inputs_per_request,
            part_of=book.part,
        )
        limits = Limits(
            requests_per_minute=settings.requests_per_minute, tokens_per_minute=settings.tokens_per_minute
        )
        async with self._open_live() as api:
            sending = Sending(
                about=f"{self._work.key}-{shard.shard}",
                url=shard.url,
                calls=calls,
                rows=rows,
                book=book,
                send_log=send_log,
                api=api,
                throttle=self._throttle,
                limits=limits,
                rate=self._store.rates.of(shard.model, limits) if limits else None,
                most_tries=self._most_tries,
                clock=self._clock,
                until=self._clock() + self._seconds,
            )
            await sending.run()
        return sending.paused
