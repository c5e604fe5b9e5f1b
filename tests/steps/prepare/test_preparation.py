"""From an input file to its shards."""

import gc
import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import names
from domain.contracts import FileWork, OpenShard, PreparedFile
from domain.records import Claim, InputFile, SpecBlob
from domain.results import error_records
from steps.containment import HARMLESS_BYTES
from steps.prepare.preparation import prepare
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.request_files import request, requests

SNAPSHOT = "snapshot-1"

# The storage SDK never reads the body of its second answer about an empty blob; the socket goes with the garbage.
sdk_forgets_a_response = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def forgotten_response() -> Iterator[None]:
    """Let the socket go with this test's garbage, not with that of the next one."""
    yield
    gc.collect()


class Prepared:
    """A dropped and claimed file."""

    def __init__(self, pipeline: InlinePipeline, content: bytes, *, path: str = "a.jsonl") -> None:
        self.services, self.storage, self.path = pipeline.services, pipeline.storage, path
        self.store = self.services.work
        pipeline.drop(path, content)
        self.entry = entry = self.storage.input.entry(path)
        self.key = names.file_key(path, entry.etag)
        file = InputFile(path=path, etag=entry.etag, size=entry.size, modified=entry.modified)
        claim = Claim(snapshot_id=SNAPSHOT, timestamp="1", path=path, etag=entry.etag)
        assert self.store.claims.take(self.storage.input, file, self.key, claim)

    def prepare(
        self,
        *,
        later: float = 0.0,
        snapshot: str = SNAPSHOT,
        fresh: bool = False,
        spec: SpecBlob | None = None,
    ) -> PreparedFile:
        work = FileWork(snapshot_id=snapshot, key=self.key, fresh=fresh, spec=spec)
        now = self.entry.modified + later
        return prepare(work, replace(self.services, clock=lambda: now))

    def content(self, blob: str) -> bytes:
        return self.storage.work.read(blob)[0]

    def sent(self, shard: OpenShard) -> bytes:
        """What is sent of a shard, by the transport and line by line."""
        with self.store.blobs.shard_stream(self.key, shard) as stream:
            content = bytes(stream.read())
        lines = list(self.store.blobs.shard_lines(self.key, shard))
        assert lines == content.splitlines()
        return content

    def records(self) -> list[dict[str, Any]]:
        lines = self.content(names.invalid_lines(self.key)).split(b"\n")
        return [json.loads(line) for line in lines if line]


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline()


def test_a_file_that_is_right_as_it_is_is_its_own_shard(pipeline: InlinePipeline) -> None:
    content = requests("abc")
    file = Prepared(pipeline, content)
    prepared = file.prepare()
    (shard,) = prepared.shards
    assert (prepared.requests, prepared.ended) == (3, 0)
    assert (shard.blob, shard.requests, shard.size) == (names.frozen_input(file.key), 3, len(content))
    assert (shard.model, shard.url) == ("gpt", "/chat/completions")


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b"\xef\xbb\xbf" + request("a"), request("a")),
        (request("a").replace(b"\n", b"\r\n"), request("a")),
        (request("a") + b"\n \n" + request("b"), request("a") + request("b")),
        (request("a") + b"nonsense\n" + request("b"), request("a") + request("b")),
    ],
)
def test_a_file_with_something_to_mend_goes_into_a_shard_of_its_own(
    pipeline: InlinePipeline, content: bytes, kept: bytes
) -> None:
    file = Prepared(pipeline, content)
    (shard,) = file.prepare().shards
    assert shard.blob == names.shard_file(file.key, "0000")
    assert file.content(shard.blob) == kept
    assert shard.size == len(kept)


