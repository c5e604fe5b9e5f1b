"""One note for the files of a folder that were all rejected for the same reason, instead of looking through a hundred."""

import logging
from collections import Counter, defaultdict

import msgspec

from adapters.services import Services
from domain import names
from domain.error_codes import OF_FILES
from domain.errors import PipelineError

SHOWN_FILES = 20

log = logging.getLogger(__name__)


def write_rejection_notes(snapshot_id: str, services: Services) -> None:
    """Write a note for each folder and reason that cost more than one file. A courtesy: one that cannot be written stops nothing."""
    try:
        _write_notes(snapshot_id, services)
    except PipelineError as error:
        log.warning("%s: notes about rejected files are not written: %s", snapshot_id, error)


def _write_notes(snapshot_id: str, services: Services) -> None:
    snapshots = services.work.snapshots
    marks = snapshots.marks(names.rejected_marks(snapshot_id))
    if not marks:
        return
    together: defaultdict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for told in sorted(marks.values(), key=lambda told: told["path"]):
        together[_folder_of(told["path"]), told["code"]].append(told)
    taken = Counter(_folder_of(file.path) for page in snapshots.pages(snapshot_id) for file in page)
    for (folder, code), files in together.items():
        if len(files) > 1:
            note = _note(snapshot_id, folder, files, max(taken[folder], len(files)))
            below = names.relative_to(services.settings.input_directory, folder)
            timestamp = names.timestamp_of(snapshot_id)
            name = names.rejection_note(services.settings.error_directory, below, timestamp, code)
            log.error("%s", note.decode())
            services.storage.error.write(name, note)
    snapshots.drop_marks(names.rejected_marks(snapshot_id))


def _folder_of(path: str) -> str:
    return path[: path.rfind("/") + 1]


def _note(snapshot_id: str, folder: str, files: list[dict[str, str]], taken: int) -> bytes:
    code = files[0]["code"]
    note = {
        "folder": folder,
        "snapshot": snapshot_id,
        "code": code,
        "reason": files[0].get("reason", ""),
        "what_to_do": OF_FILES[code].advice if code in OF_FILES else "See the message.",
        "files_rejected": len(files),
        "files_taken": taken,
        "files": [told["path"] for told in files[:SHOWN_FILES]],
    }
    return msgspec.json.format(msgspec.json.encode(note), indent=2) + b"\n"
