"""The whole pipeline on an ADLS Gen2 account, and people who drop files there with the Data Lake SDK."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest
from azure.storage.filedatalake import DataLakeServiceClient, FileSystemClient

from domain.pooling import LEAST_FILES
from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline, NewWorld
from tests.activities.crash_points import walk
from tests.activities.inline_pipeline import Blown, Fuse, InlinePipeline
from tests.activities.mixed_file import CONTENT, PATH, PLAN, check, request
from tests.hierarchical_account import HierarchicalAccount


@pytest.fixture
def pipeline(
    make_pipeline: MakePipeline, hierarchical_account: HierarchicalAccount, service: RunningService
) -> InlinePipeline:
    service.plan(rows=PLAN)
    return make_pipeline(DATA=hierarchical_account.connection_string)


@pytest.fixture
def uploads(
    pipeline: InlinePipeline, hierarchical_account: HierarchicalAccount
) -> Iterator[FileSystemClient]:
    """The input container as people see it."""
    with DataLakeServiceClient.from_connection_string(hierarchical_account.connection_string) as lake:
        yield lake.get_file_system_client(pipeline.storage.input.name)


def test_a_file_passes_and_leaves_no_directory_but_those_people_made(
    pipeline: InlinePipeline, service: RunningService, hierarchical_account: HierarchicalAccount
) -> None:
    pipeline.drop(PATH, CONTENT)
    assert pipeline.run().done == 1
    check(pipeline, service)
    assert hierarchical_account.entries(pipeline.storage.input.name) == ["team a/"]
    left = hierarchical_account.entries(pipeline.storage.work.name)
    assert [name for name in left if not name.startswith("snapshots/")] == ["files/", "shares/"]
    assert hierarchical_account.calls == {"delete_path": 2}  # the file's folder, and the manifest


def a_few_and_all_of_the_end(order: Sequence[str]) -> list[int]:
    """Choose effects of the beginning, which is the same on flat accounts, and those since the last file was collected."""
    end = len(order) - order[::-1].index("delete_file")
    return [*(effect for effect in (1, 2, 3, 5, 8, 13, 21) if effect < end), *range(end, len(order) + 1)]


def test_a_process_may_die_after_any_effect(
    new_world: NewWorld, hierarchical_account: HierarchicalAccount, service: RunningService
) -> None:
    def life(fuse: Fuse) -> None:
        with new_world(DATA=hierarchical_account.connection_string) as pipeline:
            service.plan(rows=PLAN)
            pipeline.drop(PATH, CONTENT)
            with suppress(Blown):
                pipeline.run(fuse)
            pipeline.run()
            check(pipeline, service)

    walk("hierarchical", life, a_few_and_all_of_the_end)


def test_of_files_that_share_batches_one_that_was_written_since_goes_alone(
    make_pipeline: MakePipeline, hierarchical_account: HierarchicalAccount, service: RunningService
) -> None:
    pipeline = make_pipeline(DATA=hierarchical_account.connection_string, POOL="auto")
    for number in range(LEAST_FILES + 1):
        pipeline.drop(f"a/{number}.jsonl", request(f"{number}"))
    flow = pipeline.begin()
    pipeline.drop("a/3.jsonl", request("3") + request("4"))
    report = pipeline.live(flow)
    assert (report.files, report.done, report.gone) == (LEAST_FILES + 1, LEAST_FILES, 1)
    assert service.counters()["batches_created"] == 1
    report = pipeline.run()
    assert (report.done, report.tally.ok) == (1, 2)
    assert hierarchical_account.entries(pipeline.storage.input.name) == ["a/"]
    left = hierarchical_account.entries(pipeline.storage.work.name)
    assert [name for name in left if not name.startswith(("snapshots/", "shares/"))] == ["files/"]


def test_a_file_that_is_still_being_written_waits_until_it_is_whole(
    pipeline: InlinePipeline, service: RunningService, uploads: FileSystemClient
) -> None:
    """CreateFile makes a blob of 0 bytes; the flush that fills it makes another version of it."""
    file = uploads.create_file(PATH)
    flow = pipeline.begin()
    file.append_data(CONTENT[:100], offset=0)
    file.append_data(CONTENT[100:], offset=100)
    file.flush_data(len(CONTENT))
    assert pipeline.live(flow).gone == 1
    assert pipeline.run().done == 1
    check(pipeline, service)


def test_a_file_may_be_uploaded_elsewhere_and_renamed_into_place(
    pipeline: InlinePipeline, service: RunningService, uploads: FileSystemClient
) -> None:
    uploads.create_directory("team a")
    elsewhere = DataLakeServiceClient.from_connection_string(pipeline.services.settings.data or "")
    with elsewhere:
        draft = elsewhere.get_file_client(pipeline.storage.work.name, "drafts/a.jsonl")
        draft.upload_data(CONTENT, overwrite=True)
        draft.rename_file(f"{pipeline.storage.input.name}/{PATH}")
        assert pipeline.run().done == 1
    check(pipeline, service)


def test_empty_directories_are_no_input(pipeline: InlinePipeline, uploads: FileSystemClient) -> None:
    uploads.create_directory("a/b/c.jsonl")
    assert pipeline.run().files == 0


def test_tables_and_live_calls_leave_no_directory_either(
    pipeline: InlinePipeline, uploads: FileSystemClient, hierarchical_account: HierarchicalAccount
) -> None:
    spec = b"endpoint: /v1/embeddings\ndeployment: emb\nparameters: {dimensions: 4}\n"
    uploads.get_file_client("a/_batch.yaml").upload_data(spec, overwrite=True)
    uploads.get_file_client("a/b/titles.csv").upload_data(b"text\none\ntwo\n", overwrite=True)
    assert pipeline.run().done == 1
    records = pipeline.lines(pipeline.storage.processed, "_output.jsonl")
    assert [(record["row"], len(record["embeddings"])) for record in records] == [(0, 4), (1, 4)]
    left = hierarchical_account.entries(pipeline.storage.work.name)
    assert [name for name in left if not name.startswith("snapshots/")] == ["files/", "shares/"]
    assert hierarchical_account.entries(pipeline.storage.input.name) == ["a/", "a/_batch.yaml", "a/b/"]
