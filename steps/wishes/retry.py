"""Drop failed rows again: all of a file's by a copy within the account, some of them by their codes as a stream.

Raises NotFoundError for a file that is not known, ConflictError where there is nothing to retry, each with a sentence for people.
"""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from adapters.services import Services
from domain import names
from domain.contracts import RetryWork
from domain.errors import ConflictError, NotFoundError
from domain.lineage import Origin, metadata_beside, metadata_of_retry, origin_of
from domain.results.finished import FinishedFile, finished_file
from domain.results.metadata import Metadata
from steps.look.desk import desk_of

LATEST_SNAPSHOTS = 20  # that are looked through for a file, where its snapshot is not named
FILES_PER_CALL = 100

log = logging.getLogger(__name__)
_decode = msgspec.json.Decoder(Metadata).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """What was dropped again.

    `pending`: what is still to be written. `is_new`: False where all of it had been dropped before. `refused`: why nothing was,
    of one file among many.
    """

    key: str
    path: str
    targets: list[str]
    codes: list[str]
    is_new: bool
    pending: list[RetryWork] = field(default_factory=list)
    refused: str = ""


def retry(key: str, codes: list[str], services: Services, *, snapshot_id: str = "") -> Retried:
    """Retry the failed rows of a file, or those that have one of some codes; each row once, however often that is asked."""
    return _retry(find_finished(key, snapshot_id, services), codes, services)


def retry_snapshot(
    snapshot_id: str, codes: list[str], after: int, services: Services
) -> tuple[list[Retried], int | None]:
    """Retry the failed rows of a snapshot's files, a hundred files in a call; gives where the next call begins."""
    done: list[Retried] = []
    for following, file in desk_of(services).finished(snapshot_id).files(after):
        if file.outputs.retry and (not codes or set(codes) & file.error_codes.keys()):
            if len(done) == FILES_PER_CALL:
                return done, after
            try:
                done.append(_retry(file, codes, services))
            except ConflictError as error:
                # Such as one in whose retry's place another file lies; the others go on.
                done.append(
                    Retried(
                        key=file.key, path=file.path, targets=[], codes=[], is_new=False, refused=str(error)
                    )
                )
        after = following
    return done, None


def _retry(file: FinishedFile, codes: list[str], services: Services) -> Retried:
    if file.outputs.retry is None or not file.error_codes:
        raise ConflictError(f"Nothing of {file.path} failed that could be sent again.")
    failed = sorted(file.error_codes)
    wanted = failed if not codes else [code for code in failed if code in codes]
    if not wanted:
        raise ConflictError(
            f"No row of {file.path} failed with {', '.join(codes)}; there are {', '.join(failed)}."
        )
    marked = {mark.code for mark in services.work.retries.of(file.key)}
    unmarked = [code for code in wanted if code not in marked]
    target = _target(file, unmarked)
    won = [code for code in unmarked if services.work.retries.mark(file.key, code, target)]
    marks = services.work.retries.of(file.key)
    pending = []
    is_new = False
    # Those of this call, and those of an earlier one that has not come to its end.
    for at in sorted({mark.target for mark in marks if not mark.is_dropped}):
        codes_of_run = [mark.code for mark in marks if mark.target == at]
        dropped, work = _drop(file, at, codes_of_run, services, is_first=set(codes_of_run) <= set(won))
        is_new = is_new or (dropped and not set(codes_of_run).isdisjoint(wanted))
        if work:
            pending.append(work)
    return Retried(
        key=file.key,
        path=file.path,
        targets=sorted({mark.target for mark in marks if mark.code in wanted}),
        codes=wanted,
        is_new=is_new,
        pending=pending,
    )


def _target(file: FinishedFile, codes: list[str]) -> str:
    part = "" if len(codes) == len(file.error_codes) else names.retry_run(file.key, codes)[-8:]
    return names.retried_input(file.path, file.outputs.retry or "", part)