def test_a_request_without_model_goes_to_the_default_deployment(make_pipeline: MakePipeline) -> None:
    bare = request("a", body={"messages": []})
    file = Prepared(make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt-default"), bare)
    (shard,) = file.prepare().shards
    assert shard.model == "gpt-default"
    assert json.loads(file.content(shard.blob))["body"] == {"messages": [], "model": "gpt-default"}


def test_an_invalid_line_costs_that_line_and_says_why(pipeline: InlinePipeline) -> None:
    file = Prepared(pipeline, request("a") + request("a") + request("b", method="GET"))
    prepared = file.prepare()
    assert (prepared.requests, prepared.ended) == (3, 2)
    assert [(record["line"], record["code"]) for record in file.records()] == [
        (2, "duplicate_custom_id"),
        (3, "invalid_request"),
    ]


def test_an_invalid_line_costs_the_file_where_that_is_asked_for(make_pipeline: MakePipeline) -> None:
    file = Prepared(make_pipeline(ON_INVALID_LINE="reject"), requests("ab") + b"nonsense\n")
    prepared = file.prepare()
    assert (prepared.requests, prepared.ended, prepared.shards) == (3, 3, [])
    assert [record["code"] for record in file.records()] == [
        "file_rejected",
        "file_rejected",
        "invalid_json_line",
    ]
    plan = file.store.plans.read(file.key)
    assert plan is not None
    assert plan.rejected_code == "file_rejected"


@pytest.mark.parametrize(
    ("path", "content", "code", "lines"),
    [
        ("a.jsonl", b"nonsense\nmore\n", "no_requests", 2),
        ("a.jsonl", b"\n \n\r\n", "no_requests", 0),
        ("a.pdf", b"%PDF-1.7", "unsupported_type", 0),
        ("no suffix", b"nonsense", "unsupported_type", 0),
    ],
)
def test_a_file_without_requests_is_rejected_with_a_record(
    pipeline: InlinePipeline, path: str, content: bytes, code: str, lines: int
) -> None:
    file = Prepared(pipeline, content, path=path)
    prepared = file.prepare()
    assert (prepared.requests, prepared.ended, prepared.shards) == (lines, lines, [])
    plan = file.store.plans.read(file.key)
    assert plan is not None
    assert plan.rejected_code == code
    assert len(file.records()) == max(1, lines)
    assert file.records()[0]["file"] == path


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"MAX_REQUESTS_PER_SHARD": "2"}, [2, 2, 1]),
        ({"MAX_REQUESTS_PER_SHARD": "5"}, [5]),
        ({"MAX_BYTES_PER_SHARD": "1000"}, [2, 2, 1]),
    ],
)
def test_shards_keep_the_limits_and_lose_no_line(
    make_pipeline: MakePipeline, limits: dict[str, str], expected: list[int]
) -> None:
    content = b"".join(request(name, "x" * 300) for name in "abcde")
    file = Prepared(make_pipeline(**limits), content)
    shards = file.prepare().shards
    assert [shard.requests for shard in shards] == expected
    assert b"".join(map(file.sent, shards)) == content
    assert [shard.size for shard in shards] == [len(file.sent(shard)) for shard in shards]


def test_what_goes_as_it_is_is_read_where_it_lies_and_a_shard_with_something_to_mend_is_written(
    make_pipeline: MakePipeline,
) -> None:
    content = b"nonsense\n" + requests("ab") + request("c") + b"\n" + request("d") + requests("efg")
    file = Prepared(make_pipeline(MAX_REQUESTS_PER_SHARD="2"), content.rstrip(b"\n"))
    shards = file.prepare().shards
    assert [shard.start for shard in shards] == [
        9,
        None,
        9 + len(requests("abcd")) + 1,
        len(content) - len(request("g")),
    ]
    assert list(map(file.sent, shards)) == [
        *(requests(pair) for pair in ("ab", "cd", "ef")),
        request("g").rstrip(b"\n"),
    ]
    written = [
        name for name in file.storage.work.list(names.file_folder(file.key)) if "/shards/" in name.name
    ]
    assert [entry.name for entry in written] == [names.shard_file(file.key, "0001")]


def test_a_part_of_the_file_becomes_a_blob_for_a_service_that_reads_one(make_pipeline: MakePipeline) -> None:
    file = Prepared(make_pipeline(MAX_REQUESTS_PER_SHARD="2"), requests("abcde"))
    shards = file.prepare().shards
    for shard in shards * 2:
        file.store.blobs.give_own_blob(file.key, shard)
        assert file.content(shard.blob) == file.sent(shard)


