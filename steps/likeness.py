"""Whether a blob of the input container still has the content that was taken, whatever its ETag says.

An ETag changes with a blob's metadata, with a copy in place, with the same bytes written again. So the content decides: by
its length, by its MD5 where storage has it, else byte by byte, once for each ETag.
Why: docs/decisions/0012-identity-is-content.md
"""

from collections import OrderedDict
from collections.abc import Iterator
from enum import StrEnum
from threading import Lock

from adapters.services import Services
from adapters.storage.blobs import BlobEntry
from domain.errors import PassingError
from domain.lineage import origin_of
from domain.records import InputFile

MOST_REMEMBERED = 2000  # verdicts, in each process


class Likeness(StrEnum):
    """What a blob is, beside the content that was taken from its path."""

    SAME = "same"
    GROWN = "grown"  # the same content and more behind it, in a blob that can be appended to
    OTHER = "other"


class _Verdicts:
    """What was found out by reading. For all threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, str], Likeness] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[str, str, str]) -> Likeness | None:
        return self._known.get(key)

    def keep(self, key: tuple[str, str, str], found: Likeness) -> None:
        with self._lock:
            self._known[key] = found
            while len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)


_verdicts = _Verdicts()


def input_file(entry: BlobEntry) -> InputFile:
    """Give a blob of the input container as a file."""
    return InputFile(
        path=entry.name,
        etag=entry.etag,
        size=entry.size,
        modified=entry.modified,
        content_md5=entry.content_md5,
        appends=entry.appends,
        archived=entry.archived,
        leased=entry.leased,
        origin=origin_of(entry.metadata),
    )


def likeness(key: str, size: int, file: InputFile, services: Services, *, believed_md5: str = "") -> Likeness:
    """Compare a file with the frozen input of a key, which has `size` bytes.

    `believed_md5`: of the frozen input, where a hash that its writer may have set is enough. With REPEAT=always each ETag is
    a version. Raises what storage has against reading either; ConflictError when the file changes meanwhile.
    """
    if services.settings.repeat == "always" or file.size < size or (size == 0 and file.size):
        return Likeness.OTHER
    if file.size > size and not (file.appends or services.storage.input.is_hierarchical):
        return Likeness.OTHER
    if file.size == size and not file.appends and believed_md5 and believed_md5 == file.content_md5:
        return Likeness.SAME
    verdict = services.storage.input.name, key, file.etag
    known = _verdicts.get(verdict)
    if known is None:
        known = _read_both(key, file, services)
        _verdicts.keep(verdict, known)
    return known


def _read_both(key: str, file: InputFile, services: Services) -> Likeness:
    frozen = services.work.claims.open_input(key)
    if frozen is None:
        return Likeness.OTHER
    if frozen.copy_status != "success":
        raise PassingError(f"{file.path}: the copy of it is being made.", code="copy_pending")
    entry, current = services.storage.input.open(file.path)
    if entry.etag != file.etag:
        raise PassingError(f"{file.path}: is being written.", code="changing")
    if not _begins_with(current, frozen.chunks()):
        return Likeness.OTHER
    return Likeness.SAME if entry.size == frozen.size else Likeness.GROWN


def _begins_with(current: Iterator[bytes], frozen: Iterator[bytes]) -> bool:
    """Tell whether one stream begins with all of another; holds a piece of each."""
    ahead = b""
    for piece in frozen:
        while len(ahead) < len(piece):
            more = next(current, None)
            if more is None:
                return False
            ahead += more
        if not ahead.startswith(piece):
            return False
        ahead = ahead[len(piece) :]
    return True
