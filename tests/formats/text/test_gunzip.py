"""gzip is unpacked as a stream; what is no whole gzip is refused."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InputFileError
from formats.text import gunzip
from formats.text.gunzip import gunzipped
from tests.formats.memory_files import MemoryFile, opened, rows, values


@given(
    members=st.lists(st.binary(max_size=50), min_size=1, max_size=4),
    places=st.lists(st.integers(0, 500), max_size=8),
    padding=st.integers(0, 5),
    piece=st.integers(1, 40),
)
def test_members_come_back_however_the_bytes_arrive(
    members: list[bytes], places: list[int], padding: int, piece: int
) -> None:
    packed = b"".join(gzip.compress(member) + bytes(padding) for member in members)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gunzip, "PIECE_BYTES", piece)
        pieces = list(gunzipped(MemoryFile(packed, places).chunks()))
    assert b"".join(pieces) == b"".join(members)
    assert all(0 < len(unpacked) <= piece for unpacked in pieces)


def test_packed_text_is_read() -> None:
    assert values("a.csv.gz", gzip.compress(b"a\n1\n") + gzip.compress(b"2\n")) == [{"a": "1"}, {"a": "2"}]
    assert values("a.TXT.GZ", gzip.compress(b"x\n")) == [{"text": "x"}]
    assert values("a.jsonl.gz", gzip.compress(b'{"a": 1}\n')) == [{"a": 1}]
    assert values("a.json.gz", gzip.compress(b'[{"a": 1}]')) == [{"a": 1}]
    assert values("a.tsv.gz", gzip.compress(b"a\tb\n1\t2\n")) == [{"a": "1", "b": "2"}]


def test_a_packed_file_of_nothing_is_empty() -> None:
    with pytest.raises(InputFileError, match="empty") as raised:
        opened("a.csv.gz", gzip.compress(b""))
    assert raised.value.code == "empty_file"


def test_what_is_no_gzip_is_refused() -> None:
    for content in (b"a\n1\n", gzip.compress(b"a\n1\n") + b"trash"):
        with pytest.raises(InputFileError, match="gzip") as raised:
            rows("a.csv.gz", content)
        assert raised.value.code == "bad_gzip"


def test_no_truncation_goes_unnoticed() -> None:
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 50)
    for end in range(1, len(packed)):
        with pytest.raises(InputFileError) as raised:
            rows("a.csv.gz", packed[:end])
        assert raised.value.code in ("bad_gzip", "empty_file")


def test_rows_before_the_damage_are_given_first() -> None:
    content = b"a\n" + b"".join(b"%d\n" % number for number in range(200_000))
    table = opened("a.csv.gz", gzip.compress(content)[:-9])
    for _ in range(100_000):
        next(table.rows)
    with pytest.raises(InputFileError, match="truncated"):
        list(table.rows)
