"""Physical lines of a text, however its bytes arrive."""

import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.text import decoding

texts = st.lists(
    st.sampled_from(["\n", "\r", "\r\n", "a", "bcd", "é", "😀", "\u2028", "\x0b", "\x85", "\0"])
).map("".join)


@given(
    text=texts,
    encoding=st.sampled_from(["utf-8-sig", "utf-16", "cp1252", "gb18030"]),
    places=st.lists(st.integers(0, 60), max_size=6),
    piece=st.integers(1, 20),
    most=st.sampled_from([3, 5, 1000]),
)
def test_lines_end_where_python_ends_them(
    text: str, encoding: str, places: list[int], piece: int, most: int
) -> None:
    content = text.encode(encoding, "replace")
    edges = sorted({0, len(content), *(place % (len(content) + 1) for place in places)})
    chunks = [content[start:end] for start, end in pairwise(edges)]
    whole = io.TextIOWrapper(io.BytesIO(content), encoding, newline="").readlines()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(decoding, "PIECE_BYTES", piece)
        assert list(decoding.text_lines(chunks, encoding, most)) == [line[:most] for line in whole]
