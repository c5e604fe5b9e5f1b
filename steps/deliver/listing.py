"""A finished file's line in its snapshot's list, which people look at in place of the file's own documents."""

import logging
from collections.abc import Iterable
from itertools import count, islice

import msgspec

from adapters.services import Services
from domain.contracts import FileWork
from domain.errors import NotFoundError, PassingError, PipelineError
from domain.records import Plan
from domain.results.finished import FinishedFile, finished_file, read_lines, to_line, whole_lines
from domain.results.metadata import Metadata
from domain.results.output_paths import OutputPaths

LINES_AT_ONCE = 500  # an append takes 4 MiB

log = logging.getLogger(__name__)

_decode = msgspec.json.Decoder(Metadata).decode


def summary(key: str, plan: Plan, paths: OutputPaths, services: Services) -> FinishedFile:
    """Sum a file up, as this process has just written its metadata; else from the document that another one has written."""
    known = services.work.finished.take(key)
    if known:
        return msgspec.structs.replace(known, at=services.clock())
    container, name = (
        (services.storage.error, paths.error_metadata)
        if plan.rejected
        else (services.storage.processed, paths.processed_metadata)
    )
    try:
        document = _decode(container.read(name)[0])
    except (NotFoundError, msgspec.MsgspecError) as error:
        log.warning("%s: its line in the list of finished files is short: %s", plan.path, error)
        return FinishedFile(
            key=key,
            path=plan.path,
            state="rejected" if plan.rejected else "done",
            at=services.clock(),
            requests=plan.requests,
        )
    return finished_file(key, document, document=name, at=services.clock())


def add_to_list(work: FileWork, files: Iterable[FinishedFile], services: Services) -> None:
    """Add the lines of files, many in one call. The list is the lesser thing: what cannot be written to it, for good, stops no file.

    Raises PassingError for what passes by itself.
    """
    left = iter(files)
    while lines := [to_line(file) for file in islice(left, LINES_AT_ONCE)]:
        try:
            services.work.finished.add(work.snapshot_id, b"".join(lines))
        except PassingError:
            raise
        except PipelineError as error:
            log.warning(
                "%d files are missing in the list of finished files of %s: %s",
                len(lines),
                work.snapshot_id,
                error,
            )


def listed(snapshot_id: str, services: Services) -> Iterable[FinishedFile]:
    """Give the files of a snapshot's list; of one that has several lines the last."""
    found: dict[str, FinishedFile] = {}
    for part in count():
        content, goes_on = services.work.finished.read(snapshot_id, part, 0)
        found |= {file.key: file for file, _ in read_lines(whole_lines(content)[0])}
        if not goes_on:
            break
    return found.values()
