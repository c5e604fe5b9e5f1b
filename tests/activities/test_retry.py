"""Failed rows are retried once, all of them or those with some codes, whoever asks and whatever dies."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.services import Services
from adapters.work.retries import Retries
from domain import names
from domain.contracts import RetryWork
from domain.errors import ConflictError, NotFoundError
from domain.lineage import Origin, metadata_of_retry, origin_of
from local.azure_openai import RunningService
from steps.wishes.retry import Retried, find_finished, retry, retry_snapshot
from steps.wishes.retry_rows import write_retry
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import Blown, Fuse, InlinePipeline, fused
from tests.activities.mixed_file import request

PATH = "team/a.jsonl"
PLAN = [
    {"custom_id": "two", "effect": "error", "status": 400},
    {"custom_id": "three", "effect": "error", "status": 403},
    {"custom_id": "four", "effect": "error", "status": 400},
]
CONTENT = b"nonsense\n" + b"".join(request(name) for name in ("one", "two", "three", "four"))


@pytest.fixture(autouse=True)
def lists_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends is looked for at once."""
    monkeypatch.setattr("steps.look.finished.FRESH_SECONDS", 0.0)


@pytest.fixture
def pipeline(make_pipeline: MakePipeline, service: RunningService) -> InlinePipeline:
    service.plan(rows=PLAN)
    return make_pipeline()


def finished(pipeline: InlinePipeline, path: str = PATH, content: bytes = CONTENT) -> str:
    """Have a file worked on to its end; gives its key."""
    pipeline.drop(path, content)
    key = names.file_key(path, pipeline.storage.input.entry(path).etag)
    assert pipeline.run().done == 1
    return key


def carried_out(retried: Retried, services: Services) -> Retried:
    for work in retried.pending:
        write_retry(work, services)
    return retried


def ids(pipeline: InlinePipeline, path: str) -> list[str]:
    content, _ = pipeline.storage.input.read(path)
    return [json.loads(line)["custom_id"] for line in content.splitlines()]


def codes_of(pipeline: InlinePipeline, key: str) -> dict[str, int]:
    return find_finished(key, "", pipeline.services).error_codes


def test_all_failed_rows_are_dropped_once_and_say_whose_they_are(pipeline: InlinePipeline) -> None:
    key = finished(pipeline)
    first, second = (retry(key, [], pipeline.services) for _ in range(2))
    assert (first.targets, first.is_new, first.pending) == (["team/a_retry.jsonl"], True, [])
    assert (second.targets, second.is_new, second.pending) == (first.targets, False, [])
    assert ids(pipeline, "team/a_retry.jsonl") == ["two", "three", "four"]
    assert origin_of(pipeline.storage.input.entry("team/a_retry.jsonl").metadata).key == key
    assert pipeline.run().done == 1
    third = retry(key, [], pipeline.services)
    assert (third.is_new, pipeline.names(pipeline.storage.input)) == (False, [])


def test_rows_are_retried_by_their_code_and_the_others_afterwards(pipeline: InlinePipeline) -> None:
    key = finished(pipeline)
    common = max((codes := codes_of(pipeline, key)), key=lambda code: codes[code])
    (work,) = carried_out(retry(key, [common], pipeline.services), pipeline.services).pending
    assert ids(pipeline, work.target) == ["two", "four"]
    assert origin_of(pipeline.storage.input.entry(work.target).metadata).key == key
    assert pipeline.services.work.wishes.standing().retries == []
    assert not retry(key, [common], pipeline.services).is_new
    rest = carried_out(retry(key, [], pipeline.services), pipeline.services)
    (work,) = rest.pending
    assert ids(pipeline, work.target) == ["three"]
    assert len(rest.targets) == 2
    assert sorted(pipeline.names(pipeline.storage.input)) == rest.targets


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_rows_of_a_table_are_chosen_in_its_own_format(
    make_pipeline: MakePipeline, service: RunningService, kind: str
) -> None:
    service.plan(
        rows=[
            {"custom_id": "row-1", "effect": "error", "status": 400},
            {"custom_id": "row-2", "effect": "error", "status": 403},
            {"custom_id": "row-3", "effect": "error", "status": 400},
        ]
    )
    pipeline = make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt")
    texts = ["zero", 'o"ne', "two", "thr,ee"]
    rows = [{"text": text, "n": str(number)} for number, text in enumerate(texts)]
    quoted = ['"' + text.replace('"', '""') + '"' for text in texts]
    content = {
        "csv": "text,n\r\n"
        + "".join(f"{text},{number}\r\n" for number, text in enumerate(quoted))
        + '"x,1\r\n',
        "json": json.dumps(rows),
    }[kind]
    key = finished(pipeline, f"a.{kind}", content.encode())
    codes = codes_of(pipeline, key)
    code = next(code for code, rows in codes.items() if rows == 2)
    (work,) = carried_out(retry(key, [code], pipeline.services), pipeline.services).pending
    chosen = pipeline.storage.input.read(work.target)[0].decode()
    if kind == "csv":
        assert chosen.splitlines() == ["text,n", '"o""ne",1', '"thr,ee",3']
    else:
        assert [row["text"] for row in json.loads(chosen)] == ['o"ne', "thr,ee"]


