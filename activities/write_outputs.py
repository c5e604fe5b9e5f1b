"""Write what people came for: results in input order, errors, the retry file and the metadata.

Streams: the outcomes of all shards and attempts are joined, in order, with the lines of the frozen input. The join is
also the last check that every line of the input has exactly one outcome.
"""

from collections.abc import Iterator

import azure.durable_functions as df
import msgspec

from activities.answering import answering
from adapters import clients
from adapters.storage import Container, LazyWriter, Storage
from adapters.work_room import WorkRoom
from domain import error_records, names
from domain.contracts import FileWork, WrittenOutputs, from_wire
from domain.errors import NotFoundError, PipelineError
from domain.metadata import Metadata, batch_metadata, iso, outcome_counts
from domain.outcomes import Outcome, ShardOutcome, Tally, join_passed_on
from domain.output_paths import OutputPaths, output_paths
from domain.records import Ledger, Plan
from domain.request_lines import UTF8_BOM
from domain.settings import Settings
from domain.version import VERSION

bp = df.Blueprint()


class _Numbered(msgspec.Struct):
    line: int | None = None


class _RequestLine(msgspec.Struct):
    custom_id: str


_decode_number = msgspec.json.Decoder(_Numbered).decode
_decode_request = msgspec.json.Decoder(_RequestLine).decode


@bp.activity_trigger(input_name="work")
def write_outputs(work: dict) -> dict:
    """Answer WrittenOutputs to a FileWork."""
    return answering(
        lambda: write(
            from_wire(work, FileWork),
            storage=clients.storage(),
            room=clients.work_room(),
            settings=clients.settings(),
        )
    )


def write(work: FileWork, *, storage: Storage, room: WorkRoom, settings: Settings) -> WrittenOutputs:
    """Write everything about one file; a repetition writes the same again."""
    plan = room.plan(work.key)
    if plan is None:
        return WrittenOutputs(gone=True)
    delivery = Delivery(work.key, plan, storage=storage, room=room, settings=settings)
    return delivery.rejected() if plan.rejected else delivery.processed()


