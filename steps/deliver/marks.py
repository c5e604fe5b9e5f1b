"""Notes about single files for the end of their snapshot, where files of one folder are looked at together."""

from adapters.work.snapshots import Snapshots
from domain import names
from domain.records import Plan

MAX_REASON_CHARS = 500


class Marks:
    """Leaves notes for the end of one snapshot. A repetition leaves the same again."""

    def __init__(self, snapshots: Snapshots, snapshot_id: str) -> None:
        self._snapshots, self._snapshot_id = snapshots, snapshot_id

    def note_rejected(self, plan: Plan) -> None:
        """Note a file that was refused as a whole."""
        told = {
            "path": plan.path,
            "code": plan.rejected_code or "input_file",
            "reason": (plan.rejected or "")[:MAX_REASON_CHARS],
        }
        key = names.file_key(plan.path, plan.etag)
        self._snapshots.mark(names.rejected_marks(self._snapshot_id), key, told)

    def note_finished(self, key: str, plan: Plan) -> None:
        """Note a file that becomes one result with others of its folder.

        One that was taken over from another snapshot, or was held, is noted for the first one's files as well: it belongs to them.
        """
        if plan.folder is None:
            return
        # The folder as a part of the path: both together could be more than the metadata of a blob may have.
        told = {"of_path": str(len(plan.folder)), "path": plan.path, "timestamp": plan.timestamp}
        told["rejected"] = "yes" if plan.rejected else ""
        first = f"{names.SNAPSHOT_PREFIX}{plan.timestamp}"
        for snapshot_id in dict.fromkeys((first, self._snapshot_id)):
            self._snapshots.mark(names.folder_marks(snapshot_id, plan.folder or "/"), key, told)