def test_a_snapshot_is_retried_a_hundred_files_at_a_time(
    pipeline: InlinePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steps.wishes.retry.FILES_PER_CALL", 2)
    for number in range(3):
        pipeline.drop(f"{number}.jsonl", CONTENT)
    pipeline.drop("good.jsonl", request("one"))
    snapshot = pipeline.run().snapshot_id
    first, after = retry_snapshot(snapshot, [], 0, pipeline.services)
    assert (len(first), after is None) == (2, False)
    second, end = retry_snapshot(snapshot, [], after or 0, pipeline.services)
    assert (len(second), end) == (1, None)
    assert sorted(pipeline.names(pipeline.storage.input)) == [f"{number}_retry.jsonl" for number in range(3)]
    assert retry_snapshot(snapshot, ["no such code"], 0, pipeline.services) == ([], None)


@pytest.mark.parametrize(
    ("effect", "codes"),
    # Three marks, the copy, three notes; or one mark, the wish, what is written aside, the copy, its end.
    [*((effect, []) for effect in (1, 3, 4, 6)), *((effect, ["400"]) for effect in (1, 2, 3, 4, 6))],
)
def test_whatever_dies_rows_are_retried_once(pipeline: InlinePipeline, effect: int, codes: list[str]) -> None:
    key = finished(pipeline)
    wanted = [code for code, rows in codes_of(pipeline, key).items() if rows == 2] if codes else []
    mortal = fused(pipeline.services, Fuse(effect))
    with suppress(Blown):
        carried_out(retry(key, wanted, mortal), mortal)
    dropped: list[str] = []
    for _ in range(3):
        dropped += [row for name in pipeline.names(pipeline.storage.input) for row in ids(pipeline, name)]
        pipeline.run()
        carried_out(retry(key, wanted, pipeline.services), pipeline.services)
    assert sorted(dropped) == (["four", "two"] if codes else ["four", "three", "two"])
    assert pipeline.names(pipeline.storage.input) == []
    assert not retry(key, wanted, pipeline.services).is_new


@pytest.mark.parametrize(
    ("effect", "codes"),
    # Three marks, the copy, three notes; or one mark, the wish.
    [*((effect, []) for effect in (1, 3, 4, 5)), *((effect, ["400"]) for effect in (1, 2, 3))],
)
def test_what_an_earlier_call_left_undone_is_new_when_it_is_done(
    pipeline: InlinePipeline, effect: int, codes: list[str]
) -> None:
    """However far the first call came: exactly one of them drops the rows, and that one says so."""
    key = finished(pipeline)
    wanted = [code for code, rows in codes_of(pipeline, key).items() if rows == 2] if codes else []
    mortal, said = fused(pipeline.services, Fuse(effect)), []
    with suppress(Blown):
        said.append(retry(key, wanted, mortal).is_new)
    left = bool(pipeline.names(pipeline.storage.input) or pipeline.services.work.wishes.standing().retries)
    assert said in ([], [left])
    said = [retry(key, wanted, pipeline.services).is_new for _ in range(2)]
    assert said == [not left, False]


def test_a_retry_that_is_written_while_it_is_asked_for_again_is_not_new(
    pipeline: InlinePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = finished(pipeline)
    common = max(codes_of(pipeline, key).items(), key=lambda each: each[1])[0]
    (work,) = retry(key, [common], pipeline.services).pending
    add_pending = Retries.add_pending

    def add_late(retries: Retries, again: RetryWork) -> bool:
        write_retry(work, pipeline.services)
        return add_pending(retries, again)

    monkeypatch.setattr(Retries, "add_pending", add_late)
    told = retry(key, [common], pipeline.services)
    assert (told.is_new, told.pending) == (False, [])
    assert pipeline.services.work.retries.pending(work.run) is None


def test_a_name_that_was_taken_is_told_and_the_call_that_gets_it_is_the_new_one(
    pipeline: InlinePipeline,
) -> None:
    key = finished(pipeline)
    (snapshot,) = pipeline.services.work.snapshots.latest(datetime.now(UTC), 1)
    pipeline.drop("team/a_retry.jsonl", b"another's")
    (told,), _ = retry_snapshot(snapshot, [], 0, pipeline.services)
    assert (told.key, told.targets, told.is_new) == (key, [], False)
    assert "ask again when it is done" in told.refused
    pipeline.storage.input.delete("team/a_retry.jsonl")
    assert [retry(key, [], pipeline.services).is_new for _ in range(2)] == [True, False]


def test_what_was_dropped_without_a_mark_is_not_dropped_again(pipeline: InlinePipeline) -> None:
    """By the command, where neither the app nor the records were to be had: while it waits, and when it is done."""
    key, storage = finished(pipeline), pipeline.storage
    retry_file = str(find_finished(key, "", pipeline.services).outputs.retry)
    origin = metadata_of_retry(Origin(key, retry_file))
    storage.input.copy_from(storage.error, retry_file, "team/a_retry.jsonl", metadata=origin, if_absent=True)
    with pipeline_without_marks(pipeline, key):
        assert not retry(key, [], pipeline.services).is_new
    assert pipeline.run().done == 1
    assert not retry(key, [], pipeline.services).is_new
    assert pipeline.names(storage.input) == []


@contextmanager
def pipeline_without_marks(pipeline: InlinePipeline, key: str) -> Iterator[None]:
    """Take the marks away again that are made within."""
    yield
    for entry in list(pipeline.storage.work.list(names.retry_marks(key))):
        pipeline.storage.work.delete(entry.name)


def test_what_makes_no_sense_is_refused(pipeline: InlinePipeline) -> None:
    for key in ("", "0" * 20, "../x"):
        with pytest.raises(NotFoundError):
            retry(key, [], pipeline.services)
    good = finished(pipeline, "good.jsonl", request("one"))
    with pytest.raises(ConflictError, match="Nothing of good"):
        retry(good, [], pipeline.services)
    key = finished(pipeline)
    with pytest.raises(ConflictError, match="there are"):
        retry(key, ["none"], pipeline.services)
    pipeline.drop("team/a_retry.jsonl", b"another's")
    with pytest.raises(ConflictError, match="ask again when it is done"):
        retry(key, [], pipeline.services)
    pipeline.storage.input.delete("team/a_retry.jsonl")
    assert retry(key, [], pipeline.services).targets == ["team/a_retry.jsonl"]
    assert ids(pipeline, "team/a_retry.jsonl") == ["two", "three", "four"]


def test_what_is_worked_on_is_retried_when_it_is_done(pipeline: InlinePipeline) -> None:
    pipeline.drop(PATH, CONTENT)
    flow = pipeline.begin()
    pipeline.live_until(flow, "prepare_file")
    with pytest.raises(ConflictError, match="being worked on"):
        retry(flow.files[0].key, [], pipeline.services)


def test_a_file_that_no_list_has_any_more_is_found_by_its_retry_file(pipeline: InlinePipeline) -> None:
    key = finished(pipeline)
    pipeline.storage.work.delete_folder(names.SNAPSHOTS)
    found: Any = find_finished(key, "", pipeline.services)
    assert (found.key, found.path) == (key, PATH)
    assert retry(key, [], pipeline.services).targets == ["team/a_retry.jsonl"]


def test_a_retry_that_waits_to_be_written_is_found_by_the_sweep(pipeline: InlinePipeline) -> None:
    work = RetryWork(run="retry-x-1", key="x", codes=["1"], target="t", retry="r", errors="e", metadata="m")
    pipeline.services.work.retries.add_pending(work)
    assert pipeline.services.work.wishes.standing().retries == ["retry-x-1"]
    assert pipeline.services.work.retries.pending("retry-x-1") == work
