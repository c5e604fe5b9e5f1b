"""Files that storage keeps from being taken, or that have their turn later: why each stands still."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.services import Services
from adapters.work.claims import Claimed, Records
from domain import names
from domain.errors import ConflictError, NotFoundError, PassingError, PipelineError
from domain.records import InputFile
from steps.intake.table_logs import WaitingTable
from steps.likeness import Likeness, likeness
from steps.recent import Recent

log = logging.getLogger(__name__)
_told = Recent(5000)  # by this process


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingFile:
    """A file that is not taken for now. `code`: storage's word for why, or ours."""

    path: str
    etag: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedInputs:
    """The input files that no claim of their ETag is on. What is in neither list is what a claim is about already."""

    takeable: list[InputFile]
    standing: list[StandingFile]


def sort_out(inputs: Iterable[InputFile], records: Records, services: Services) -> SortedInputs:
    """Find the files that may be taken, and those that stand still."""
    claimed = {found.key for found in records.claims} | records.unreadable.keys()
    by_path: defaultdict[str, list[Claimed]] = defaultdict(list)
    for found in records.claims:
        by_path[found.claim.path].append(found)
    sorted_out = SortedInputs(takeable=[], standing=[])
    for file in inputs:
        key = names.file_key(file.path, file.etag)
        if key in claimed:
            continue
        stands = _kept_by_storage(file, key, records, services.clock())
        is_taken = False
        if stands is None:
            is_taken, stands = _beside_claims(file, by_path.get(file.path, ()), services)
        if stands:
            sorted_out.standing.append(stands)
        elif not is_taken:
            sorted_out.takeable.append(file)
    return sorted_out


def _kept_by_storage(file: InputFile, key: str, records: Records, now: float) -> StandingFile | None:
    if not names.is_addressable(file.path):
        return _standing(
            file, "odd_name", "A name with `.` or `..` between slashes cannot be called by a URL. Rename it."
        )
    if file.archived:
        return _standing(
            file,
            "BlobArchived",
            "It is in the archive tier and cannot be read: rehydrate it, to hot or cool.",
        )
    if refusal := records.refused(key, now):
        return _standing(file, refusal.code, refusal.reason)
    return None


def _beside_claims(
    file: InputFile, claims: Iterable[Claimed], services: Services
) -> tuple[bool, StandingFile | None]:
    """Tell whether a file is what a claim on its path is about, and why it stands still if it is more than that."""
    for found in claims:
        try:
            like = likeness(found.key, found.size, file, services, believed_md5=found.claim.content_md5)
        except (ConflictError, NotFoundError, PassingError) as error:
            log.info("%s: it is seen later whether this is another version: %s", file.path, error)
            return True, None
        except PipelineError as error:
            return True, _standing(file, error.code, f"It cannot be compared with what was taken: {error}")
        if like is Likeness.SAME:
            return True, None
        if like is Likeness.GROWN:
            return True, _grown(file, found)
    return False, None


def _grown(file: InputFile, found: Claimed) -> StandingFile:
    begun = f"Its first {found.size:,} bytes were taken"
    if found.claim.done_at:
        reason = (
            f"{begun} and are done; what came later is not sent, since the beginning would be paid again. Drop the new part "
            "as a file of its own, or this one under another name, or set REPEAT=always."
        )
    else:
        reason = f"{begun} and are worked on; it has grown since, and waits until they are done."
    return _standing(file, "grown", reason)


def _standing(file: InputFile, code: str, reason: str) -> StandingFile:
    return StandingFile(path=file.path, etag=file.etag, code=code, reason=reason)


def tell_tables(tables: Iterable[WaitingTable]) -> None:
    """Log each table whose files are not taken."""
    for table in tables:
        tell_once(f"{table.folder}{table.reason}", table.folder, "table_log", table.reason)


def tell_standing(standing: Iterable[StandingFile], unreadable: Mapping[str, Claimed]) -> None:
    """Log each file that stands still."""
    for file in standing:
        tell_once(names.file_key(file.path, file.etag), file.path, file.code, file.reason)
    for key in unreadable:
        tell_once(
            key,
            names.frozen_input(key),
            "unreadable_claim",
            "The claim cannot be read; its file is left alone.",
        )


def tell_once(key: str, path: str, code: str, reason: str) -> None:
    """Log why a file is not taken, once in each process for each reason."""
    if (key, code) not in _told:
        _told.add((key, code))
        log.error("%s is not taken (%s): %s", path, code, reason)
