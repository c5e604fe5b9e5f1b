"""Files that are bad each in its own way: they kill, unpack to gigabytes, take long, or ask for what is not there."""

import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

POISON_SPEC = "deployment: gpt\nmessages: [{role: user, content: 'Say {{ text }}'}]\n"
EMBEDDINGS_SPEC = "endpoint: /v1/embeddings\ndeployment: gpt\nengine: batch\ninput: '{{ text }}'\n"
# Beyond what is too small to do harm; see `steps.containment`.
LONG = b"text\n" + b"".join(b"a text of row %d with some words in it\n" % row for row in range(500))

UNDEPLOYED = "undeployed"
# What the service says of it, and of a deployment that cannot do what it is asked for.
PLAN = {
    "calls": [
        {"operation": "create_batch", "deployment": UNDEPLOYED, "status": 404, "code": "DeploymentNotFound"},
        {"operation": "live", "deployment": "no-live", "status": 400, "code": "OperationNotSupported"},
    ]
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BadFile:
    """A file with its job spec, in a folder of its own. `name`: what is bad about it."""

    name: str
    path: str
    content: bytes
    spec: str = POISON_SPEC

    @property
    def drops(self) -> Mapping[str, bytes]:
        """What is dropped, by path, the spec first."""
        folder = self.path.rpartition("/")[0]
        return {f"{folder}/_batch.yaml": self.spec.encode(), self.path: self.content}


def bad_files() -> list[BadFile]:
    """Make one of each."""
    return [
        BadFile(name="kills the process that prepares it", path="a/poison-prepare.csv", content=LONG),
        BadFile(
            name="kills the process that collects it",
            path="b/collect.csv",
            content=LONG,
            spec=POISON_SPEC.replace("gpt", "poison-collect"),
        ),
        BadFile(name="parquet of 2 kB that unpacks to 3 GB", path="c/bomb.parquet", content=parquet_bomb()),
        BadFile(name="gzip of one line of 500 MB", path="d/bomb.csv.gz", content=gzip_bomb()),
        BadFile(name="takes a minute and a half to prepare", path="e/slow-prepare.csv", content=LONG),
        BadFile(
            name="names a deployment that is not there",
            path="f/undeployed.csv",
            content=LONG,
            spec=POISON_SPEC.replace("gpt", UNDEPLOYED),
        ),
        BadFile(
            name="live calls that its deployment does not know",
            path="g/no-live.csv",
            content=LONG,
            spec=EMBEDDINGS_SPEC.replace("gpt", "no-live").replace("batch", "direct"),
        ),
        BadFile(
            name="has a broken job spec",
            path="h/table.csv",
            content=LONG,
            spec="deploymnt: gpt\nmessages: {{",
        ),
    ]


def parquet_bomb() -> bytes:
    """One value of 30 MB, a hundred times: a page that refers to a dictionary."""
    values = pa.array(["a" * 30_000_000])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 100, pa.int32()), values)
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": column}), sink, compression="zstd")
    return sink.getvalue()


def gzip_bomb() -> bytes:
    """Pack a header, and one line that does not end."""
    sink = io.BytesIO()
    with gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=6, mtime=0) as packed:
        packed.write(b"text\n")
        for _ in range(500):
            packed.write(b"a" * 1_000_000)
    return sink.getvalue()
