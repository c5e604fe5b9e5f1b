"""A blob as a file behaves like a file."""

import io
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import adapters.storage.stream
from adapters.storage.blobs import Container
from adapters.storage.stream import BlobStream

steps = st.one_of(
    st.tuples(st.just("read"), st.integers(-1, 30)),
    st.tuples(st.just("readline"), st.just(0)),
    st.tuples(st.just("set"), st.integers(0, 60)),
    st.tuples(st.just("cur"), st.integers(-20, 20)),
    st.tuples(st.just("end"), st.integers(-60, 10)),
    st.tuples(st.just("tell"), st.just(0)),
)
WHENCE = {"set": io.SEEK_SET, "cur": io.SEEK_CUR, "end": io.SEEK_END}


def take(stream: io.RawIOBase | io.BytesIO, what: str, number: int) -> object:
    if what == "read":
        return stream.read(number)
    if what in WHENCE:
        base = {"set": 0, "cur": stream.tell(), "end": None}[what]
        if base is not None and base + number < 0:
            return None  # where files differ: before the beginning
        return stream.seek(number, WHENCE[what])
    return stream.readline() if what == "readline" else stream.tell()


@given(content=st.binary(max_size=50), block=st.integers(1, 60), history=st.lists(steps, max_size=20))
def test_a_blob_reads_and_seeks_like_a_file_in_memory(
    content: bytes, block: int, history: list[tuple[str, int]]
) -> None:
    def read_range(_name: str, offset: int, length: int) -> bytes:
        assert 0 <= offset < offset + length <= len(content)
        return content[offset : offset + length]

    container = cast("Container", SimpleNamespace(read_range=read_range))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapters.storage.stream, "BLOCK_BYTES", block)
        blob = io.BufferedReader(BlobStream(container, "a", len(content)), buffer_size=7)
        memory = io.BytesIO(content)
        for what, number in history:
            if what == "end" and len(content) + number < 0:
                continue
            assert take(cast("io.RawIOBase", blob), what, number) == take(memory, what, number)


def test_a_blob_is_read_in_blocks_and_only_once(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters.storage.stream, "BLOCK_BYTES", 1000)
    content = bytes(number % 251 for number in range(3500))
    container.write("a", content)
    asked: list[tuple[int, int]] = []
    read_range = container.read_range

    def counting(name: str, offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return read_range(name, offset, length)

    monkeypatch.setattr(container, "read_range", counting)
    stream = BlobStream(container, "a", len(content))
    assert b"".join(iter(lambda: stream.read(300) or b"", b"")) == content
    assert asked == [(0, 1000), (1000, 1000), (2000, 1000), (3000, 500)]


def test_an_empty_blob_is_an_empty_file(container: Container) -> None:
    container.write("a", b"")
    stream = BlobStream(container, "a", 0)
    assert stream.read() == b""
    assert stream.seek(0, io.SEEK_END) == 0
    assert stream.readable()
    assert stream.seekable()


def test_a_range_is_as_large_as_what_is_asked_for_and_not_much_smaller() -> None:
    asked: list[tuple[int, int]] = []

    def read_range(_name: str, offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return bytes(length)

    container = cast("Container", SimpleNamespace(read_range=read_range))
    blob = BlobStream(container, "a", 1000, least_bytes=100)
    assert [len(blob.read(length) or b"") for length in (10, 90, 300, 50)] == [10, 90, 300, 50]
    blob.seek(950)
    assert len(blob.read(300) or b"") == 50
    assert asked == [(0, 100), (100, 300), (400, 100), (950, 50)]
