"""What people may ask for about files, snapshots and folders, and which of it is news."""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

import msgspec

from domain.contracts import Asked

# The storage tells times in whole seconds, and a listing may be a little behind.
MARGIN_SECONDS = 60.0


class WishKind(StrEnum):
    """What is asked for; the names of the blobs."""

    CANCEL = "cancel"
    HOLD = "hold"
    APPROVE = "approve"
    PRIORITY = "priority"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that people have asked for. Times are epoch seconds."""

    kind: WishKind
    subject: str  # a file key, the id of a snapshot, or `names.folder_subject`
    folder: str = ""  # with its closing slash, where it is about a folder
    priority: int = 0
    by: str = ""  # who asked
    at: float = 0.0
    changed: float = 0.0  # by the storage's clock

    @property
    def about(self) -> str:
        """What it is about: the subject, of a folder its path."""
        return self.folder or self.subject


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """All that people have asked for, as one listing shows it."""

    wishes: list[Wish] = []
    intake_paused: bool = False
    retries: list[str] = []  # runs that are still to be written

    def subjects(self, kind: WishKind) -> set[str]:
        """Give what is asked for by a kind of wish."""
        return {wish.subject for wish in self.wishes if wish.kind is kind}

    @property
    def held(self) -> set[str]:
        """The keys of the files that are to wait. A cancellation counts more."""
        return self.subjects(WishKind.HOLD) - self.subjects(WishKind.CANCEL)


def rank_of(path: str, own: int | None, folders: Mapping[str, int]) -> int:
    """Give a file's priority: what was said about it, or else about the nearest folder above it; the higher, the earlier."""
    if own is not None:
        return own
    while folders and "/" in path:
        path = path[: path.rindex("/")]
        if (found := folders.get(f"{path}/")) is not None:
            return found
    return 0


def news(wishes: Collection[Wish], since: float) -> Asked | None:
    """Give what is newer than an earlier look has `seen`; None where nothing is."""
    new = [wish for wish in wishes if wish.changed > since - MARGIN_SECONDS]
    return asked(new, seen=max(wish.changed for wish in wishes)) if new else None


def asked(wishes: Iterable[Wish], *, seen: float = 0.0) -> Asked:
    """Put wishes together by their kinds."""
    by_kind: dict[WishKind, list[Wish]] = {kind: [] for kind in WishKind}
    for wish in wishes:
        by_kind[wish.kind].append(wish)
    return Asked(
        cancel=[wish.about for wish in by_kind[WishKind.CANCEL]],
        hold=[wish.about for wish in by_kind[WishKind.HOLD]],
        approve=[wish.about for wish in by_kind[WishKind.APPROVE]],
        priority={wish.about: wish.priority for wish in by_kind[WishKind.PRIORITY]},
        seen=seen,
    )
