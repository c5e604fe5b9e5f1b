"""Lines that are added together lie in the same shards as lines added one by one."""

import io

from hypothesis import given
from hypothesis import strategies as st

from domain.records import PlannedShard
from steps.shard_writer import InputShards, ShardWriter


class Blob(io.BytesIO):
    """A blob whose content is kept."""

    size = 0

    def close(self) -> None:
        self.size = len(self.getvalue())


def shards_of(
    lists: list[list[bytes]], most_requests: int, most_bytes: int, *, together: bool = True
) -> list[tuple[PlannedShard, bytes]]:
    written: list[Blob] = []

    def open_blob(name: str) -> Blob:
        assert name == f"blob-{len(written)}"
        written.append(Blob())
        return written[-1]

    writer = ShardWriter(
        open_blob,  # type: ignore[arg-type] # what of a blob's writer is used
        lambda number: (f"{number:04d}", f"blob-{number}"),
        max_requests=most_requests,
        max_bytes=most_bytes,
    )
    for lines in lists:
        if together:
            writer.add_all(lines)
        else:
            for line in lines:
                writer.add(line)
    return list(zip(writer.close(), [blob.getvalue() for blob in written], strict=True))


@given(
    st.lists(st.lists(st.binary(max_size=6).map(lambda line: line.replace(b"\n", b"")), max_size=5)),
    st.integers(1, 6),
    st.integers(1, 30),
)
def test_lines_lie_in_the_same_shards_however_they_come(
    lists: list[list[bytes]], most_requests: int, most_bytes: int
) -> None:
    found = shards_of(lists, most_requests, most_bytes)
    assert found == shards_of(lists, most_requests, most_bytes, together=False)
    content = b"".join(content for _, content in found)
    assert content == b"".join(line + b"\n" for lines in lists for line in lines)


LINES = st.binary(max_size=6).map(lambda line: line.replace(b"\n", b""))


@given(
    st.lists(st.tuples(st.sampled_from(["as it is", "together", "changed", "left out", "cut off"]), LINES)),
    st.integers(1, 4),
    st.integers(1, 30),
    st.booleans(),
    st.booleans(),
)
def test_parts_of_the_input_hold_what_would_have_been_written(
    lines: list[tuple[str, bytes]], most_requests: int, most_bytes: int, ends: bool, in_place: bool
) -> None:
    raw = b"".join(line + (b"..." if kind == "cut off" else b"") + b"\n" for kind, line in lines)
    content = raw if ends else raw.removesuffix(b"\n")
    written: dict[str, Blob] = {}
    shards = InputShards(
        lambda name: written.setdefault(name, Blob()),  # type: ignore[arg-type, return-value]
        lambda number: (f"{number:04d}", f"blob-{number}"),
        max_requests=most_requests,
        max_bytes=most_bytes,
        input_bytes=len(content),
        copy=(lambda start, size: [content[start : start + size]]) if in_place else None,
    )
    sent = []
    for kind, line in lines:
        if kind in ("as it is", "together"):
            shards.add(line) if kind == "as it is" else shards.add_all([line])
            sent.append([line])
        elif kind == "changed":
            shards.add_changed(b"<" + line, line)
            sent.append([b"<" + line])
        elif kind == "left out":
            shards.pass_over(line)
        else:
            shards.lose_place()
    planned = shards.close()
    found = [
        written[shard.blob].getvalue()
        if shard.start is None
        else content[shard.start : shard.start + shard.size]
        for shard in planned
    ]
    expected = shards_of(sent, most_requests, most_bytes)
    assert [(shard.requests, shard.blob) for shard in planned] == [
        (shard.requests, shard.blob) for shard, _ in expected
    ]
    assert [part.removesuffix(b"\n") for part in found] == [part.removesuffix(b"\n") for _, part in expected]
    assert [shard.size for shard in planned] == list(map(len, found))
    assert {shard.blob for shard in planned if shard.start is None} == set(written)