class Delivery:
    """One file's outputs."""

    def __init__(self, key: str, plan: Plan, *, storage: Storage, room: WorkRoom, settings: Settings) -> None:
        self._key, self._plan = key, plan
        self._storage, self._room = storage, room
        self._paths: OutputPaths = output_paths(settings, key, plan)
        self._ledgers: dict[str, Ledger] = {}
        self._tally = Tally()

    def rejected(self) -> WrittenOutputs:
        """Write the errors of a file that was refused as a whole."""
        with self._storage.error.writer(self._paths.errors) as errors:
            for line in self._room.lines(names.invalid_lines(self._key)):
                errors.write(line + b"\n")
        self._tally.invalid = self._plan.requests
        metadata = self._metadata("rejected")
        metadata.errors, metadata.archived_input = self._paths.errors, self._paths.rejected_input
        self._write_metadata(self._storage.error, self._paths.error_metadata, metadata)
        return WrittenOutputs(tally=self._tally, rejected=True)

    def processed(self) -> WrittenOutputs:
        """Write results and errors of a file that was worked on."""
        self._ledgers = self._room.shard_ledgers(self._key, self._plan.shards)
        self._tally.input_tokens, self._tally.output_tokens = self._tokens()
        paths = self._paths
        results = self._storage.processed.lazy_writer(paths.results)
        errors = self._storage.error.lazy_writer(paths.errors)
        retry = self._storage.error.lazy_writer(paths.retry)
        if self._errors_expected():
            self._join_with_input(results, errors, retry)
        else:
            for ended in self._outcomes():
                self._write_result(ended, results)
        self._check_sum()
        written = [blob.close() for blob in (results, errors, retry)]
        metadata = self._metadata("completed_with_errors" if self._tally.errors else "completed")
        metadata.results, metadata.errors, metadata.retry = written
        metadata.archived_input = paths.archive
        self._write_metadata(self._storage.processed, paths.processed_metadata, metadata)
        if self._tally.errors:
            self._write_metadata(self._storage.error, paths.error_metadata, metadata)
        return WrittenOutputs(tally=self._tally)

    def _collected(self) -> list[Tally]:
        return [ledger.collected.tally for ledger in self._ledgers.values() if ledger.collected]

    def _tokens(self) -> tuple[int, int]:
        """Sum up what all attempts used: an answer that was thrown away for a better one was paid all the same."""
        tallies = self._collected()
        return sum(tally.input_tokens for tally in tallies), sum(tally.output_tokens for tally in tallies)

    def _errors_expected(self) -> bool:
        return bool(self._plan.invalid) or any(tally.errors for tally in self._collected())

    def _outcomes(self) -> Iterator[ShardOutcome]:
        return join_passed_on(
            [shard.shard for shard in self._plan.shards],
            lambda shard: self._room.outcomes(self._key, shard),
            self._children,
        )

    def _children(self, shard: str) -> list[str]:
        collected = self._ledgers[shard].collected
        return [child.shard for child in collected.children] if collected else []

    def _write_result(self, ended: ShardOutcome, results: LazyWriter) -> None:
        """Write the service's own line; one that was cut short says so at its end."""
        self._tally.count(Outcome.OK, flag=ended.flag)
        line = bytes(ended.answer)
        if ended.flag:
            line = line.rstrip().removesuffix(b"}") + b',"flag":"' + ended.flag.encode() + b'"}'
        results.write(line + b"\n")

    def _join_with_input(self, results: LazyWriter, errors: LazyWriter, retry: LazyWriter) -> None:
        outcomes, invalid = self._outcomes(), self._invalid_lines()
        number_of_invalid, record = next(invalid, (0, b""))
        for number, raw in enumerate(self._room.lines(names.frozen_input(self._key)), 1):
            line = (raw.removeprefix(UTF8_BOM) if number == 1 else raw).rstrip(b"\r")
            if number == number_of_invalid:
                errors.write(record + b"\n")
                self._tally.count(Outcome.INVALID)
                number_of_invalid, record = next(invalid, (0, b""))
            elif line.strip():
                ended = self._matching(next(outcomes, None), line, number)
                if ended.outcome is Outcome.OK:
                    self._write_result(ended, results)
                else:
                    self._tally.count(ended.outcome or Outcome.MISSING)
                    errors.write(error_records.of_outcome(self._plan.path, number, line, ended))
                    retry.write(line + b"\n")

    def _matching(self, ended: ShardOutcome | None, line: bytes, number: int) -> ShardOutcome:
        """Make sure that an outcome is the one of this line."""
        custom_id = _decode_request(line).custom_id
        if ended is None or ended.custom_id != custom_id:
            found = ended.custom_id if ended else "nothing"
            raise PipelineError(
                f"Line {number} is {custom_id!r}, but its outcome is of {found!r}.", code="outcome_mismatch"
            )
        return ended

    def _invalid_lines(self) -> Iterator[tuple[int, bytes]]:
        if self._plan.invalid:
            for record in self._room.lines(names.invalid_lines(self._key)):
                yield _decode_number(record).line or 0, record

    def _check_sum(self) -> None:
        if self._tally.total != self._plan.requests:
            counted = f"{self._tally.total} outcomes for {self._plan.requests} requests"
            raise PipelineError(f"{self._plan.path}: {counted}.", code="outcome_mismatch")

    # --- metadata ----------------------------------------------------------------------------------------------------

    def _metadata(self, status: str) -> Metadata:
        plan = self._plan
        batches = [
            batch_metadata(batch, shard=shard, attempt=ledger.attempt)
            for shard, ledger in sorted(self._ledgers.items())
            for batch in [*ledger.past_batches, *([ledger.batch] if ledger.batch else [])]
        ]
        records = [ledger.batch for ledger in self._ledgers.values() if ledger.batch]
        started = min((batch.submitted_at for batch in records), default=None)
        finished = max((batch.ended_seen_at or 0.0 for batch in records), default=None)
        return Metadata(
            file=plan.path,
            etag=plan.etag,
            size_bytes=plan.size,
            snapshot=f"{names.SNAPSHOT_PREFIX}{plan.timestamp}",
            status=status,
            reason=plan.rejected,
            input_state=self._input_state(),
            endpoint=plan.url,
            deployment=plan.model,
            requests=plan.requests,
            outcomes=outcome_counts(self._tally),
            truncated=self._tally.truncated,
            filtered=self._tally.filtered,
            input_tokens=sum(
                led.collected.tally.input_tokens for led in self._ledgers.values() if led.collected
            ),
            output_tokens=sum(
                led.collected.tally.output_tokens for led in self._ledgers.values() if led.collected
            ),
            batches=batches,
            started_at=iso(started) if started else None,
            finished_at=iso(finished) if finished else None,
            duration_seconds=round(finished - started, 3) if started and finished else None,
            pipeline_version=VERSION,
        )

    def _input_state(self) -> str:
        try:
            entry = self._storage.input.entry(self._plan.path)
        except NotFoundError:
            return "deleted"
        return "present" if entry.etag == self._plan.etag else "replaced"

    def _write_metadata(self, container: Container, name: str, metadata: Metadata) -> None:
        container.write(name, msgspec.json.format(msgspec.json.encode(metadata), indent=2) + b"\n")
