"""The life of a batch, told in one task per batch that sleeps until the next thing happens."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import msgspec

from local.azure_openai.batches import BatchStore, name_blobs, quota_tokens
from local.azure_openai.errors import BlobRefusedError, ErrorItem
from local.azure_openai.processing import Tally, Work
from local.azure_openai.validation import Verdict, check

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from local.azure_openai.counters import Counters
    from local.azure_openai.processing import Processor
    from local.azure_openai.records import BatchRecord
    from local.azure_openai.settings import Settings
    from local.azure_openai.workspace import Workspace

    Story = Callable[[threading.Event], Coroutine[None, None, None]]

T = TypeVar("T")

PHASES = frozenset({"validating", "in_progress", "finalizing", "cancelling"})
_WORKERS = 2  # a large file must not keep the small ones waiting
_log = logging.getLogger(__name__)


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a batch ends: the share of rows processed before, and whether that leaves files."""

    status: str
    fraction: float = 1.0
    files: bool = True


class _Run(msgspec.Struct, frozen=True):
    task: asyncio.Task[None]
    stop: threading.Event  # tells the worker thread, which no task cancellation reaches


class Lifecycle:
    """Runs batches. Nothing ticks: an active batch is one sleeping task."""

    def __init__(
        self,
        settings: Settings,
        batches: BatchStore,
        workspace: Workspace,
        processor: Processor,
        counters: Counters,
    ) -> None:
        self._settings = settings
        self._batches = batches
        self._workspace = workspace
        self._processor = processor
        self._counters = counters
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="batch")
        self._runs: dict[str, _Run] = {}

    def start(self, batch: BatchRecord) -> None:
        """Let a batch live on from the status it has; used for new batches and after a restart."""
        self._run(batch, lambda stop: self._live(batch, stop))

    def cancel(self, batch: BatchRecord) -> None:
        """Begin to cancel; what was done by now becomes a partial result."""
        now = time.time()
        batch.completed, batch.failed = batch.counts_at(now)
        batch.enter("cancelling", now)
        self._run(batch, lambda stop: self._live(batch, stop))

    def end(self, batch: BatchRecord, ending: Ending) -> None:
        """End a batch now, whatever it was doing."""
        self._run(batch, lambda stop: self._finish(batch, ending, stop))

    def hold(self, batch: BatchRecord, status: str) -> None:
        """Give a batch a status to stay in."""
        self._halt(batch.id)
        batch.enter(status, time.time())

    async def stop(self) -> None:
        """Halt every batch where it is; they live on when started again."""
        tasks = [run.task for run in self._runs.values()]
        for batch_id in list(self._runs):
            self._halt(batch_id)
        await asyncio.gather(*tasks, return_exceptions=True)
        self._workers.shutdown(cancel_futures=True)

    def halt_all(self) -> None:
        """Abandon every batch."""
        for batch_id in list(self._runs):
            self._halt(batch_id)

    def _halt(self, batch_id: str) -> None:
        if run := self._runs.pop(batch_id, None):
            run.stop.set()
            run.task.cancel()

    def _run(self, batch: BatchRecord, story: Story) -> None:
        self._halt(batch.id)
        stop = threading.Event()
        task = asyncio.get_running_loop().create_task(self._tell(batch, story, stop))
        self._runs[batch.id] = _Run(task, stop)

    async def _tell(self, batch: BatchRecord, story: Story, stop: threading.Event) -> None:
        try:
            await story(stop)
        except BlobRefusedError as error:
            self._fail(batch, [error.item])
        except Exception:  # noqa: BLE001 - the client must see its batch end, the log says why
            _log.exception("batch %s broke", batch.id)
            self._fail(
                batch, [ErrorItem(code="internalFailure", message="The simulator broke; see its log.")]
            )
        if batch.is_over:
            self._workspace.drop(batch)
            self._runs.pop(batch.id, None)

    async def _live(self, batch: BatchRecord, stop: threading.Event) -> None:
        if batch.status == "cancelling":
            await self._wind_down(batch, stop)
            return
        if batch.status == "validating" and not await self._validate(batch, stop):
            return
        if batch.status not in PHASES:  # a status of its own, which it never leaves
            return
        ending = Ending(status="completed")
        if batch.status == "in_progress":
            if _is_stuck(batch, "in_progress"):
                return
            ending = await self._progress(batch)
            await self._in_thread(lambda: self._workspace.check_unmodified(batch))
            if ending.status == "completed":
                batch.completed, batch.failed = batch.counts_at(time.time())
                batch.enter("finalizing", time.time())
        if batch.status == "finalizing":
            if _is_stuck(batch, "finalizing"):
                return
            await self._until(batch.times["finalizing"], self._settings.finalizing_seconds)
        await self._finish(batch, ending, stop)

    async def _validate(self, batch: BatchRecord, stop: threading.Event) -> bool:
        verdict = await self._in_thread(lambda: self._examine(batch, stop))
        await self._until(batch.created_at, self._settings.validating_seconds)
        if _is_stuck(batch, "validating"):
            return False
        errors = self._complaints(batch, verdict)
        if errors is not None:
            self._fail(batch, errors)
            return False
        batch.duration = self._batches.duration_of(batch)
        stuck_in = batch.rule.stuck_in if batch.rule else ""
        batch.enter(stuck_in if stuck_in and stuck_in not in PHASES else "in_progress", time.time())
        return True

    def _examine(self, batch: BatchRecord, stop: threading.Event) -> Verdict:
        self._workspace.fetch_input(batch)
        path = self._workspace.input_path(batch)
        verdict = check(path, self._settings, stop.is_set)
        batch.total, batch.deployment = verdict.total, verdict.deployment
        if batch.input_blob:
            batch.tokens = quota_tokens(path.stat().st_size)
        if not verdict.errors:
            batch.failures_ahead = self._processor.failures_ahead(path, stop.is_set)
        return verdict

    def _complaints(self, batch: BatchRecord, verdict: Verdict) -> list[ErrorItem] | None:
        if batch.input_blob and batch.id not in self._counters.batches.get(batch.content, ()):
            self._counters.batch_of(batch.content, batch.id)
        if batch.rule and batch.rule.invalid is not None:
            return batch.rule.invalid
        if verdict.errors:
            return verdict.errors
        if batch.completion_window != "24h":
            message = f"The completion window '{batch.completion_window}' is not supported; use 24h."
            return [ErrorItem(code="invalid_request", message=message)]
        if batch.quota_refused:
            return [self._batches.quota_error(batch.deployment).item]
        return None

    async def _progress(self, batch: BatchRecord) -> Ending:
        begun = batch.times["in_progress"]
        if self._settings.overrun == "expire":
            window_end = batch.created_at + self._settings.real(self._settings.window_seconds)
            if window_end < begun + batch.duration:
                await _until(window_end)
                return Ending(status="expired", fraction=batch.progress_at(window_end))
        await _until(begun + batch.duration)
        rule = batch.rule
        if rule is None:
            return Ending(status="completed")
        status = rule.ends_as or "completed"
        fraction = 1.0 if rule.fraction is None else rule.fraction
        return Ending(status=status, fraction=fraction, files=rule.files and status != "failed")

    async def _wind_down(self, batch: BatchRecord, stop: threading.Event) -> None:
        begun = batch.times["cancelling"]
        await self._until(begun, self._settings.cancelling_seconds)
        if batch.rule and batch.rule.stuck_in:
            return
        ran = "in_progress" in batch.times
        fraction = batch.progress_at(begun) if ran else 0.0
        await self._finish(batch, Ending(status="cancelled", fraction=fraction, files=ran), stop)

    async def _finish(self, batch: BatchRecord, ending: Ending, stop: threading.Event) -> None:
        if ending.files:
            results, errors = self._workspace.output_paths(batch)
            work = Work(
                input_path=self._workspace.input_path(batch),
                results_path=results,
                errors_path=errors,
                shuffle_seed=f"{self._settings.seed}/{batch.content}",
                fraction=ending.fraction,
                unfinished=self._unfinished(ending.status),
            )
            tally = await self._in_thread(lambda: self._processor.process(work, stop.is_set))
            if batch.input_blob and not batch.output_blob:
                name_blobs(batch, uuid.uuid4())
            await self._in_thread(lambda: self._workspace.publish(batch, results, errors, tally))
            self._settle(batch, tally)
        if ending.status == "failed" and batch.errors is None:
            batch.errors = [ErrorItem(code="internalFailure", message="The batch failed.")]
        self._batches.end(batch, ending.status)

    def _settle(self, batch: BatchRecord, tally: Tally) -> None:
        batch.completed, batch.failed = tally.completed, tally.failed
        self._counters.answered(tally.answered)

    def _unfinished(self, status: str) -> str:
        rows = {"expired": self._settings.expired_rows, "cancelled": self._settings.cancelled_rows}
        return status if rows.get(status) == "error_file" else ""

    def _fail(self, batch: BatchRecord, errors: list[ErrorItem]) -> None:
        batch.errors = errors
        self._batches.end(batch, "failed")

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    async def _until(self, begun: float, service_seconds: float) -> None:
        await _until(begun + self._settings.real(service_seconds))


async def _until(moment: float) -> None:
    delay = moment - time.time()
    if delay > 0:
        await asyncio.sleep(delay)


def _is_stuck(batch: BatchRecord, phase: str) -> bool:
    return batch.status == phase and batch.rule is not None and batch.rule.stuck_in == phase