@pytest.mark.parametrize("transport", ["import", "blob", "auto"])
def test_where_the_service_may_read_shards_itself_they_are_written_at_once(
    make_pipeline: MakePipeline, transport: str
) -> None:
    file = Prepared(make_pipeline(MAX_REQUESTS_PER_SHARD="2", TRANSPORT=transport), requests("abcde"))
    shards = file.prepare().shards
    assert [shard.start for shard in shards] == [None, None, None]
    assert b"".join(file.content(shard.blob) for shard in shards) == requests("abcde")


def test_a_line_above_the_limit_has_a_shard_to_itself(make_pipeline: MakePipeline) -> None:
    content = request("a") + request("b", "x" * 2000) + request("c")
    shards = Prepared(make_pipeline(MAX_BYTES_PER_SHARD="1000"), content).prepare().shards
    assert [shard.requests for shard in shards] == [1, 1, 1]


# --- files that are still being written, or gone ---------------------------------------------------------------------


@sdk_forgets_a_response
@pytest.mark.usefixtures("forgotten_response")
def test_an_empty_file_may_still_be_filled_until_its_window_is_over(pipeline: InlinePipeline) -> None:
    file = Prepared(pipeline, b"")
    waiting = file.prepare(later=10)
    assert waiting.wait_seconds == pytest.approx(20)
    assert file.prepare(later=31).shards == []
    plan = file.store.plans.read(file.key)
    assert plan is not None
    assert plan.rejected_code == "empty_file"


@sdk_forgets_a_response
@pytest.mark.usefixtures("forgotten_response")
def test_an_empty_file_that_was_filled_meanwhile_is_left_to_a_later_snapshot(
    pipeline: InlinePipeline,
) -> None:
    file = Prepared(pipeline, b"")
    pipeline.drop(file.path, requests("a"))
    assert file.prepare(later=1).gone
    assert pipeline.names(file.storage.work) == []
    assert pipeline.run().done == 1


def test_a_file_that_another_snapshot_has_taken_over_is_gone(pipeline: InlinePipeline) -> None:
    file = Prepared(pipeline, requests("a"))
    assert file.prepare(snapshot="snapshot-2").gone
    assert not file.prepare().gone


def test_a_file_replaced_after_its_claim_is_worked_on_as_it_was(pipeline: InlinePipeline) -> None:
    file = Prepared(pipeline, requests("abc"))
    pipeline.drop(file.path, requests("d"))
    assert file.prepare().requests == 3


@pytest.mark.parametrize("fresh", [True, False])
def test_preparing_twice_comes_to_the_same_plan(pipeline: InlinePipeline, fresh: bool) -> None:
    file = Prepared(pipeline, request("a") + b"nonsense\n" + request("b"))
    first = file.prepare(fresh=fresh)
    assert file.prepare(fresh=fresh) == first
    assert file.prepare() == first


def test_a_shard_is_not_expected_to_bring_more_than_the_temporary_disk_holds(
    pipeline: InlinePipeline,
) -> None:
    line = json.loads(request("a"))
    line["body"]["max_completion_tokens"] = 50_000_000
    content = b"".join(json.dumps({**line, "custom_id": f"row-{n}"}).encode() + b"\n" for n in range(5))
    assert [shard.requests for shard in Prepared(pipeline, content).prepare().shards] == [2, 2, 1]


# --- what a file is ---------------------------------------------------------------------------------------------------

