"""The counts of error codes."""

from domain.results.error_codes import MOST_CODES, OTHERS, ErrorCodes


def test_codes_are_counted_the_most_frequent_first() -> None:
    codes = ErrorCodes()
    for code in ("a", "b", "b", None):
        codes.count(code)
    assert list(codes.by_number().items()) == [("b", 2), ("a", 1), ("unknown", 1)]


def test_there_are_never_many_names() -> None:
    codes = ErrorCodes()
    for number in range(3 * MOST_CODES):
        codes.count(f"made-up-{number}")
    assert len(codes.by_number()) == MOST_CODES + 1
    assert codes.by_number()[OTHERS] == 2 * MOST_CODES
