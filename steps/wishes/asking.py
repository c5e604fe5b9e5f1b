"""Write down what people ask for about a file, a folder or a snapshot, as far as it makes sense.

Each may be asked twice, and by two at once. Raises NotFoundError for what is not there, ConflictError for what comes too late
or makes no sense, each with a sentence for people.
"""

import logging
from dataclasses import dataclass

from adapters.services import Services
from adapters.work.claims import Claimed
from domain import names
from domain.errors import ConflictError, NotFoundError
from domain.records import Claim
from domain.wishes import Wish, WishKind
from steps.deliver.hold import release as release_claim
from steps.intake.survey import list_inputs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFor:
    """What was asked for. `path`: of the file. `seen_seconds`: a running snapshot sees it within; None: the next one does."""

    wish: Wish
    path: str | None = None
    seen_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file that waits or is worked on. `claimed`: the claim that decides about it; None while it waits to be taken."""

    key: str
    path: str
    claimed: Claimed | None = None


def cancel(key: str, by: str, services: Services) -> AskedFor:
    """End a file: what it has is kept, nothing more of it is sent."""
    file = _find(key, services)
    if file.claimed is None:
        raise ConflictError(
            f"Nothing of {file.path} has begun. Hold it, or delete it from the input container."
        )
    asked = _ask(file, WishKind.CANCEL, by, services)
    services.work.wishes.drop(key, WishKind.HOLD)
    if _set_aside(key, services):
        # A snapshot has to take it to bring it to its end.
        release_claim(key, services)
    return asked


def hold(key: str, by: str, services: Services) -> AskedFor:
    """Have a file wait that has not begun, until it is released."""
    file = _find(key, services)
    if is_asked(WishKind.CANCEL, key, services):
        raise ConflictError(f"{file.path} is being cancelled, as people have asked.")
    if file.claimed is not None and file.claimed.claim.members and services.work.plans.read(file.claimed.key):
        raise ConflictError(f"{file.path} shares batches with others, which are on their way.")
    if file.claimed is not None and services.work.ledgers.count(file.claimed.key):
        raise ConflictError(f"{file.path} has begun: what was sent is paid. Cancel it to end it early.")
    return _ask(file, WishKind.HOLD, by, services)


def release(key: str, services: Services) -> bool:
    """Let a file go on that waits, as people have asked or for a reason of ours; False where none of that key waits."""
    if not names.is_file_key(key):
        return False
    was_asked = services.work.wishes.drop(key, WishKind.HOLD)
    return release_claim(key, services) or was_asked


def approve(key: str, by: str, services: Services) -> AskedFor:
    """Let a file go beyond a budget, now or when its turn comes."""
    asked = _ask(_find(key, services), WishKind.APPROVE, by, services)
    claim = _set_aside(key, services)
    if claim and claim.held_by:
        release_claim(key, services)
    return asked


def prioritise(key: str, priority: int, by: str, services: Services) -> AskedFor:
    """Have a file begin before others of lower priority, or behind those of higher; 0 is that of all others."""
    return _ask(_find(key, services), WishKind.PRIORITY, by, services, priority=priority)


def prioritise_folder(folder: str, priority: int, by: str, services: Services) -> AskedFor:
    """Do the same for all files below a folder, now and later."""
    folder = f"{folder.strip('/')}/"
    if folder == "/":
        raise ConflictError("Name a folder; what is said of all files is said of none.")
    wish = Wish(
        kind=WishKind.PRIORITY,
        subject=names.folder_subject(folder),
        folder=folder,
        priority=priority,
        by=by,
        at=services.clock(),
    )
    services.work.wishes.change(wish)
    return AskedFor(wish=wish, seen_seconds=services.settings.poll_max_seconds)


def cancel_snapshot(snapshot_id: str, by: str, services: Services) -> AskedFor:
    """End all files of a running snapshot; whether it is running, the task hub knows."""
    wish = Wish(kind=WishKind.CANCEL, subject=snapshot_id, by=by, at=services.clock())
    if services.work.wishes.make(wish):
        log.warning("%s: people have asked for: cancel", snapshot_id)
    return AskedFor(wish=wish, seen_seconds=services.settings.poll_max_seconds)


def is_asked(kind: WishKind, key: str, services: Services) -> bool:
    """Tell whether something of a kind was asked about a file."""
    return any(wish.kind is kind for wish in services.work.wishes.about(key))


def _set_aside(key: str, services: Services) -> Claim | None:
    """Give the claim on a file that is set aside. To be looked for after the wish: what sets it aside looks for that afterwards."""
    found = services.work.claims.deciding(key)
    return found.claim if found and found.claim.held_until > 0 else None


def _find(key: str, services: Services) -> _File:
    """Find a file by its key: by its claim, or among those that wait to be taken."""
    nowhere = NotFoundError("No file of this key waits or is worked on; one that is done has its results.")
    if not names.is_file_key(key):
        raise nowhere
    claims = services.work.claims
    if found := claims.find(key):
        if found.claim.done_at:
            raise ConflictError(f"{found.claim.path} is done.")
        return _File(key=key, path=found.claim.path, claimed=claims.pool_of(found.claim) or found)
    for file in list_inputs(services).inputs:
        if names.file_key(file.path, file.etag) == key:
            return _File(key=key, path=file.path)
    raise nowhere


def _ask(file: _File, kind: WishKind, by: str, services: Services, *, priority: int = 0) -> AskedFor:
    wish = Wish(kind=kind, subject=file.key, priority=priority, by=by, at=services.clock())
    is_new = True
    if kind is WishKind.PRIORITY:
        services.work.wishes.change(wish)
    else:
        is_new = services.work.wishes.make(wish)
    if is_new:
        log.warning("%s: people have asked for: %s", file.path, kind)
    is_running = file.claimed is not None and not file.claimed.claim.held_until
    seen_seconds = services.settings.poll_max_seconds if is_running else None
    return AskedFor(wish=wish, path=file.path, seen_seconds=seen_seconds)
