"""Follow dropped files from the input container to their results. Pure, but for reading the app's progress."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from local.demo.services import get_json

SNAPSHOTS = "/api/snapshots"
MOST_SNAPSHOTS = 20
ENDED_BADLY = ("Failed", "Terminated", "Canceled")
STILL_GOING = ("Pending", "Running", "ContinuedAsNew", "Suspended")
COUNTED = ("in_progress", "sending")

LABELS = {
    "waiting": "waiting",
    "preparing": "preparing",
    "submitting": "submitted",
    "submitted": "submitted",
    "in_progress": "in progress",
    "sending": "sending",
    "collecting": "collecting",
    "writing": "writing",
    "rejected": "rejected",
    "held": "held",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProgress:
    """How far one dropped file is.

    requests  in the file, None while nobody knows
    done      requests with an outcome, None while nobody knows
    seconds   since it was dropped; once it is finished, until then
    finished  whether it has left the input container
    """

    path: str
    state: str = "waiting"
    requests: int | None = None
    done: int | None = None
    seconds: float = 0.0
    finished: bool = False

    @property
    def label(self) -> str:
        """The state for people, such as `in progress 12/40`."""
        if self.finished:
            return LABELS["rejected"] if self.state == "rejected" else "done"
        label = LABELS.get(self.state, self.state)
        counted = self.state in COUNTED and self.requests
        return f"{label} {self.done or 0}/{self.requests}" if counted else label


def advance(
    known: Mapping[str, FileProgress],
    snapshots: Iterable[Mapping[str, Any]],
    in_input: Iterable[str],
    seconds: float,
) -> dict[str, FileProgress]:
    """Return how far the known files are by now.

    `snapshots` are the app's answers to GET /api/snapshots/{id}, `in_input` the names in the input container, `seconds`
    the time since the files were dropped. A file that has left the input container is finished and stays so.
    """
    reported = {entry.get("path", ""): entry for snapshot in snapshots for entry in _files(snapshot)}
    waiting = set(in_input)
    return {
        path: file if file.finished else _advanced(file, reported.get(path, {}), path in waiting, seconds)
        for path, file in known.items()
    }


def failures(snapshots: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each snapshot that ended other than completed."""
    return [
        f"snapshot {snapshot.get('id')} ended as {snapshot['status']}: {_progress(snapshot).get('message') or 'see its log'}"
        for snapshot in snapshots
        if snapshot.get("status") in ENDED_BADLY
    ]


def any_going(snapshots: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a snapshot has not ended."""
    return any(snapshot.get("status") in STILL_GOING for snapshot in snapshots)


def read_snapshots(host_port: int) -> list[dict[str, Any]]:
    """Return the newest snapshots with their progress; none when the app does not tell at the moment."""
    try:
        listed = get_json(host_port, SNAPSHOTS).get("snapshots", [])[:MOST_SNAPSHOTS]
        return [get_json(host_port, f"{SNAPSHOTS}/{entry['id']}") for entry in listed]
    except (OSError, HTTPException):
        return []  # the files themselves tell the end; the next look may know more


def _advanced(file: FileProgress, entry: Mapping[str, Any], in_input: bool, seconds: float) -> FileProgress:  # noqa: FBT001 - a fact
    requests = entry.get("requests", file.requests)
    return FileProgress(
        path=file.path,
        state=entry.get("state", file.state),
        requests=requests,
        done=entry.get("done", file.done) if in_input else requests,
        seconds=seconds,
        finished=not in_input,
    )


def _files(snapshot: Mapping[str, Any]) -> list[dict[str, Any]]:
    return _progress(snapshot).get("files") or []


def _progress(snapshot: Mapping[str, Any]) -> Mapping[str, Any]:
    return snapshot.get("progress") or {}
