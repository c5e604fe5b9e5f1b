"""What a process remembers of what it has done."""

from steps.recent import Recent


def test_the_oldest_keys_go_first() -> None:
    recent = Recent(2)
    for key in ("a", "b", "a", "c"):
        recent.add(key)
    assert [key in recent for key in ("a", "b", "c")] == [False, True, True]


def test_what_is_taken_out_is_new_again() -> None:
    recent = Recent(2)
    recent.add("a")
    for _ in range(2):
        recent.discard("a")
        assert "a" not in recent