def _drop(
    file: FinishedFile, target: str, codes: list[str], services: Services, *, is_first: bool
) -> tuple[bool, RetryWork | None]:
    """Drop a retry file, unless an earlier try did, or give what is to be written; and say whether this call did it.

    `is_first`: nobody else has marked any of it. It may have been dropped without a mark, where the app did not answer.
    """
    outputs, retries = file.outputs, services.work.retries
    if outputs.retry is None or set(codes) != file.error_codes.keys():
        work = RetryWork(
            run=names.retry_run(file.key, codes),
            key=file.key,
            codes=sorted(codes),
            target=target,
            retry=outputs.retry or "",
            errors=outputs.errors or "",
            metadata=outputs.metadata or "",
        )
        is_left = retries.add_pending(work)
        if is_left and any(mark.target == target and mark.is_dropped for mark in retries.of(file.key)):
            # It was written after its marks were read, and forgotten: the marks come first.
            retries.drop_pending(work.run)
            return False, None
        return is_left, work
    was_dropped = has_results if is_first else is_dropped
    copied = not was_dropped(file.key, target, services) and _copy(file.key, outputs.retry, target, services)
    if copied:
        log.warning("%s is retried as %s", file.path, target)
    for code in codes:
        retries.mark_dropped(file.key, code, target)
    return copied, None


def _copy(key: str, retry_file: str, target: str, services: Services) -> bool:
    """Copy a retry file into the input container; False where it lies there already."""
    storage, metadata = services.storage, metadata_of_retry(Origin(key, retry_file))
    try:
        storage.input.copy_from(storage.error, retry_file, target, metadata=metadata, if_absent=True)
    except ConflictError as error:
        if not lies_there(key, target, services):
            raise in_the_way(target) from error
        return False
    except NotFoundError as error:
        raise ConflictError(f"{retry_file} is not there any more.") from error
    return True


def in_the_way(target: str) -> ConflictError:
    """Say that the retry has no place for now."""
    return ConflictError(
        f"Another file called {target} is in the input container; ask again when it is done."
    )


def lies_there(key: str, target: str, services: Services) -> bool:
    """Tell whether what lies in the input container is the retry of a file."""
    try:
        return origin_of(services.storage.input.entry(target).metadata).key == key
    except NotFoundError:
        return False


def is_dropped(key: str, target: str, services: Services) -> bool:
    """Tell whether the retry of a file lies in the input container, is being worked on, or has its results."""
    if lies_there(key, target, services):
        return True
    if any(
        found.claim.path == target and found.claim.origin.key == key for found in services.work.claims.all()
    ):
        return True
    return has_results(key, target, services)


def has_results(key: str, target: str, services: Services) -> bool:
    """Tell whether the retry of a file has come to its end."""
    settings, storage = services.settings, services.storage
    path = names.relative_to(settings.input_directory, target)
    places = (
        (storage.processed, settings.output_directory),
        (storage.error, settings.error_directory),
    )
    for container, directory in places:
        for entry in container.list(names.output_folder(directory, path, "", key).rstrip("/")):
            if entry.name.endswith("_metadata.json") and _is_retry_of(key, container.read(entry.name)[0]):
                return True
    return False


def _is_retry_of(key: str, document: bytes) -> bool:
    try:
        return _decode(document).retry_of == key
    except msgspec.MsgspecError:
        return False


def find_finished(key: str, snapshot_id: str, services: Services) -> FinishedFile:
    """Find a file that has ended: in the list of its snapshot or of the latest ones, else by its retry file. Raises NotFoundError."""
    nowhere = NotFoundError("No file of this key has ended, as far as it is remembered.")
    if not names.is_file_key(key) or (snapshot_id and not names.is_snapshot_id(snapshot_id)):
        raise nowhere
    claim = services.work.claims.read(key)
    if claim is not None and not claim[0].done_at:
        raise ConflictError(f"{claim[0].path} is being worked on; what fails can be retried once it is done.")
    store = services.work.snapshots
    for candidate in (
        [snapshot_id]
        if snapshot_id
        else store.latest(datetime.fromtimestamp(services.clock(), UTC), LATEST_SNAPSHOTS)
    ):
        if found := desk_of(services).finished(candidate).file(key):
            return found
    for entry in services.storage.error.list(
        names.prefix_of(services.settings.error_directory), metadata=True
    ):
        if origin_of(entry.metadata).key == key:
            return _by_its_document(key, metadata_beside(entry.name), services)
    raise nowhere


def _by_its_document(key: str, name: str, services: Services) -> FinishedFile:
    try:
        document = _decode(services.storage.error.read(name)[0])
    except (NotFoundError, msgspec.MsgspecError) as error:
        raise NotFoundError(f"{name} does not tell what failed: {error}") from error
    return finished_file(key, document, document=name, at=services.clock())
