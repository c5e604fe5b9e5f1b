"""Pages of files: those of a snapshot, and those of all.

A running snapshot's files come in the order in which they were taken, page by page of its manifest, so that none is missed that
ends while one is looking. The others come in the order in which they ended.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from adapters.threads import in_thread
from domain.api.answers import FileEntry, Files, OutputName, RunningFile, Snapshot
from domain.api.problems import ProblemError, bad_parameter
from domain.contracts import ListedFile
from domain.results.finished import FinishedFile
from steps.look.desk import Desk
from steps.look.finished import FinishedList
from steps.look.hub import TaskHub
from steps.look.snapshots import all_described, is_running, latest_ids, snapshot_of

PAGE_FILES = 100  # of a manifest, as `steps.intake.take` writes them
MOST_PAGE_READS = 8  # of a manifest, for one answer
LOOKED_AT_SNAPSHOTS = 20
ANY_CODE = "*"

ENDS = frozenset({"done", "rejected", "held"})
NOT_WORKED_ON = ENDS | {"waiting", "gone"}
_OUTPUTS: tuple[OutputName, ...] = get_args(OutputName)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which files are asked for. `after`: the cursor of the page before."""

    state: str | None = None
    error_code: str | None = None
    path: str | None = None
    limit: int = 100
    after: str | None = None

    def fits(self, file: FileEntry | FinishedFile) -> bool:
        """Tell whether a file is asked for, in either form: many are looked at for one that is shown."""
        return (
            self._fits_state(file.state)
            and (not self.path or self.path.casefold() in file.path.casefold())
            and (
                not self.error_code
                or self.error_code in file.error_codes
                or (self.error_code == ANY_CODE and bool(file.error_codes))
            )
        )

    def _fits_state(self, state: str) -> bool:
        if self.state == "working":
            return state not in NOT_WORKED_ON
        return self.state in (None, state)


async def files_of_snapshot(snapshot_id: str, wanted: Wanted, hub: TaskHub, desk: Desk) -> Files:
    """Give a page of a snapshot's files. Raises ProblemError: it is not known, the cursor is none, or is of before its end."""
    snapshot = await snapshot_of(snapshot_id, hub, desk)
    kind, start = _cursor(wanted.after)
    # Those that have ended lie together; whoever wants others as well reads the manifest.
    of_list = not is_running(snapshot) or wanted.state in ENDS or bool(wanted.error_code)
    if wanted.after and (kind == "d") != of_list:
        if not is_running(snapshot):
            raise ProblemError(
                410,
                "cursor_over",
                "The snapshot has ended, and its files lie in another order now: begin anew.",
            )
        raise bad_parameter("after", "it belongs to other filters.")
    if of_list:
        return await in_thread(_of_list, desk.finished, snapshot_id, wanted, start)
    return await in_thread(_of_manifest, snapshot, wanted, start, desk)


def _of_list(read: Any, snapshot_id: str, wanted: Wanted, start: int) -> Files:
    items: list[FileEntry] = []
    finished: FinishedList = read(snapshot_id)
    at = start
    for following, file in finished.files(start):
        if wanted.fits(file):
            if len(items) == wanted.limit:
                return Files(items=items, next=f"d{at}")
            items.append(entry_of(file, snapshot_id))
        at = following
    return Files(items=items, next=None)


