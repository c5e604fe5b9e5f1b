"""Write what people came for: results in input order, errors, the retry file and the metadata.

Streams: the outcomes of all shards and attempts are joined, in order, with the frozen input. The join is also the last
check that every line of the input has exactly one outcome.
Why: docs/decisions/0003-few-activities-per-file.md
"""

import logging

import msgspec

from adapters.services import Services
from adapters.storage.blobs import Container, LazyWriter
from domain import names
from domain.contracts import FileWork, WrittenOutputs
from domain.errors import NotFoundError, PassingError, PipelineError
from domain.lineage import Origin, metadata_beside, metadata_of_retry
from domain.records import Plan
from domain.results import error_records
from domain.results.error_codes import ErrorCodes
from domain.results.finished import finished_file
from domain.results.metadata import Metadata, file_metadata
from domain.results.output_paths import OutputPaths, output_paths
from domain.service.outcomes import Tally
from steps.containment import HARMLESS_BYTES, Contained
from steps.deliver.collected_outcomes import CollectedOutcomes
from steps.deliver.first_file import find_origin
from steps.deliver.joining import join
from steps.deliver.marks import Marks
from steps.deliver.request_records import RequestRecords
from steps.deliver.table_records import TableRecords
from steps.deliver.whole_answers import put_together
from steps.likeness import Likeness, input_file, likeness

_STATES = {Likeness.SAME: "rewritten", Likeness.GROWN: "grown", Likeness.OTHER: "replaced"}

log = logging.getLogger(__name__)


class _Earlier(msgspec.Struct):
    input_state: str


_decode_earlier = msgspec.json.Decoder(_Earlier).decode


def write(work: FileWork, services: Services) -> WrittenOutputs:
    """Write everything about one file; a repetition writes the same again."""
    plans = services.work.plans
    plan = plans.recall(work.key) or plans.read(work.key)
    if plan is None:
        return WrittenOutputs(gone=True)
    delivery = Delivery(work.key, plan, services, snapshot_id=work.snapshot_id)
    if plan.rejected:
        return delivery.rejected()
    if plan.spec is None and plan.size <= HARMLESS_BYTES:
        return delivery.processed()
    contained = Contained("write_outputs", work.key, services, words="its outputs were written")
    return contained.run(work, WrittenOutputs, delivery.processed)


