"""Which content a file has decides what is paid, not its ETag: what is touched, moved to a tier or dropped again is the same file."""

import base64
import json
from collections.abc import Callable, Iterator

import pytest
from azure.storage.blob import BlobBlock, BlobClient, ContentSettings

from adapters.storage.blobs import BlobEntry, Container
from domain import names
from local.azure_openai import RunningService
from steps.intake.at_rest import files_at_rest
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.request_files import request, requests
from tests.hierarchical_account import HierarchicalAccount

PATH = "x/a.jsonl"
IDS = ["row-0", "row-1", "row-2"]
CONTENT = requests(IDS)

Change = Callable[[BlobClient], object]


def blob(pipeline: InlinePipeline, path: str = PATH) -> BlobClient:
    client: BlobClient = pipeline.storage.input._client.get_blob_client(path)
    return client


def drop_in_blocks(client: BlobClient, content: bytes) -> None:
    """Drop a file as tools drop large ones: storage computes no hash of it."""
    block = base64.b64encode(b"0000").decode()
    client.stage_block(block, content)
    client.commit_block_list([BlobBlock(block)])


def set_metadata(client: BlobClient) -> None:
    client.set_blob_metadata({"scanned": "clean"})


def set_headers(client: BlobClient) -> None:
    """Of other properties, without a hash: as tools do that set a content type."""
    client.set_http_headers(ContentSettings(content_type="text/plain"))


def set_a_wrong_hash(client: BlobClient) -> None:
    client.set_http_headers(ContentSettings(content_md5=bytearray(16)))


def copy_in_place(client: BlobClient) -> None:
    client.start_copy_from_url(client.url)


def drop_again(client: BlobClient) -> None:
    client.upload_blob(CONTENT, overwrite=True)


TOUCHES: list[Change] = [
    set_metadata,
    set_headers,
    set_a_wrong_hash,
    copy_in_place,
    drop_again,
    lambda client: drop_in_blocks(client, CONTENT),
    lambda client: client.set_blob_tags({"scanned": "clean"}),
    lambda client: client.set_standard_blob_tier("Cool"),
]


def outputs(container: Container) -> list[list[str]]:
    """Give the ids answered in each output file, in the order of their names."""
    return [
        [json.loads(line)["custom_id"] for line in container.read(entry.name)[0].splitlines()]
        for entry in container.list()
        if entry.name.endswith("_output.jsonl")
    ]


def met_while_it_runs(pipeline: InlinePipeline, change: Change) -> None:
    """Change the file while its batch runs, and again before it is archived; snapshots are taken all the while."""
    flow = pipeline.begin()
    pipeline.live_until(flow, "collect_batch")
    change(blob(pipeline))
    second = pipeline.begin()
    assert second.files_total == 1, "the first one's file, taken over; no version beside it"
    pipeline.live_until(second, "archive_input")
    change(blob(pipeline))
    pipeline.live(second)
    while pipeline.begin().files_total:
        pytest.fail("there is nothing left to take")


@pytest.mark.parametrize("in_blocks", [False, True], ids=["whole", "in blocks"])
@pytest.mark.parametrize("change", TOUCHES)
def test_the_same_content_under_another_etag_is_the_same_file(
    make_pipeline: MakePipeline, service: RunningService, change: Change, in_blocks: bool
) -> None:
    pipeline = make_pipeline()
    if in_blocks:
        drop_in_blocks(blob(pipeline), CONTENT)
    else:
        pipeline.drop(PATH, CONTENT)
    met_while_it_runs(pipeline, change)
    assert service.counters()["batches_created"] == 1
    assert outputs(pipeline.storage.processed) == [IDS]
    assert pipeline.names(pipeline.storage.input) == []
    told = pipeline.document(pipeline.storage.processed, "_metadata.json")
    assert told["input_state"] in ("present", "rewritten")