KEYS = ("custom_id", "method", "url", "body", "Body", "params", "request", "modelInput", "messages", "key")
IDS = st.integers() | st.uuids().map(str) | st.from_regex(r"[a-z]{1,5}-[0-9]{1,4}", fullmatch=True)
ANYTHING = (
    IDS
    | st.sampled_from(["POST", "/v1/chat/completions", "row-1", None])
    | st.fixed_dictionaries({"messages": st.just([{"role": "user", "content": "Hello there"}])})
    | st.lists(IDS, max_size=2)
)
SPEC = b'deployment: gpt\nmessages: [{role: user, content: "{{ row | tojson }}"}]\n'


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.dictionaries(st.sampled_from(KEYS), ANYTHING, min_size=1), min_size=1, max_size=3))
def test_a_table_with_a_job_spec_is_never_read_as_requests(
    make_pipeline: MakePipeline, rows: list[dict[str, Any]]
) -> None:
    pipeline = make_pipeline()
    pipeline.drop("_batch.yaml", SPEC)
    etag = pipeline.storage.input.entry("_batch.yaml").etag
    complete = json.loads(request("a"))
    file = Prepared(pipeline, b"".join(json.dumps(row).encode() + b"\n" for row in [complete, *rows]))
    assert file.prepare(spec=SpecBlob(path="_batch.yaml", etag=etag)).requests == 1 + len(rows)
    plan = file.store.plans.read(file.key)
    assert plan is not None
    assert plan.spec is not None
    (shard,) = plan.shards
    sent = [json.loads(line) for line in file.content(shard.blob).split(b"\n") if line]
    assert [line["custom_id"] for line in sent] == [f"row-{number}" for number in range(1 + len(rows))]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.dictionaries(st.sampled_from(KEYS), ANYTHING, min_size=1), min_size=1, max_size=3),
    path=st.sampled_from(["a.jsonl", "a.json", "a.ndjson"]),
)
def test_a_file_without_a_certain_meaning_is_never_sent(
    make_pipeline: MakePipeline, rows: list[dict[str, Any]], path: str
) -> None:
    file = Prepared(
        make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt"),
        b"".join(json.dumps(row).encode() + b"\n" for row in rows),
        path=path,
    )
    assert file.prepare().shards == []
    plan = file.store.plans.read(file.key)
    assert plan is not None
    assert plan.rejected


# --- what could do harm is noted before ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "content", "is_noted"),
    [
        ("a.jsonl", requests(["a"]), False),
        ("a.txt", b"a text\n", False),
        ("a.jsonl", requests(["a"]) + b"\n" * HARMLESS_BYTES, True),
        ("a.jsonl.gz", gzip.compress(requests(["a"])), True),
        # Packed, whatever it is called.
        ("a.jsonl", gzip.compress(requests(["a"])), True),
        ("a.parquet", b"PAR1 and nothing", True),
        ("a.arrow", b"ARROW1 and nothing", True),
    ],
)
def test_a_try_of_what_could_do_harm_is_noted_before(
    make_pipeline: MakePipeline, path: str, content: bytes, is_noted: bool
) -> None:
    pipeline = make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt")
    file = Prepared(pipeline, content, path=path)
    file.prepare(fresh=True)
    notes = [entry.name for entry in pipeline.storage.work.list(names.begun_steps(file.key))]
    assert notes == ([names.begun(file.key, "prepare_file")] if is_noted else [])


LONG = 1_000_000
TEXT_SPEC = b"deployment: gpt\nmessages: [{role: user, content: '{{ text }}'}]\n"


@pytest.mark.parametrize("on_invalid_line", ["isolate", "reject"])
@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        ("bomb.jsonl.gz", request("good"), b'{"text": "%s"}\n' % (b"a" * LONG) * 40),
        ("bomb.csv.gz", b"text\ngood\n", (b"a" * (2 * LONG) + b"\n") * 20),
    ],
    ids=["lines", "rows"],
)
def test_the_records_of_a_small_file_stay_small_whatever_it_unpacks_to(  # noqa: PLR0917 - fixtures
    make_pipeline: MakePipeline,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    good: bytes,
    bad: bytes,
    on_invalid_line: str,
) -> None:
    monkeypatch.setattr(error_records, "WHOLE_BYTES", 3 * LONG)
    pipeline, spec = make_pipeline(ON_INVALID_LINE=on_invalid_line), None
    if "csv" in path:
        pipeline.drop("_batch.yaml", TEXT_SPEC)
        spec = SpecBlob(path="_batch.yaml", etag=pipeline.storage.input.entry("_batch.yaml").etag)
    # The good one is refused with the others, or not.
    file = Prepared(pipeline, gzip.compress(good + bad), path=path)
    prepared = file.prepare(spec=spec)
    records = file.records()
    assert len(records) == prepared.requests - (on_invalid_line == "isolate")
    assert 2 * LONG < len(file.content(names.invalid_lines(file.key))) < 4 * LONG
    assert all("…" in json.dumps(record["request"], ensure_ascii=False) for record in records[4:])
