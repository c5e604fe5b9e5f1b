"""Prove from the outside that every row of a file came back, and that no shard of it was paid twice.

Nothing is taken from what the app counted: the archived input, the results and the errors are read again, row by row, and the service's
own list of batches is held against what the metadata name.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from adapters.openai.known_batches import FILE_KEY
from adapters.services import Services
from adapters.storage.source import BlobSource
from cli.deliveries import Delivery
from domain import names
from domain.errors import ConfigurationError, InputFileError, PassingError, PipelineError
from domain.service.batch_states import LOST, BatchState, BatchView
from domain.service.request_lines import UTF8_BOM, custom_id_of, split_lines
from formats.ready_made import request_lines
from formats.written_results import open_written
from steps.table_rows import open_rows

SHOWN_FINDINGS = 10
# Of a batch that did nothing the shard is submitted again; likewise of one that the service does not have.
NOT_PAID = frozenset({BatchState.FAILED, LOST})

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Audit(msgspec.Struct, kw_only=True):
    """What was found about one delivery.

    rows_in, results, errors  counted by reading them
    batches, in_service       batches that the metadata name, and those of the file that the service lists; null: not looked at
    proven                    every row came back once, and no shard had a second batch that could be paid
    findings                  what is not as promised, a sentence each
    remarks                   what could not be looked at, or is gone by now
    """

    file: str
    snapshot: str
    key: str
    rows_in: int | None = None
    results: int = 0
    errors: int = 0
    batches: int = 0
    in_service: int | None = None
    proven: bool = True
    findings: list[str] = []
    remarks: list[str] = []


class Leftovers(msgspec.Struct, kw_only=True):
    """What is left where nothing should be.

    strays   batches in the service that bear our mark, of no delivery and of no file that is being worked on
    files    files in the service of no file that is being worked on
    inputs   input files that were delivered and are still there
    records  files without a claim of which records are left
    """

    strays: list[str] = []
    files: list[str] = []
    inputs: list[str] = []
    records: list[str] = []
    remarks: list[str] = []

    @property
    def any(self) -> bool:
        """Whether there is something."""
        return bool(self.strays or self.files or self.inputs or self.records)


class ServiceView:
    """The batches that the service has of our files, by file key. Raises PipelineError where it does not tell."""

    def __init__(self, services: Services) -> None:
        self.by_key: dict[str, dict[str, BatchView]] = {}
        self.ids: set[str] = set()
        for batch in services.batch_api.batches():
            self.ids.add(batch.batch_id)
            if key := _key_of(batch, services):
                self.by_key.setdefault(key, {})[batch.batch_id] = batch


def _key_of(batch: BatchView, services: Services) -> str | None:
    """Give the key of the file that a batch was made of, by its mark or by the blob that it reads."""
    if FILE_KEY in batch.metadata:
        return batch.metadata[FILE_KEY]
    blob = services.storage.work_urls.name_of(batch.input_blob) if batch.input_blob else None
    return names.key_of_record(blob) if blob else None


def audit(delivery: Delivery, services: Services, view: ServiceView | None) -> Audit:
    """Audit one delivery."""
    metadata = delivery.metadata
    found = Audit(
        file=delivery.file, snapshot=metadata.snapshot, key=delivery.key, batches=len(metadata.batches)
    )
    findings = list(_count(found, delivery, services))
    findings += _batches(found, delivery, view)
    found.findings = findings[:SHOWN_FINDINGS]
    if len(findings) > SHOWN_FINDINGS:
        found.findings.append(f"… and {len(findings) - SHOWN_FINDINGS} more")
    found.proven = not findings and found.rows_in is not None
    return found


# --- did every row come back? ----------------------------------------------------------------------------------------


def _count(found: Audit, delivery: Delivery, services: Services) -> Iterator[str]:
    """Go through input, results and errors together: each row has to be the next one of exactly one of the latter."""
    metadata = delivery.metadata
    source = _input(delivery, services)
    if source is None:
        found.remarks.append("The archived input is not there any more: its rows cannot be counted.")
        return
    walk = _Walk(_results(delivery, services), _errors(delivery, services), inline=_is_inline(delivery))
    try:
        if delivery.is_rejected and not metadata.outcomes.get("invalid"):
            rows: Iterable[tuple[int, str | None]] = ()
        else:
            rows = _table_rows(delivery, source) if metadata.job_spec else _lines(source)
        yield from walk.over(rows)
    except InputFileError as error:
        if not delivery.is_rejected:
            yield f"the archived input cannot be read: {error}"
        # A file that cannot be read as a whole was rejected for it, with one error for all.
        walk.skip_errors()
    found.rows_in, found.results, found.errors = walk.rows, walk.results, walk.errors
    yield from _against_metadata(found, delivery)


def _against_metadata(found: Audit, delivery: Delivery) -> Iterator[str]:
    metadata = delivery.metadata
    told = sum(metadata.outcomes.values())
    if told != metadata.requests:
        yield f"the metadata have {metadata.requests} requests, and outcomes of {told}"
    if delivery.is_rejected:
        return
    if found.rows_in != metadata.requests:
        yield f"the input has {found.rows_in} rows, the metadata say {metadata.requests}"
    if found.results != metadata.outcomes.get("ok", 0):
        yield f"{found.results} results, the metadata say {metadata.outcomes.get('ok', 0)}"


class _Walk:
    """Rows of the input, held against results and errors in their order."""

    def __init__(self, results: Iterator[Any], errors: Iterator[Any], *, inline: bool) -> None:
        self._results, self._errors, self._inline = _Ahead(results), _Ahead(errors), inline
        self.rows = self.results = self.errors = 0

    def over(self, rows: Iterable[tuple[int, str | None]]) -> Iterator[str]:
        """Go through rows, each a number and the custom_id of its request; gives what is wrong."""
        for number, custom_id in rows:
            self.rows += 1
            if self._errors.next == number:
                self._errors.step()
                self.errors += 1
                # A failed row that has its place among the results as well.
                if self._inline and self._results.next in (number, custom_id):
                    self._results.step()
            elif self._results.next is not None and self._results.next in (number, custom_id):
                self._results.step()
                self.results += 1
            else:
                named = f" ({custom_id})" if custom_id else ""
                yield f"row {number}{named} did not come back in its place"
        yield from self._rest("results", self._results)
        yield from self._rest("errors", self._errors)

    def skip_errors(self) -> None:
        """Count what is left of the errors."""
        self.errors += sum(1 for _ in self._errors.rest())

    def _rest(self, what: str, ahead: "_Ahead") -> Iterator[str]:
        left = sum(1 for _ in ahead.rest())
        if left:
            yield f"{left} {what} belong to no row, or come twice"


class _Ahead:
    """An iterator whose next item can be looked at."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self.next: Any = next(items, None)

    def step(self) -> None:
        self.next = next(self._items, None)

    def rest(self) -> Iterator[Any]:
        while self.next is not None:
            yield self.next
            self.step()


