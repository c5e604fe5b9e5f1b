"""What the list of finished files tells, and what reading it costs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

import msgspec
import pytest

from adapters.services import Services
from domain import names
from domain.results.finished import FinishedFile, to_line
from local.azure_openai import RunningService
from local.azurite import Azurite
from local.fault_proxies import storage as storage_proxy
from steps.look.finished import FinishedList, FinishedLists
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline, settings_for
from tests.activities.mixed_file import CONTENT, PATH, PLAN
from tests.conftest import Containers

Counted: TypeAlias = tuple[Services, storage_proxy.StorageProxy]
SNAPSHOT = "snapshot-20261124T031800.000Z"


def file(number: int, **more: object) -> FinishedFile:
    given = {"outcomes": {"ok": 2}, "requests": 2, "cost": 0.01, **more}
    return FinishedFile(key=f"{number:020x}", path=f"in/{number:05}.csv", state="done", **given)  # type: ignore[arg-type]


def write(services: Services, files: list[FinishedFile]) -> None:
    """Write lines by the thousand, as many appends would have."""
    for start in range(0, len(files), 1000):
        services.work.finished.add(SNAPSHOT, b"".join(map(to_line, files[start : start + 1000])))


def test_a_finished_file_leaves_a_line_that_says_what_became_of_it(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(rows=PLAN)
    pipeline = make_pipeline(PRICES='{"gpt": {"input": 1000, "output": 2000}}')
    pipeline.drop(PATH, CONTENT)
    pipeline.drop("refused.xyz", b"?")
    snapshot_id = pipeline.run().snapshot_id
    files = {found.path: found for _, found in FinishedLists().of(snapshot_id, pipeline.services).files()}
    metadata = pipeline.document(pipeline.storage.processed, "_metadata.json")
    done, rejected = files[PATH], files["refused.xyz"]
    assert (done.state, done.requests, done.errors) == ("done", 5, 2)
    assert done.outcomes == {"ok": 3, "failed": 1, "invalid": 1}
    assert done.error_codes == metadata["error_codes"]
    assert done.batches == [batch["batch_id"] for batch in metadata["batches"]]
    assert (done.cost, done.started_at, done.batch_count) == (metadata["cost"], metadata["started_at"], 2)
    assert pipeline.storage.processed.entry(done.outputs.metadata or "").size
    assert pipeline.storage.error.entry(done.outputs.retry or "").size
    assert (rejected.state, rejected.outputs.results) == ("rejected", None)
    assert rejected.reason
    assert pipeline.storage.error.entry(rejected.outputs.input or "").size == 1


def test_another_process_reads_for_the_line_what_the_first_one_wrote(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", CONTENT)
    flow = pipeline.begin()
    pipeline.live_until(flow, "archive_input")
    pipeline.live(flow)  # each life begins with nothing in memory
    (found,) = [found for _, found in FinishedLists().of(flow.snapshot_id, pipeline.services).files()]
    assert (found.requests, found.outputs.metadata is not None) == (5, True)


def test_a_held_file_is_in_the_list_with_its_reason(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(MAX_TOKENS_PER_FILE="1")
    pipeline.drop("a.jsonl", CONTENT)
    snapshot_id = pipeline.run().snapshot_id
    (found,) = [found for _, found in FinishedLists().of(snapshot_id, pipeline.services).files()]
    assert (found.state, found.path) == ("held", "a.jsonl")
    assert "MAX_TOKENS_PER_FILE" in found.reason


@pytest.fixture
def counted(containers: Containers, azurite: Azurite, service: RunningService) -> Iterator[Counted]:
    with storage_proxy.running(azurite) as proxy:
        behind = msgspec.structs.replace(settings_for(containers, service), data=proxy.connection_string)
        pipeline = InlinePipeline(behind)
        yield pipeline.services, proxy
        pipeline.close()


def test_a_look_at_ten_thousand_files_is_two_reads_and_the_next_one_one(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, proxy = counted
    monkeypatch.setattr("steps.look.finished.FRESH_SECONDS", 0.0)
    write(services, [file(number, batches=["batch_" + "0" * 32]) for number in range(10_000)])
    lists = FinishedLists()
    proxy.kinds.clear()
    found = lists.of(SNAPSHOT, services)
    assert len(found) == 10_000
    assert proxy.kinds.total() <= 2
    assert found.totals.outcomes == {"ok": 20_000}
    assert found.totals.cost == pytest.approx(100.0)
    proxy.kinds.clear()
    write(services, [file(10_000)])
    proxy.kinds.clear()
    assert len(lists.of(SNAPSHOT, services)) == 10_001
    assert proxy.kinds.total() == 1


def test_however_many_look_a_list_is_read_once_a_second(
    counted: Counted,
) -> None:
    moment = 0.0
    services, proxy = replace(counted[0], clock=lambda: moment), counted[1]
    write(services, [file(0)])
    lists = FinishedLists()
    lists.of(SNAPSHOT, services)
    proxy.kinds.clear()
    for tenth in range(1, 21):
        moment = tenth / 10
        lists.of(SNAPSHOT, services)
    assert proxy.kinds.total() == 2


def test_of_a_repeated_line_the_last_one_counts_and_nonsense_is_passed_over(
    make_pipeline: MakePipeline,
) -> None:
    services = make_pipeline().services
    write(services, [file(0), file(1)])
    services.work.finished.add(SNAPSHOT, b"nonsense\n\xff\n[]\n")
    write(services, [file(0, outcomes={"ok": 1, "failed": 1}, error_codes={"content_filter": 1})])
    found = FinishedLists().of(SNAPSHOT, services)
    assert [f.key for _, f in found.files()] == [file(0).key, file(1).key]
    assert found.totals.outcomes == {"ok": 3, "failed": 1}
    assert (found.totals.files, found.totals.error_files) == (2, {"content_filter": 1})


def test_a_list_in_several_blobs_is_read_as_one(
    make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.work.line_lists.MOST_LINES", 2)
    monkeypatch.setattr("steps.look.finished.FRESH_SECONDS", 0.0)
    services = make_pipeline().services
    lists = FinishedLists()
    for number in range(5):
        write(services, [file(number)])
        assert [f.path for _, f in lists.of(SNAPSHOT, services).files()] == [
            f"in/{n:05}.csv" for n in range(number + 1)
        ]
    # A writer that has not seen that the first blob is full.
    services.storage.work.delete(names.finished_files(SNAPSHOT, 2))
    late = FinishedList(SNAPSHOT)
    late.read_on(services)
    assert len(late) == 4


def test_the_least_looked_at_list_goes_when_all_are_too_many(make_pipeline: MakePipeline) -> None:
    services = make_pipeline().services
    write(services, [file(0)])
    lists = FinishedLists(most_bytes=1)
    first = lists.of(SNAPSHOT, services)
    assert lists.of(SNAPSHOT, services) is first
    lists.of("snapshot-other", services)
    assert lists.of(SNAPSHOT, services) is not first
