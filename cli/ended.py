"""What has ended, as the app lists it: a call for every two hundred files, where storage would want three for each."""

from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from cli.app_api import AppApi, SilentAppError
from cli.statuses import RUNNING, FileStatus
from domain import names

FILES_PER_PAGE = 200
STATES = ("done", "rejected")
# So few are read from storage as cheaply, which is the truth.
FEW = 5


class Ended:
    """The files of snapshots that have ended. Each page is read once, but for the last, which may have grown since."""

    def __init__(self, api: AppApi) -> None:
        self._api = api
        self._files: dict[str, FileStatus] = {}
        self._after: dict[tuple[str, str], str | None] = {}
        self._whole: set[str] = set()
        self._by_output: dict[tuple[str, str], FileStatus] = {}

    def of(self, key: str | None) -> FileStatus | None:
        """Say how a version of a file has ended; None where that is not known here."""
        return self._files.get(key) if key else None

    def of_output(self, path: str, timestamp: str) -> FileStatus | None:
        """Say the same by the file's path and the timestamp of its output folder."""
        return self._by_output.get((path, timestamp))

    def read_all(self, snapshots: Iterable[Mapping[str, Any]], timestamps: Container[str]) -> None:
        """Read the lists of the snapshots with these timestamps."""
        with suppress(SilentAppError):
            for snapshot in snapshots:
                if names.timestamp_of(snapshot["id"]) in timestamps:
                    self._read(snapshot)

    def find(self, keys: Sequence[str], snapshots: Iterable[Mapping[str, Any]]) -> None:
        """Read what is new in the lists of snapshots, the newest first, until all of these have been found."""
        missing = {key for key in keys if key not in self._files}
        if len(missing) < FEW:
            return
        # Where it falls silent, storage has it as well.
        with suppress(SilentAppError):
            for snapshot in snapshots:
                if not missing:
                    return
                self._read(snapshot)
                missing -= self._files.keys()

    def _read(self, snapshot: Mapping[str, Any]) -> None:
        snapshot_id = snapshot["id"]
        if snapshot_id in self._whole:
            return
        for state in STATES:
            after = self._after.get((snapshot_id, state))
            for last, page in pages(self._api, f"snapshots/{snapshot_id}/files?state={state}", after):
                self._after[snapshot_id, state] = last
                for status in map(_status, page):
                    self._files[str(status.key)] = status
                    self._by_output[status.file, names.timestamp_of(snapshot_id)] = status
        if snapshot["status"] not in RUNNING:
            self._whole.add(snapshot_id)


def pages(
    api: AppApi, route: str, after: str | None = None
) -> Iterable[tuple[str | None, list[dict[str, Any]]]]:
    """Read a list of files from a cursor on; gives each page with its own cursor. Nothing where there is no such list."""
    while True:
        told = api.get(
            f"{route}{'&' if '?' in route else '?'}limit={FILES_PER_PAGE}{f'&after={after}' if after else ''}"
        )
        if told is None:
            return
        yield after, told["items"]
        after = told["next"]
        if after is None:
            return


def _status(entry: Mapping[str, Any]) -> FileStatus:
    return FileStatus(
        file=entry["path"],
        state=entry["state"],
        requests=entry["requests"],
        done=entry["requests"],
        failed=entry["failed"],
        cost=entry["cost"],
        reason=entry["reason"] or None,
        key=entry["key"],
        snapshot=entry["snapshot"],
        results=entry.get("results"),
        errors=entry.get("errors"),
    )