class Delivery:
    """One file's outputs. `collected`: what is known of its outcomes, where that lies elsewhere than in its own records.

    `is_untouched`: a listing has just shown the input file as it was taken.
    """

    def __init__(
        self,
        key: str,
        plan: Plan,
        services: Services,
        *,
        snapshot_id: str,
        collected: CollectedOutcomes | None = None,
        is_untouched: bool = False,
    ) -> None:
        self._key, self._plan = key, plan
        self._marks = Marks(services.work.snapshots, snapshot_id)
        self._services, self._storage, self._store = services, services.storage, services.work
        self._is_untouched = is_untouched
        self._paths: OutputPaths = output_paths(services.settings, key, plan)
        self._collected = collected or CollectedOutcomes(key, plan, services.work)
        self._prices = services.settings.price_list

    def rejected(self) -> WrittenOutputs:
        """Write the errors of a file that was refused as a whole."""
        with self._storage.error.writer(self._paths.errors) as errors:
            codes = ErrorCodes()
            for line in self._store.blobs.lines(names.invalid_lines(self._key)):
                errors.write(line + b"\n")
                codes.count(error_records.reason_of(line)[0])
        tally = Tally(invalid=self._plan.requests)
        metadata = self._metadata("rejected", tally)
        metadata.error_codes = codes.by_number()
        metadata.errors, metadata.archived_input = self._paths.errors, self._paths.rejected_input
        self._write_metadata(self._storage.error, self._paths.error_metadata, metadata)
        self._keep(metadata, self._paths.error_metadata)
        self._marks.note_rejected(self._plan)
        self._marks.note_finished(self._key, self._plan)
        return WrittenOutputs(tally=tally, rejected=True)

    def processed(self) -> WrittenOutputs:
        """Write results and errors of a file that was worked on."""
        paths = self._paths
        results = self._storage.processed.lazy_writer(paths.results)
        errors = self._storage.error.lazy_writer(paths.errors)
        origin = Origin(self._key, paths.retry)
        retry = self._storage.error.lazy_writer(paths.retry, metadata=metadata_of_retry(origin))
        records = self._records(results=results, errors=errors, retry=retry)
        answers = self._collected.whole_answers if self._plan.spec is None else None
        tally = self._collected.counted.tally if answers else records.write(self._collected)
        self._check_sum(tally)
        if answers:
            put_together(self._key, answers, paths.results, self._storage)
        tally.input_tokens, tally.output_tokens, tally.cached_tokens = self._collected.tokens
        metadata = self._metadata("completed_with_errors" if tally.errors else "completed", tally)
        metadata.error_codes = records.error_codes.by_number()
        metadata.results = paths.results if answers else results.close()
        metadata.errors, metadata.retry = errors.close(), retry.close()
        metadata.archived_input = paths.archive
        if metadata.retry_of and self._services.settings.join_retries:
            metadata.joined = join(metadata, self._services)
        self._write_metadata(self._storage.processed, paths.processed_metadata, metadata)
        if tally.errors:
            self._write_metadata(self._storage.error, paths.error_metadata, metadata)
        self._keep(metadata, paths.processed_metadata)
        self._marks.note_finished(self._key, self._plan)
        return WrittenOutputs(tally=tally)

    def _records(self, **sinks: LazyWriter) -> RequestRecords | TableRecords:
        if self._plan.spec is None:
            return RequestRecords(self._key, self._plan, store=self._store, **sinks)
        source = self._store.blobs.source(names.frozen_input(self._key), self._plan.size)
        return TableRecords(self._plan, source, **sinks, prices=self._prices)

    def _check_sum(self, tally: Tally) -> None:
        if tally.total != self._plan.requests:
            counted = f"{tally.total} outcomes for {self._plan.requests} requests"
            raise PipelineError(f"{self._plan.path}: {counted}.", code="outcome_mismatch")

    # --- metadata ----------------------------------------------------------------------------------------------------

    def _metadata(self, status: str, tally: Tally) -> Metadata:
        metadata = file_metadata(
            self._plan,
            self._collected.ledgers,
            tally,
            status=status,
            input_state=self._input_state(),
            prices=self._prices,
        )
        origin = find_origin(self._key, self._plan, self._services)
        metadata.retry_of = origin.key or None
        metadata.retry_of_metadata = metadata_beside(origin.retry_file) if origin.retry_file else None
        return metadata

    def _input_state(self) -> str:
        """Say what has become of the input file. Whatever storage has against that question, the answers are delivered."""
        if self._is_untouched:
            return "present"
        try:
            entry = self._storage.input.entry(self._plan.path)
            if entry.etag == self._plan.etag:
                return "present"
            like = likeness(self._key, self._plan.size, input_file(entry), self._services)
        except NotFoundError:
            return self._state_before_archiving() or "deleted"
        except PassingError:
            raise
        except PipelineError as error:
            log.warning("%s: what has become of it is not known: %s", self._plan.path, error)
            return "unknown"
        return _STATES[like]

    def _state_before_archiving(self) -> str | None:
        """Read what an earlier try has seen: the input may be gone because it was archived after that."""
        container, name = self._storage.processed, self._paths.processed_metadata
        if self._plan.rejected:
            container, name = self._storage.error, self._paths.error_metadata
        try:
            return _decode_earlier(container.read(name)[0]).input_state
        except NotFoundError:
            return None

    def _write_metadata(self, container: Container, name: str, metadata: Metadata) -> None:
        metadata.tell_compat()
        container.write(name, msgspec.json.format(msgspec.json.encode(metadata), indent=2) + b"\n")

    def _keep(self, metadata: Metadata, document: str) -> None:
        """Remember what the file's line in the list of finished files tells."""
        file = finished_file(self._key, metadata, document=document, at=0.0)
        self._store.finished.keep(file)
