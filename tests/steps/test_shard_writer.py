"""Lines that are added together lie in the same shards as lines added one by one."""

import io

from hypothesis import given
from hypothesis import strategies as st

from domain.records import PlannedShard
from steps.shard_writer import ShardWriter


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