def _of_manifest(snapshot: Snapshot, wanted: Wanted, start: int, desk: Desk) -> Files:
    """Go through the manifest from the `start`-th file on; stops early, with a cursor, where it would read many pages."""
    finished, progress = desk.finished(snapshot.id), snapshot.progress
    shown = {file.key: file for file in (progress.files if progress else []) if file.key}
    begun = progress.files_done + progress.files_working if progress else 0
    items: list[FileEntry] = []
    at, reads = start, 0
    while reads < MOST_PAGE_READS:
        page, was_read = desk.manifest_page(snapshot.id, at // PAGE_FILES)
        reads += was_read
        if page is None:
            return Files(items=items, next=None)
        for listed in page[at % PAGE_FILES :]:
            entry = _entry_of_listed(
                listed, finished, shown, snapshot.id, state="working" if at < begun else "waiting"
            )
            if wanted.fits(entry):
                if len(items) == wanted.limit:
                    return Files(items=items, next=f"m{at}")
                items.append(entry)
            at += 1
        if len(page) < PAGE_FILES:
            return Files(items=items, next=None)
        if len(items) == wanted.limit:
            break
    return Files(items=items, next=f"m{at}")


def _entry_of_listed(
    listed: ListedFile,
    finished: FinishedList,
    shown: Mapping[str, RunningFile],
    snapshot_id: str,
    *,
    state: Any,
) -> FileEntry:
    if done := finished.file(listed.key):
        return entry_of(done, snapshot_id)
    if listed.pool and (of_pool := shown.get(listed.pool)):
        state = of_pool.state
    now = shown.get(listed.key)
    return FileEntry(
        key=listed.key,
        path=listed.path,
        state=now.state if now else state,
        snapshot=snapshot_id,
        size_bytes=listed.size,
        requests=now.requests if now else 0,
        done=now.done if now else 0,
        job_spec=listed.spec.path if listed.spec else None,
    )


def entry_of(file: FinishedFile, snapshot_id: str | None) -> FileEntry:
    """Describe a finished file."""
    return FileEntry(
        key=file.key,
        path=file.path,
        state=file.state,
        snapshot=snapshot_id,
        size_bytes=file.size_bytes,
        requests=file.requests,
        done=sum(file.outcomes.values()),
        failed=file.errors,
        outcomes=file.outcomes,
        error_codes=file.error_codes,
        input_tokens=file.input_tokens,
        output_tokens=file.output_tokens,
        cached_tokens=file.cached_tokens,
        cost=file.cost,
        estimated_cost=file.estimated_cost,
        started_at=file.started_at,
        finished_at=file.finished_at,
        batches=file.batch_count,
        outputs=[name for name in _OUTPUTS if getattr(file.outputs, name)],
        results=file.outputs.results,
        errors=file.outputs.errors,
        reason=file.reason,
        retry_of=file.retry_of,
    )


# --- of all snapshots -------------------------------------------------------------------------------------------------


async def files_in_state(wanted: Wanted, hub: TaskHub, desk: Desk) -> Files:
    """Give a page of the files in a state: of all that wait or are held, of the latest snapshots those that are done or under way."""
    if wanted.state in ("waiting", "held"):
        return _numbered((await in_thread(at_rest_entries, desk))[wanted.state], wanted)
    ids = await latest_ids(desk, LOOKED_AT_SNAPSHOTS)
    snapshots = await all_described(ids, hub, desk)
    if wanted.state == "working":
        return _numbered(list(_working(snapshots)), wanted)
    return await in_thread(_of_lists, ids, wanted, desk)


def at_rest_entries(desk: Desk) -> dict[str, list[FileEntry]]:
    """Give the files that wait and those that are held, by these words."""
    told = desk.files_at_rest()
    return {"held": _at_rest(told["held"], "held"), "waiting": _at_rest(told["waiting"], "waiting")}


def _at_rest(told: list[dict[str, Any]], state: Any) -> list[FileEntry]:
    return [
        FileEntry(
            key=found["key"],
            path=found["file"],
            state=state,
            reason=found["reason"],
            code=found.get("code", ""),
            until=found.get("until"),
            job_spec=found.get("job_spec"),
        )
        for found in told
    ]


def _working(snapshots: list[Snapshot | None]) -> Iterator[FileEntry]:
    for snapshot in snapshots:
        if snapshot and snapshot.progress and is_running(snapshot):
            for file in snapshot.progress.files:
                if file.key:
                    yield FileEntry(
                        key=file.key,
                        path=file.path,
                        state=file.state,
                        snapshot=snapshot.id,
                        requests=file.requests,
                        done=file.done,
                    )


def _numbered(entries: list[FileEntry], wanted: Wanted) -> Files:
    """Give a page of entries that are all there; the cursor counts them."""
    kind, start = _cursor(wanted.after)
    if wanted.after and kind != "n":
        raise bad_parameter("after", "it belongs to other filters.")
    found = [entry for entry in entries if wanted.fits(entry)]
    end = start + wanted.limit
    return Files(items=found[start:end], next=f"n{end}" if end < len(found) else None)


def _of_lists(ids: list[str], wanted: Wanted, desk: Desk) -> Files:
    """Go through the lists of snapshots, the newest first; the cursor names the one and the place in it."""
    snapshot_id, _, place = (wanted.after or "").partition("~")
    if wanted.after and snapshot_id not in ids:
        raise bad_parameter(
            "after", "it is no cursor, or one of a snapshot that is not among the latest any more."
        )
    _, start = _cursor(place or None)
    items: list[FileEntry] = []
    for number in ids[ids.index(snapshot_id) if snapshot_id else 0 :]:
        page = _of_list(
            desk.finished,
            number,
            Wanted(
                state=wanted.state,
                error_code=wanted.error_code,
                path=wanted.path,
                limit=wanted.limit - len(items),
            ),
            start,
        )
        items += page.items
        if page.next:
            return Files(items=items, next=f"{number}~{page.next}")
        start = 0
    return Files(items=items, next=None)


def _cursor(after: str | None) -> tuple[str, int]:
    """Read a cursor: a letter for what it counts, and a number."""
    if after is None:
        return "", 0
    kind, number = after[:1], after[1:]
    if kind not in ("d", "m", "n") or not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise bad_parameter("after", "not what a page before gave as `next`.")
    return kind, int(number)
