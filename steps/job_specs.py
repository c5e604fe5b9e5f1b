"""The job specs that lie among the input files: each version is read once, and holds for its folder and those below."""

from collections.abc import Mapping
from functools import lru_cache

from adapters.storage.blobs import Container
from domain.errors import JobSpecError, NotFoundError
from domain.records import SpecBlob
from domain.spec.job_spec import JobSpec, SpecDefaults, nearest_spec, parse_spec

REMEMBERED = 256  # versions, in each process


class JobSpecs:
    """The specs of one listing of the input container: path -> ETag. What they leave out, `defaults` say."""

    def __init__(self, container: Container, etags: Mapping[str, str], defaults: SpecDefaults) -> None:
        self._container, self._etags, self._defaults = container, etags, defaults

    def governing(self, path: str) -> SpecBlob | None:
        """Give the spec of the nearest folder above a file, None where the settings govern it."""
        found = nearest_spec(path, self._etags.keys())
        return SpecBlob(path=found, etag=self._etags[found]) if found else None

    def mistakes_in(self, blob: SpecBlob) -> JobSpecError | None:
        """Give what is wrong with a spec, None for a good one, and for one that has gone since the listing."""
        try:
            read_spec(self._container, blob, self._defaults)
        except JobSpecError as error:
            return error
        except NotFoundError:
            return None
        return None


def read_spec(container: Container, blob: SpecBlob, defaults: SpecDefaults) -> JobSpec:
    """Read a job spec. Raises JobSpecError with all its mistakes; NotFoundError when it is gone, or is another version."""
    read = _read(container, blob.path, blob.etag, defaults)
    if isinstance(read, JobSpecError):
        raise read
    return read


@lru_cache(maxsize=REMEMBERED)
def _read(container: Container, path: str, etag: str, defaults: SpecDefaults) -> JobSpec | JobSpecError:
    content, found = container.read(path)
    if found != etag:
        raise NotFoundError(f"{path}: this version is gone.")
    try:
        return parse_spec(content, path, defaults)
    except JobSpecError as error:
        return error
