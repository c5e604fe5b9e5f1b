"""The job specs that lie among the input files: each version is read once, and holds for its folder and those below."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

from adapters.storage.blobs import Container
from domain import names
from domain.errors import JobSpecError, NotFoundError, PassingError, PipelineError, SpecMistake
from domain.records import SpecBlob
from domain.service.endpoints import engine_of
from domain.settings import Settings
from domain.spec.documents import MAX_SPEC_BYTES
from domain.spec.job_spec import MISNAMED, JobSpec, SpecDefaults, nearest_spec, parse_spec

REMEMBERED_BYTES = 32 * 1024 * 1024  # of the texts of parsed specs, in each process
REMEMBERED_VERDICT_BYTES = 16 * 1024 * 1024  # which a look at all specs needs, and no more
RECORD_BYTES = 500  # of a verdict without mistakes, with its key

Remembered = TypeVar("Remembered")


class Versions(Generic[Remembered]):
    """What is known of the last versions, as many as fit into so many bytes. For all threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes, self._lock = most_bytes, 0, Lock()
        self._known: OrderedDict[Hashable, tuple[Remembered, int]] = OrderedDict()

    def get(self, version: Hashable) -> tuple[Remembered] | None:
        """Give what is known of a version, in a tuple; None where nothing is."""
        with self._lock:
            if version not in self._known:
                return None
            self._known.move_to_end(version)
            return (self._known[version][0],)

    def keep(self, version: Hashable, value: Remembered, size: int) -> None:
        """Keep what was found out; what was asked for least recently goes."""
        with self._lock:
            _, old = self._known.pop(version, (None, 0))
            self._known[version] = value, size
            self._bytes += size - old
            while self._bytes > self._most:
                self._bytes -= self._known.popitem(last=False)[1][1]


_parsed: Versions[JobSpec] = Versions(REMEMBERED_BYTES)
_verdicts: Versions[JobSpecError | None] = Versions(REMEMBERED_VERDICT_BYTES)


class ListedSpec(NamedTuple):
    """A job spec as the listing shows it."""

    etag: str
    size: int  # bytes


class JobSpecs:
    """The specs of one listing of the input container, by path. What they leave out, `defaults` say."""

    def __init__(
        self, container: Container, listed: Mapping[str, ListedSpec], defaults: SpecDefaults
    ) -> None:
        self._container, self._listed, self._defaults = container, listed, defaults
        misnamed = sorted(filter(names.is_nearly_a_job_spec, listed), reverse=True)
        self._misnamed = {path.rpartition("/")[0]: path for path in misnamed}

    def governing(self, path: str) -> SpecBlob | None:
        """Give the spec of the nearest folder above a file, None where the settings govern it."""
        found = nearest_spec(path, self._listed.keys(), self._misnamed)
        return SpecBlob(path=found, etag=self._listed[found].etag) if found else None

    def mistakes_in(self, blob: SpecBlob) -> JobSpecError | PassingError | None:
        """Give what is wrong with a spec, None for a good one, and for one that has gone since the listing.

        A PassingError: it could not be read this time.
        """
        known = _verdicts.get(_version(self._container, blob, self._defaults))
        return known[0] if known else self._seen(blob) or self._read(blob)

    def _seen(self, blob: SpecBlob) -> JobSpecError | None:
        """Give what the listing shows to be wrong with a spec."""
        if not names.is_addressable(blob.path):
            return _mistake(blob.path, "a name with `.` or `..` between slashes cannot be called by a URL")
        size = self._listed[blob.path].size
        return _too_large(blob.path, size) if size > MAX_SPEC_BYTES else None

    def _read(self, blob: SpecBlob) -> JobSpecError | PassingError | None:
        try:
            read_spec(self._container, blob, self._defaults)
        except (JobSpecError, PassingError) as error:
            return error
        except NotFoundError:
            return None
        except PipelineError as error:
            return _mistake(blob.path, f"it cannot be read ({error.code})")
        return None


def read_spec(container: Container, blob: SpecBlob, defaults: SpecDefaults) -> JobSpec:
    """Read a job spec. Raises JobSpecError with all its mistakes; NotFoundError when it is gone, or is another version."""
    if names.is_nearly_a_job_spec(blob.path):
        raise _mistake(blob.path, MISNAMED)
    version = _version(container, blob, defaults)
    if known := _parsed.get(version):
        return known[0]
    verdict = _verdicts.get(version)
    if verdict and verdict[0]:
        raise verdict[0]
    content, etag = container.read_start(blob.path, MAX_SPEC_BYTES + 1)
    if etag != blob.etag:
        raise NotFoundError(f"{blob.path}: this version is gone.")
    try:
        spec = parse_spec(content, blob.path, defaults)
    except JobSpecError as error:
        _verdicts.keep(version, error, RECORD_BYTES + len(str(error)))
        raise
    _verdicts.keep(version, None, RECORD_BYTES)
    _parsed.keep(version, spec, RECORD_BYTES + len(content))
    return spec


def pools_files(container: Container, blob: SpecBlob | None, settings: Settings) -> bool:
    """Tell whether the files that a spec governs, or the settings alone, may share batches. What is not certain is a no."""
    if blob is None:
        return settings.pool == "auto" and settings.engine != "direct"
    try:
        spec = read_spec(container, blob, settings.spec_defaults)
    except PipelineError:
        return False  # it is told where the files are prepared
    return (spec.pool or settings.pool) == "auto" and engine_of(spec.engine, spec.endpoint) == "batch"


def _version(container: Container, blob: SpecBlob, defaults: SpecDefaults) -> Hashable:
    return container.address, blob.path, blob.etag, defaults


def _too_large(path: str, size: int) -> JobSpecError:
    return _mistake(path, f"has {size:,} bytes; a job spec may have {MAX_SPEC_BYTES:,}")


def _mistake(path: str, message: str) -> JobSpecError:
    return JobSpecError(path, [SpecMistake("", message)])