def _input(delivery: Delivery, services: Services) -> BlobSource | None:
    blob = delivery.metadata.archived_input
    container = services.storage.error if delivery.is_rejected else services.storage.processed
    entry = next((entry for entry in container.list(blob) if entry.name == blob), None) if blob else None
    return BlobSource(container, entry.name, entry.size) if entry else None


def _lines(source: BlobSource) -> Iterator[tuple[int, str | None]]:
    """Give the lines of a ready-made file that are not blank: numbers from 1, and ids."""
    for number, raw in enumerate(request_lines(source.chunks()), 1):
        line = raw.removeprefix(UTF8_BOM) if number == 1 else raw
        if line.strip():
            yield number, _id_of(line)


def _id_of(line: bytes) -> str | None:
    """Give the custom_id of a line, None for one that never became a request."""
    try:
        return custom_id_of(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _table_rows(delivery: Delivery, source: BlobSource) -> Iterator[tuple[int, str | None]]:
    spec = delivery.metadata.job_spec
    assert spec is not None
    for item in open_rows(delivery.file, source, spec).rows:
        yield item.number, None


def _results(delivery: Delivery, services: Services) -> Iterator[Any]:
    """Give what tells whose each result is: the row of a table's, the custom_id of a request's."""
    blob = delivery.metadata.results
    if not blob:
        return
    container = services.storage.processed
    if delivery.metadata.job_spec is None:
        for line in filter(None, split_lines(container.chunks(blob))):
            yield custom_id_of(line)
        return
    source = BlobSource(container, blob, container.entry(blob).size)
    for record in open_written(source, delivery.metadata.job_spec.output.format).records:
        yield _row_number(record)


def _row_number(record: Mapping[str, Any]) -> int:
    row = record["row"]
    return int(bytes(row) if isinstance(row, msgspec.Raw) else row)


def _errors(delivery: Delivery, services: Services) -> Iterator[Any]:
    """Give the row of each error, or its line where the file holds requests."""
    blob = delivery.metadata.errors
    name = "row" if delivery.metadata.job_spec else "line"
    for line in filter(None, split_lines(services.storage.error.chunks(blob))) if blob else ():
        yield _decode(line).get(name)


def _is_inline(delivery: Delivery) -> bool:
    spec = delivery.metadata.job_spec
    return spec is not None and spec.output.failed == "inline"


# --- was it paid once? -----------------------------------------------------------------------------------------------


def _batches(found: Audit, delivery: Delivery, view: ServiceView | None) -> Iterator[str]:
    """Hold the batches that the metadata name against each other, and against the service's list."""
    named = {batch.batch_id: batch for batch in delivery.metadata.batches}
    shards = Counter((batch.shard, batch.attempt) for batch in named.values() if batch.status not in NOT_PAID)
    for (shard, attempt), number in sorted(shards.items()):
        if number > 1:
            yield f"shard {shard} has {number} batches in attempt {attempt}"
    if view is None:
        return
    listed = view.by_key.get(delivery.key, {})
    found.in_service = len(listed) + sum(id_ in view.ids and id_ not in listed for id_ in named)
    for batch_id, batch in sorted(listed.items()):
        if batch_id not in named and batch.completed + batch.failed:
            yield f"{batch_id} was made of this file, answered {batch.completed} requests, and is not in the metadata"
    gone = [batch_id for batch_id in named if batch_id not in view.ids]
    if gone:
        found.remarks.append(f"The service does not list {len(gone)} of the {len(named)} batches any more.")


# --- what is left ----------------------------------------------------------------------------------------------------


def leftovers(deliveries: Iterable[Delivery], services: Services, view: ServiceView | None) -> Leftovers:
    """Find what is left, when all deliveries are known."""
    found = Leftovers()
    known, named = set(), set()
    for delivery in deliveries:
        known.add(delivery.key)
        named |= {batch.batch_id for batch in delivery.metadata.batches}
    claimed: set[str] = set()
    try:
        records = services.work.claims.survey()
        claimed = {each.key for each in (*records.claims, *records.pools)} | set(records.unreadable)
        found.records = sorted(records.strays)
    except ConfigurationError as error:
        found.remarks.append(f"The records cannot be read: {error}")
    for entry in services.storage.input.list(metadata=True):
        if names.file_key(entry.name, entry.etag) in known:
            found.inputs.append(entry.name)
    if view is None:
        found.remarks.append("The service was not looked at.")
        return found
    found.strays = sorted(
        batch_id
        for key, batches in view.by_key.items()
        if key not in known | claimed
        for batch_id in batches
        # Of files that shared batches, whose pool has gone with them.
        if batch_id not in named
    )
    try:
        prefix = services.file_prefix
        for file_id, _, name in services.batch_api.files_named(prefix):
            if names.key_of_service_filename(prefix, name) not in claimed:
                found.files.append(file_id)
    except (ConfigurationError, PassingError) as error:
        found.remarks.append(f"The service's files cannot be listed: {error}")
    return found


def view_of(services: Services) -> tuple[ServiceView | None, str | None]:
    """Look at the service; where it does not tell, why."""
    try:
        return ServiceView(services), None
    except PipelineError as error:
        return None, str(error)
