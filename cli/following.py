"""Where input files stand: what storage shows, and what the running app tells besides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from cli.app_api import AppApi, SilentAppError
from cli.deliveries import (
    Delivery,
    Found,
    deliveries_of,
    deliveries_of_snapshot,
    latest_found,
    newest,
    read_all,
)
from cli.ended import Ended, pages
from cli.faults import CommandError, Ending
from cli.statuses import ENDED, RESTING, RUNNING, FileStatus
from domain import names
from domain.errors import ConfigurationError
from domain.side_files import side_file

if TYPE_CHECKING:
    from adapters.services import Services

# So few are read in storage as cheaply as by pages of the app's lists.
FEW_FILES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One look: `files` in the input container by path; the snapshots that the app tells of.

    claimed  file keys of what is being worked on, as far as the records may be read
    silence  why the app tells nothing
    is_paused  no new file is taken, as people have asked
    """

    files: Mapping[str, FileStatus]
    snapshots: list[dict[str, Any]]
    claimed: frozenset[str] = frozenset()
    silence: str | None = None
    is_paused: bool = False


def look(services: "Services", api: AppApi, *, below: str = "") -> Picture:
    """Look at the input files whose paths begin with `below`, and at the snapshots."""
    snapshots, silence = _snapshots(api)
    files = {file.file: file for file in _in_input(services, below)}
    claimed, resting = _records(services, api)
    for file in list(files.values()):
        if file.key in claimed:
            _note(files, file.file, state="working")
    for told in resting.get("waiting", []):
        _note(files, told["file"], state="waits", reason=told["reason"])
    now = services.clock()
    for told in resting.get("held", []):
        # One that was released, or whose time is over, is taken by the next snapshot.
        is_held = told["until"] is None or datetime.fromisoformat(told["until"]).timestamp() > now
        _note(files, told["file"], state="held" if is_held else "waiting", reason=told["reason"])
    for told in resting.get("done", []):
        _note(files, told["file"], state="done", reason=told["reason"])
    for snapshot in snapshots:
        if snapshot["status"] in RUNNING:
            _note_progress(files, snapshot)
    return Picture(
        files=files,
        snapshots=snapshots,
        claimed=claimed,
        silence=silence,
        is_paused=resting.get("intake") == "paused",
    )


def of_delivery(delivery: Delivery) -> FileStatus:
    """Say how a file has ended."""
    metadata = delivery.metadata
    return FileStatus(
        file=delivery.file,
        state="rejected" if delivery.is_rejected else "done",
        requests=metadata.requests,
        done=metadata.requests,
        failed=delivery.failed,
        cost=metadata.cost,
        reason=metadata.reason,
        key=delivery.key,
        snapshot=metadata.snapshot,
        results=metadata.results,
        errors=metadata.errors,
    )


def in_input(path: str, services: "Services", api: AppApi) -> list[FileStatus]:
    """Say where a file stands that is in the input container, or all below a folder; all of them for an empty path."""
    seen = look(services, api, below=path).files
    return [seen[file] for file in sorted(seen) if _is_meant(path, file)]


def status_of(path: str, services: "Services", api: AppApi) -> list[FileStatus]:
    """Say where a file stands, or all below a folder: those that are in the input container as they are now, others as they ended."""
    seen = {file.file: file for file in in_input(path, services, api)}
    ended = [file for file in _ended(path, services, api) if file.file not in seen]
    return sorted([*seen.values(), *ended], key=lambda file: file.file)


def _ended(path: str, services: "Services", api: AppApi) -> list[FileStatus]:
    """Say how files have ended last: what storage lists, by what the app says of them; the rest is read in storage."""
    found = latest_found(path, services)
    known = Ended(api)
    told: list[FileStatus] = []
    unknown: list[Found] = []
    if len(found) >= FEW_FILES:
        known.read_all(_snapshots(api)[0], {each.timestamp for each in found})
    for each in found:
        status = known.of_output(each.file, each.timestamp)
        if status is not None:
            told.append(status)
        else:
            unknown.append(each)
    read = (of_delivery(each) for each in newest(read_all(unknown)))
    return [file for file in (*told, *read) if not path or _is_meant(path, file.file)]


def _is_meant(path: str, file: str) -> bool:
    return file == path or file.startswith(f"{path.rstrip('/')}/" if path else "")


def _in_input(services: "Services", below: str) -> Iterable[FileStatus]:
    prefix = below or names.prefix_of(services.settings.input_directory)
    for entry in services.storage.input.list(prefix, metadata=True):
        if names.is_input(entry.name, entry.size, entry.metadata) and side_file(entry.name) is None:
            key = names.file_key(entry.name, entry.etag)
            yield FileStatus(file=entry.name, state="waiting", key=key)


def _records(services: "Services", api: AppApi) -> tuple[frozenset[str], dict[str, Any]]:
    """Give what is claimed, and the files that are not being worked on, with their reasons, as `GET /api/files` does.

    People may not read the records everywhere; then the app is asked, which tells the latter.
    """
    from steps.intake.at_rest import files_at_rest  # noqa: PLC0415 - slow to import

    try:
        return frozenset(claimed.key for claimed in services.work.claims.all()), files_at_rest(services)
    except ConfigurationError:
        if not api.is_known:
            raise
    told: dict[str, Any] = api.get("files") or {}
    return frozenset(), told


