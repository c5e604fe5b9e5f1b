"""What of that which people have asked for is news, and what a priority means for a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contracts import Asked
from domain.wishes import MARGIN_SECONDS, Standing, Wish, WishKind, asked, news, rank_of

NOW = 1_790_000_000.0


def wish(
    kind: WishKind = WishKind.CANCEL, subject: str = "k", *, changed: float = NOW, **more: object
) -> Wish:
    return Wish(kind=kind, subject=subject, changed=changed, **more)  # type: ignore[arg-type]


def test_nothing_new_is_nothing_to_tell() -> None:
    assert news([], 0.0) is None
    assert news([wish()], NOW + MARGIN_SECONDS) is None


def test_what_is_new_is_told_with_how_far_was_looked() -> None:
    old, new = wish(subject="old", changed=NOW - 1000), wish(subject="new", changed=NOW)
    assert news([old, new], NOW - 500) == Asked(cancel=["new"], seen=NOW)
    assert news([new, old], 0.0) == Asked(cancel=["new", "old"], seen=NOW)


@given(moments=st.lists(st.integers(0, 10_000), min_size=1), late=st.integers(0, int(MARGIN_SECONDS) - 1))
def test_no_wish_is_missed_although_the_listing_shows_it_late(moments: list[int], late: int) -> None:
    """Looks one after the other, each told what the one before has seen."""
    told: set[str] = set()
    seen = 0.0
    wishes = [wish(subject=str(number), changed=NOW + at) for number, at in enumerate(moments)]
    for look in sorted({*moments, max(moments) + late}):
        shown = [one for one in wishes if one.changed + late <= NOW + look]
        if found := news(shown, seen):
            told.update(found.cancel)
            seen = found.seen
    assert told == {one.subject for one in wishes}


def test_each_kind_has_its_place() -> None:
    found = asked(
        [
            wish(WishKind.HOLD, "h"),
            wish(WishKind.APPROVE, "a"),
            wish(WishKind.PRIORITY, "p", priority=3),
            wish(WishKind.PRIORITY, "folder-1", folder="in/urgent/", priority=-2),
        ]
    )
    assert found == Asked(hold=["h"], approve=["a"], priority={"p": 3, "in/urgent/": -2})


def test_a_cancellation_counts_more_than_a_hold() -> None:
    standing = Standing(wishes=[wish(WishKind.HOLD, "a"), wish(WishKind.HOLD, "b"), wish(subject="b")])
    assert standing.held == {"a"}


@pytest.mark.parametrize(
    ("path", "own", "rank"),
    [
        ("in/urgent/a.csv", None, 5),
        ("in/urgent/deep/er/a.csv", None, 5),
        ("in/urgent/not/a.csv", None, -1),
        ("in/urgent/a.csv", 0, 0),
        ("in/urgent/a.csv", 9, 9),
        ("in/urgently/a.csv", None, 2),
        ("urgent/a.csv", None, 0),
        ("a.csv", None, 0),
    ],
)
def test_the_nearest_folder_counts_and_the_file_itself_most(path: str, own: int | None, rank: int) -> None:
    assert rank_of(path, own, {"in/": 2, "in/urgent/": 5, "in/urgent/not/": -1}) == rank
    assert rank_of(path, own, {}) == (own or 0)
