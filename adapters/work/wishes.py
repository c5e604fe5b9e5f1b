"""What people have asked for: a small blob each, told by one listing.

Its name says what is asked for and about what, so that it can be made with nothing but the right to write there; who, when, and
how much lie in its metadata, which a listing shows.
Why: docs/decisions/0013-actions-are-wishes.md
"""

from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote, unquote

import msgspec

from adapters.storage.blobs import BlobEntry, Container
from adapters.work.claim_metadata import seconds
from domain import names
from domain.errors import ConflictError, NotFoundError
from domain.wishes import Standing, Wish, WishKind

MOST_PRIORITY = 1000
MAX_NAME_CHARS = 200  # of the one who asked

_encode = msgspec.json.Encoder().encode


class Wishes:
    """The wishes in the work container."""

    def __init__(self, work: Container) -> None:
        self._work = work

    def standing(self) -> Standing:
        """Give all that stands, in one listing; what is no wish is left out."""
        entries = list(self._work.list(names.WISHES, metadata=True))
        return Standing(
            wishes=[wish for entry in entries if (wish := _wish_from(entry))],
            intake_paused=any(entry.name == names.intake_pause() for entry in entries),
            retries=[
                entry.name.removeprefix(names.PENDING_RETRIES).removesuffix(".json")
                for entry in entries
                if entry.name.startswith(names.PENDING_RETRIES)
            ],
        )

    def about(self, subject: str) -> list[Wish]:
        """Give the wishes about one file, snapshot or folder."""
        entries = self._work.list(names.wishes_about(subject), metadata=True)
        return [wish for entry in entries if (wish := _wish_from(entry))]

    def make(self, wish: Wish) -> bool:
        """Make a wish; False where it stands already, which is as good."""
        with suppress(ConflictError):
            self._write(wish, if_absent=True)
            return True
        return False

    def change(self, wish: Wish) -> None:
        """Make a wish in place of an earlier one of its kind."""
        self._write(wish, if_absent=False)

    def drop(self, subject: str, kind: WishKind) -> bool:
        """Take a wish back; False where there is none."""
        try:
            self._work.delete(names.wish(subject, kind))
        except NotFoundError:
            return False
        return True

    def pause_intake(self, by: str, at: float) -> bool:
        """Ask that no new file is taken; False where that was asked already."""
        with suppress(ConflictError):
            content, metadata = _encode({"by": by, "at": at}), _said(by, at)
            self._work.write(names.intake_pause(), content, metadata=metadata, if_absent=True)
            return True
        return False

    def resume_intake(self) -> bool:
        """Take that back; False where it was not asked."""
        try:
            self._work.delete(names.intake_pause())
        except NotFoundError:
            return False
        return True

    def intake_paused(self) -> bool:
        """Tell whether no new file is to be taken."""
        try:
            self._work.entry(names.intake_pause())
        except NotFoundError:
            return False
        return True

    def _write(self, wish: Wish, *, if_absent: bool) -> None:
        metadata = _said(wish.by, wish.at)
        if wish.kind is WishKind.PRIORITY:
            metadata["priority"] = str(wish.priority)
        if wish.folder:
            metadata["folder"] = quote(wish.folder, safe="/")
        content = _encode({"wish": wish.kind, "about": wish.about, "by": wish.by, "at": wish.at})
        self._work.write(names.wish(wish.subject, wish.kind), content, metadata=metadata, if_absent=if_absent)


def _said(by: str, at: float) -> dict[str, str]:
    return {"at": str(at)} | ({"by": quote(by[:MAX_NAME_CHARS])} if by else {})


def _wish_from(entry: BlobEntry) -> Wish | None:
    """Read a wish from a listing; None for what is none, such as a kind that only a later version of the app knows."""
    found = names.wish_of(entry.name)
    if found is None or found[1] not in set(WishKind):
        return None
    subject, kind = found
    folder = unquote(entry.metadata.get("folder", ""))
    if names.is_folder_subject(subject) != bool(folder):
        return None
    return Wish(
        kind=WishKind(kind),
        subject=subject,
        folder=folder,
        priority=_priority(entry.metadata),
        by=unquote(entry.metadata.get("by", "")),
        at=seconds(entry.metadata.get("at", "")) or entry.modified,
        changed=entry.modified,
    )


def _priority(metadata: Mapping[str, str]) -> int:
    """Read a priority; 1 where there is none, since somehow earlier is what was meant."""
    try:
        told = int(metadata.get("priority", "1"))
    except ValueError:
        return 1
    return max(-MOST_PRIORITY, min(MOST_PRIORITY, told))
