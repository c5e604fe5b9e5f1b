"""One result for a whole folder: at the end of a snapshot, what its files in that folder came to, in the order of their names.

Asked for by `output.per: folder`. Each file has its own results as well, and they are there before. A file that was held is missing at
first; when it is done, in whichever snapshot, the folder's result is written again with it. What is dropped into the folder later
belongs to a later snapshot, and has a result of its own. Everything is streamed, and each file appears only when it is whole.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from adapters.services import Services
from adapters.storage.source import BlobSource
from adapters.threads import pool
from domain import names
from domain.errors import NotFoundError, PassingError, PipelineError
from domain.records import Plan
from domain.results.folder_metadata import FileOfFolder, FolderMetadata
from domain.results.output_paths import output_paths
from formats.joining import open_joined
from formats.sinks import Sink
from formats.written_results import WrittenResults, open_written

READS_AT_ONCE = 8
MOST_TRIES = 3  # of one folder: it may take the worker down, or outlast its time, and stops nothing else then
SHOWN_WAITING = 100
TRIES = "tries"

log = logging.getLogger(__name__)


class _Told(msgspec.Struct):
    status: str
    requests: int
    outcomes: dict[str, int]
    results: str | None = None
    errors: str | None = None


_decode = msgspec.json.Decoder(_Told).decode


def write_folder_results(snapshot_id: str, services: Services) -> None:
    """Write the result of each folder in which a file was finished by this snapshot. Raises PassingError for what passes."""
    snapshots = services.work.snapshots
    groups = {
        (told["path"][: int(told["of_path"])], told["timestamp"])
        for key, told in snapshots.marks(names.folder_marks(snapshot_id)).items()
        if key != TRIES
    }
    for folder, timestamp in sorted(groups):
        result = _FolderResult(folder, timestamp, services)
        if not result.begin():
            log.error("%s: its one result could not be written; each file has its own", folder or "/")
            continue
        try:
            result.write()
        except PassingError:
            raise
        except (PipelineError, msgspec.MsgspecError) as error:
            log.warning(
                "%s: its one result cannot be written; each file has its own: %s", folder or "/", error
            )
        result.end()


class _FolderResult:
    """The result of one folder, for the files of one snapshot: that with the timestamp."""

    def __init__(self, folder: str, timestamp: str, services: Services) -> None:
        self._folder, self._timestamp, self._services = folder, timestamp, services
        self._snapshot_id = f"{names.SNAPSHOT_PREFIX}{timestamp}"
        self._storage, self._settings = services.storage, services.settings
        self._marks = names.folder_marks(self._snapshot_id, folder or "/")
        below = names.relative_to(self._settings.input_directory, folder)
        stem = names.stem_of_folder(folder)
        self._processed, self._errors = (
            names.folder_of_folder_outputs(directory, below, timestamp) + stem
            for directory in (self._settings.output_directory, self._settings.error_directory)
        )

    def begin(self) -> bool:
        """Note that it is tried; False after too many tries that came to no end."""
        snapshots = self._services.work.snapshots
        tried = int(snapshots.marks(self._marks + TRIES).get(TRIES, {}).get("number", "0"))
        if tried < MOST_TRIES:
            snapshots.mark(self._marks, TRIES, {"number": str(tried + 1)})
        return tried < MOST_TRIES

    def end(self) -> None:
        """Note that the tries came to an end."""
        self._services.work.snapshots.mark(self._marks, TRIES, {"number": "0"})

    def write(self) -> None:
        """Write results, errors and metadata, the metadata last."""
        marks = self._services.work.snapshots.marks(self._marks)
        marks.pop(TRIES, None)
        ordered = sorted(marks.items(), key=lambda mark: mark[1]["path"])
        with pool(READS_AT_ONCE) as reading:
            files = [found for found in reading.map(lambda mark: self._told(*mark), ordered) if found]
        outcomes: Counter[str] = Counter()
        for _, told in files:
            outcomes.update(told.outcomes)
        metadata = FolderMetadata(
            folder=self._folder,
            snapshot=self._snapshot_id,
            requests=sum(told.requests for _, told in files),
            outcomes=dict(outcomes),
            files=[file for file, _ in files],
            waiting=self._waiting({file.key for file, _ in files}),
        )
        metadata.results = self._write_results([told.results for _, told in files if told.results])
        metadata.errors = self._write_errors([told.errors for _, told in files if told.errors])
        content = msgspec.json.format(msgspec.json.encode(metadata), indent=2) + b"\n"
        self._storage.processed.write(f"{self._processed}_metadata.json", content)

    def _told(self, key: str, mark: dict[str, str]) -> tuple[FileOfFolder, _Told] | None:
        """Read a file's own metadata; None where people have removed them by now."""
        paths = output_paths(self._settings, key, Plan(path=mark["path"], timestamp=self._timestamp))
        container, name = self._storage.processed, paths.processed_metadata
        if mark.get("rejected"):
            container, name = self._storage.error, paths.error_metadata
        try:
            told = _decode(container.read(name)[0])
        except NotFoundError:
            log.warning("%s: is left out of the result of its folder: its metadata are gone", mark["path"])
            return None
        return FileOfFolder(file=mark["path"], key=key, status=told.status, requests=told.requests), told

    def _waiting(self, finished: set[str]) -> list[str]:
        """Name files of the snapshot that belong to the folder and are not done, as long as its list is there."""
        listed = (file for page in self._services.work.snapshots.pages(self._snapshot_id) for file in page)
        missing = (
            file.path
            for file in listed
            if file.spec and file.spec.path.rpartition("/")[0] == self._folder.rstrip("/")
            if file.key not in finished
        )
        return list(islice(missing, SHOWN_WAITING))

    def _write_results(self, paths: Sequence[str]) -> str | None:
        form = paths[0].rpartition(".")[2] if paths else "jsonl"
        sink = self._storage.processed.lazy_writer(f"{self._processed}_output.{form}")
        if form == "jsonl":
            for path in paths:
                _append(self._storage.processed.chunks(path), sink)
            return sink.close()
        same = [path for path in paths if path.endswith(f".{form}")]
        heads = [self._open(path, form) for path in same]
        records = open_joined(sink, form, [msgspec.structs.replace(head, records=iter(())) for head in heads])
        del heads
        for path in same:
            for record in self._open(path, form).records:
                records.add(record)
        records.close()
        return sink.close()

    def _open(self, path: str, form: str) -> WrittenResults:
        size = self._storage.processed.entry(path).size
        return open_written(BlobSource(self._storage.processed, path, size), form)

    def _write_errors(self, paths: Sequence[str]) -> str | None:
        sink = self._storage.error.lazy_writer(f"{self._errors}_error.jsonl")
        for path in paths:
            _append(self._storage.error.chunks(path), sink)
        return sink.close()


def _append(chunks: Iterator[bytes], sink: Sink) -> None:
    """Add whole lines."""
    last = b"\n"
    for chunk in chunks:
        sink.write(chunk)
        last = chunk[-1:] or last
    if last != b"\n":
        sink.write(b"\n")