def test_the_metadata_say_when_the_same_content_was_written_again(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline()
    pipeline.drop(PATH, CONTENT)
    flow = pipeline.begin()
    pipeline.drop(PATH, CONTENT)
    pipeline.live(flow)
    assert pipeline.document(pipeline.storage.processed, "_metadata.json")["input_state"] == "rewritten"


def test_a_claim_of_the_running_version_has_an_etag_alone_and_does(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    pipeline.drop(PATH, CONTENT)
    flow = pipeline.begin()
    pipeline.live_until(flow, "collect_batch")
    (found,) = pipeline.services.work.claims.all()
    frozen = pipeline.storage.work._client.get_blob_client(names.frozen_input(found.key))
    written = frozen.get_blob_properties().metadata
    frozen.set_blob_metadata(
        {name: written[name] for name in ("snapshot", "timestamp", "path", "etag", "held_until")}
    )
    set_metadata(blob(pipeline))
    pipeline.live(pipeline.begin())
    assert service.counters()["batches_created"] == 1
    assert pipeline.names(pipeline.storage.input) == []


def test_with_repeat_always_each_etag_is_a_file(make_pipeline: MakePipeline, service: RunningService) -> None:
    pipeline = make_pipeline(REPEAT="always")
    pipeline.drop(PATH, CONTENT)
    flow = pipeline.begin()
    pipeline.drop(PATH, CONTENT)
    pipeline.live(flow)
    assert pipeline.run().done == 1
    assert outputs(pipeline.storage.processed) == [IDS, IDS]
    assert sum(map(len, service.counters()["batches_by_content"].values())) == 2


def test_what_is_dropped_again_after_its_end_is_run_again(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    for _ in range(2):
        pipeline.drop(PATH, CONTENT)
        assert pipeline.run().done == 1
    assert outputs(pipeline.storage.processed) == [IDS, IDS]
    assert service.counters()["batches_created"] == 2


@pytest.mark.parametrize("in_blocks", [False, True], ids=["whole", "in blocks"])
def test_other_content_of_the_same_length_is_another_file_whatever_hash_it_bears(
    make_pipeline: MakePipeline, in_blocks: bool
) -> None:
    """A tool that writes new content with the properties of the old one keeps its hash, which storage does not check."""
    new = CONTENT.replace(b"row-", b"new-")
    pipeline = make_pipeline()
    pipeline.drop(PATH, CONTENT)
    flow = pipeline.begin()
    client = blob(pipeline)
    old = client.get_blob_properties().content_settings
    if in_blocks:
        drop_in_blocks(client, new)
    else:
        client.upload_blob(new, overwrite=True)
    client.set_http_headers(ContentSettings(content_md5=old.content_md5))
    pipeline.live(flow)
    assert pipeline.storage.input.read(PATH)[0] == new
    assert pipeline.run().done == 1
    assert outputs(pipeline.storage.processed) == [IDS, [f"new-{number}" for number in range(3)]]


# --- blobs that grow -------------------------------------------------------------------------------------------------


def appended(pipeline: InlinePipeline, content: bytes, path: str = PATH) -> None:
    client = blob(pipeline, path)
    if not client.exists():
        client.create_append_blob()
    client.append_block(content)


def served(service: RunningService) -> tuple[int, dict[str, int]]:
    """Give how many rows were answered, and those that were answered more than once."""
    counted = service.counters()["answers"]
    return counted["requests_served"], counted["served_more_than_once"]


def test_an_append_blob_is_not_begun_before_it_is_quiet(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    appended(pipeline, request("a"))
    flow = pipeline.begin()
    appended(pipeline, request("b"))
    assert pipeline.live(flow).gone == 1, "nothing of it was sent; a later snapshot has all of it"
    assert pipeline.run().done == 1
    assert served(service) == (2, {})
    assert outputs(pipeline.storage.processed) == [["a", "b"]]


@pytest.mark.parametrize("settle", ["0", "30"])
def test_what_is_appended_while_the_batch_runs_pays_nothing_again_and_says_why_it_waits(
    make_pipeline: MakePipeline, service: RunningService, settle: str
) -> None:
    pipeline = make_pipeline(SETTLE_SECONDS=settle)
    appended(pipeline, request("a") + request("b"))
    flow = pipeline.begin()
    pipeline.live_until(flow, "collect_batch")
    appended(pipeline, request("c"))
    (waiting,) = files_at_rest(pipeline.services)["waiting"]
    assert (waiting["file"], waiting["code"]) == (PATH, "grown")
    pipeline.live(pipeline.begin())
    assert pipeline.begin().files_total == 0
    (waiting,) = files_at_rest(pipeline.services)["waiting"]
    assert "REPEAT=always" in waiting["reason"]
    assert served(service) == (2, {})
    assert outputs(pipeline.storage.processed) == [["a", "b"]]
    assert pipeline.document(pipeline.storage.processed, "_metadata.json")["input_state"] == "grown"
    assert pipeline.storage.input.read(PATH)[0].endswith(request("c"))


def test_a_grown_file_is_taken_as_a_whole_where_someone_wants_that(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline(SETTLE_SECONDS="0")
    appended(pipeline, request("a"))
    flow = pipeline.begin()
    appended(pipeline, request("b"))
    pipeline.live(flow)
    pipeline.change(repeat="always")
    assert pipeline.run().done == 1
    assert served(service) == (3, {"a": 2})
    assert pipeline.names(pipeline.storage.input) == []


def test_a_grown_file_that_is_deleted_leaves_nothing_behind(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(SETTLE_SECONDS="0")
    appended(pipeline, request("a"))
    flow = pipeline.begin()
    appended(pipeline, request("b"))
    pipeline.live(flow)
    pipeline.storage.input.delete(PATH)
    pipeline.run()
    assert [name for name in pipeline.names(pipeline.storage.work) if name.startswith(names.FILES)] == []


def test_an_append_blob_that_is_written_anew_is_another_file(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(SETTLE_SECONDS="0")
    appended(pipeline, request("a"))
    flow = pipeline.begin()
    pipeline.storage.input.delete(PATH)
    appended(pipeline, request("b") + request("c"))
    pipeline.live(flow)
    assert pipeline.run().done == 1
    assert outputs(pipeline.storage.processed) == [["a"], ["b", "c"]]


def test_a_file_of_a_hierarchical_account_that_is_flushed_again_is_not_paid_for_each_flush(
    make_pipeline: MakePipeline, service: RunningService, hierarchical_account: HierarchicalAccount
) -> None:
    pipeline = make_pipeline(DATA=hierarchical_account.connection_string)
    pipeline.drop(PATH, request("a"))
    flow = pipeline.begin()
    pipeline.drop(PATH, request("a") + request("b"))
    assert pipeline.live(flow).gone == 1
    assert pipeline.run().done == 1
    assert served(service) == (2, {})


def test_a_longer_file_of_a_flat_account_is_another_file(make_pipeline: MakePipeline) -> None:
    """A block blob comes whole: one that is longer was dropped by someone who wants it done."""
    pipeline = make_pipeline()
    pipeline.drop(PATH, request("a"))
    flow = pipeline.begin()
    pipeline.drop(PATH, request("a") + request("b"))
    pipeline.live(flow)
    assert pipeline.run().done == 1
    assert outputs(pipeline.storage.processed) == [["a"], ["a", "b"]]


def test_each_etag_is_compared_once(make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = make_pipeline()
    drop_in_blocks(blob(pipeline), CONTENT)
    flow = pipeline.begin()
    pipeline.live_until(flow, "collect_batch")
    set_metadata(blob(pipeline))
    opened: list[str] = []
    whole = Container.open

    def opening(self: Container, name: str) -> tuple[BlobEntry, Iterator[bytes]]:
        opened.append(name)
        return whole(self, name)

    monkeypatch.setattr(Container, "open", opening)
    for _ in range(3):
        assert files_at_rest(pipeline.services)["waiting"] == []
    assert opened.count(PATH) == 1
