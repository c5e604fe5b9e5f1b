"""One snapshot takes one version of a path: two would share an output folder, which is named by path and snapshot.

A second version can turn up under the same snapshot when taking is repeated after a crash, or on another host.
"""

from collections.abc import Sequence

from adapters.services import Services
from adapters.storage.blobs import Container
from adapters.threads import pool
from domain import names
from domain.records import InputFile
from steps.intake.refusals import Refusals

CLOCKS_APART_SECONDS = 5.0  # storage tells times in whole seconds, by its own clock
LOOKS_AT_ONCE = 8


def first_versions(
    files: Sequence[InputFile], snapshot_id: str, services: Services, refusals: Refusals
) -> list[InputFile]:
    """Leave out files of which this snapshot has had another version: a later snapshot takes them.

    The other version was claimed before this one was written, and has its claim still, or its outputs already. What was
    written well before the snapshot took anything has not come after another one; nothing is asked about it, nor where the
    snapshot begins to take files only now.
    """
    if not files:
        return []
    # Before any claim, and after these files were seen: another host that has claimed an older version has noted it sooner.
    if services.work.snapshots.begin_to_take(snapshot_id):
        return list(files)
    timestamp = names.timestamp_of(snapshot_id)
    begun = (
        names.takes_files_at(snapshot_id, services.settings.snapshot_window_seconds) - CLOCKS_APART_SECONDS
    )
    late = [file for file in files if file.modified > begun]
    if not late:
        return list(files)
    claimed = {found.claim.path for found in services.work.claims.all() if found.claim.timestamp == timestamp}

    def is_repeated(file: InputFile) -> bool:
        if file.path in claimed:
            return True
        key = names.file_key(file.path, file.etag)
        has_outputs = refusals.attempt(key, file.path, lambda: _has_outputs(file, timestamp, services))
        return has_outputs is not False

    with pool(LOOKS_AT_ONCE) as looking:
        repeated = {
            file.path for file, is_one in zip(late, looking.map(is_repeated, late), strict=True) if is_one
        }
    return [file for file in files if file.path not in repeated]


def _has_outputs(file: InputFile, timestamp: str, services: Services) -> bool:
    storage, settings = services.storage, services.settings
    path, key = names.relative_to(settings.input_directory, file.path), names.file_key(file.path, file.etag)

    def is_there(container: Container, directory: str) -> bool:
        return any(container.list(names.output_folder(directory, path, timestamp, key)))

    return is_there(storage.processed, settings.output_directory) or is_there(
        storage.error, settings.error_directory
    )