def _snapshots(api: AppApi) -> tuple[list[dict[str, Any]], str | None]:
    if not api.is_known:
        return [], "The app's address is not known (--app): what it works on now is not shown."
    try:
        listed = (api.get("snapshots") or {}).get("snapshots", [])
    except SilentAppError as error:
        return [], str(error)
    return list(listed), None


def _note(files: dict[str, FileStatus], path: str, **changes: Any) -> None:
    if path in files:
        files[path] = msgspec.structs.replace(files[path], **changes)


def _note_progress(files: dict[str, FileStatus], snapshot: Mapping[str, Any]) -> None:
    for told in (snapshot.get("progress") or {}).get("files") or []:
        path = told["path"]
        if path in files and files[path].state not in RESTING:
            _note(
                files,
                path,
                state=told["state"],
                requests=told["requests"],
                done=told["done"],
                snapshot=snapshot["id"],
            )


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows files from look to look until each has ended.

    `keys`: their versions, by path, where they are known. `to_come`: paths of files that are still to be written.
    """

    services: "Services"
    api: AppApi
    keys: Mapping[str, str | None]
    to_come: frozenset[str] = frozenset()
    ended: Ended = field(init=False)

    def __post_init__(self) -> None:
        """Begin to remember what has ended."""
        object.__setattr__(self, "ended", Ended(self.api))

    def look(self, known: Mapping[str, FileStatus]) -> dict[str, FileStatus]:
        """Give where the files stand now; what has ended stays as it was."""
        open_paths = [path for path in self.keys if path not in known or known[path].state not in ENDED]
        if not open_paths:
            return dict(known)
        picture = look(self.services, self.api)
        left = [key for path in open_paths if (key := self.keys[path]) and not self._lies(path, picture)]
        self.ended.find(left, picture.snapshots)
        return {**known, **{path: self._now(path, known.get(path), picture) for path in open_paths}}

    def _lies(self, path: str, picture: Picture) -> bool:
        """Tell whether a file lies in the input container, in the version that is meant, and has not ended."""
        seen = picture.files.get(path)
        return seen is not None and self.keys[path] in (None, seen.key) and seen.state not in ENDED

    def _now(self, path: str, before: FileStatus | None, picture: Picture) -> FileStatus:
        key, seen = self.keys[path], picture.files.get(path)
        if seen is not None and self._lies(path, picture):
            # The app tells of a few dozen files; what was known of others stays.
            known = before or seen
            requests, done = seen.requests or known.requests, seen.done or known.done
            return msgspec.structs.replace(seen, requests=requests, done=done)
        if ended := self.ended.of(key):
            return ended
        found = [each for each in deliveries_of(path, self.services) if key in (None, each.key)]
        if found:
            return of_delivery(found[-1])
        if path in self.to_come and (before is None or before.state == "waiting"):
            return FileStatus(file=path, state="waiting")
        # Another version lies in its place, while this one is being worked on; or it was deleted before it was taken.
        state = "working" if key in picture.claimed else "gone"
        return msgspec.structs.replace(before, state=state) if before else FileStatus(file=path, state=state)


def no_file(path: str) -> CommandError:
    """Say that a path means no file."""
    return CommandError(
        f"There is no file {path}, neither waiting nor finished.",
        "`aoai-batch status` lists them.",
        ending=Ending.REFUSED,
    )


def followed(paths: Iterable[str], services: "Services", api: AppApi) -> dict[str, str | None]:
    """Find the files that paths mean, each with its version where it lies in the input container.

    Raises CommandError for a path that means none.
    """
    found: dict[str, str | None] = {}
    for path in paths:
        if names.is_snapshot_id(path):
            found |= _of_snapshot(path, services, api)
            continue
        # Without a path, what has ended before is not meant: of years there may be much.
        meant = status_of(path, services, api) if path else in_input(path, services, api)
        if not meant and path:
            raise no_file(path)
        found |= {file.file: file.key for file in meant}
    return found


def _of_snapshot(snapshot_id: str, services: "Services", api: AppApi) -> dict[str, str | None]:
    """Find the files that a snapshot took, each with its version."""
    found = _listed_by_app(snapshot_id, api) or _left_by(snapshot_id, services)
    if not found:
        raise CommandError(
            f"There are no files of {snapshot_id}.",
            "`aoai-batch status` lists snapshots.",
            ending=Ending.REFUSED,
        )
    return found


def _listed_by_app(snapshot_id: str, api: AppApi) -> dict[str, str | None]:
    """Ask the app; nothing where it does not answer, or where the order of its list changes meanwhile, as at the snapshot's end."""
    if not api.is_known:
        return {}
    try:
        listed = pages(api, f"snapshots/{snapshot_id}/files")
        return {entry["path"]: entry["key"] for _, page in listed for entry in page}
    except CommandError:
        return {}


def _left_by(snapshot_id: str, services: "Services") -> dict[str, str | None]:
    """Find them by the claims on them, and by what came out of them."""
    found: dict[str, str | None] = {
        each.file: each.key for each in deliveries_of_snapshot(snapshot_id, services)
    }
    try:
        claims = services.work.claims.all()
    except ConfigurationError:
        claims = []
    return found | {each.claim.path: each.key for each in claims if each.claim.snapshot_id == snapshot_id}
