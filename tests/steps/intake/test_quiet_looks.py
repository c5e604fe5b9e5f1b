"""A look that finds nothing new costs three calls to storage, however many files are in work, and misses nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ContainerClient

from adapters.services import Services
from adapters.storage.blobs import Container
from adapters.work.claims import RECORDS_KEPT_SECONDS, Claimed
from domain import names
from domain.errors import PassingError
from domain.records import Claim, InputFile
from steps.deliver.orphans import remove
from steps.intake.survey import Survey, survey
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.request_files import requests

ALIVE, ASKING = "snapshot-alive", "snapshot-asking"


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline()


@pytest.fixture
def services(pipeline: InlinePipeline) -> Services:
    return pipeline.services


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls to storage that were made, pages of three blobs each."""
    made: list[str] = []
    send, list_blobs = RequestsTransport.send, ContainerClient.list_blobs

    def counted(self: RequestsTransport, request: Any, **options: Any) -> Any:
        made.append(f"{request.method} {request.url}")
        return send(self, request, **options)

    monkeypatch.setattr(RequestsTransport, "send", counted)
    monkeypatch.setattr(
        ContainerClient, "list_blobs", lambda self, **options: list_blobs(self, results_per_page=3, **options)
    )
    return made


def in_work(services: Services, files: int) -> None:
    for number in range(files):
        services.storage.input.write(f"{number}.jsonl", requests([str(number)]))
    found = look(services)
    for file in found.unclaimed:
        key = names.file_key(file.path, file.etag)
        claim = Claim(snapshot_id=ALIVE, timestamp="t", path=file.path, etag=file.etag)
        assert services.work.claims.take(services.storage.input, file, key, claim)
        services.work.blobs.writer(names.plan(key)).close()


def look(services: Services, *dead: str) -> Survey:
    async def is_alive(snapshot_id: str) -> bool:
        return snapshot_id not in dead

    return asyncio.run(survey(services, is_alive, snapshot_id=ASKING))


def claim_on(services: Services, number: int) -> Claimed:
    entry = services.storage.input.entry(f"{number}.jsonl")
    found = services.work.claims.find(names.file_key(entry.name, entry.etag))
    assert found
    return found


@pytest.mark.parametrize("files", [2, 12])
def test_what_finds_nothing_new_lists_inputs_and_wishes_alone(
    services: Services, calls: list[str], files: int
) -> None:
    in_work(services, files)
    assert not look(services).anything
    calls.clear()
    found = look(services)
    remove(services)
    assert not found.anything
    assert {key.key for key in found.look.records.claims} == {claim_on(services, n).key for n in range(files)}
    of_inputs, of_others = -(-files // 3), 1
    assert len([call for call in calls if "comp=list" in call]) == of_inputs + of_others
    assert [call for call in calls if "comp=list" not in call and call.startswith("PUT")] == []


def another_host(services: Services) -> Services:
    """Give the same account and service, as a process sees them that has nothing in memory."""
    return replace(services)


def drops_a_file(services: Services) -> None:
    services.storage.input.write("new.jsonl", requests(["new"]))


def drops_another_version(services: Services) -> None:
    services.storage.input.write("0.jsonl", requests(["new"]))


def finishes_and_drops_again(services: Services) -> None:
    services.work.drop_file(claim_on(services, 0).key)
    services.storage.input.write("0.jsonl", requests(["0"]))


@pytest.mark.parametrize("change", [drops_a_file, drops_another_version, finishes_and_drops_again])
def test_what_another_host_does_to_the_inputs_is_seen_at_once(
    services: Services, change: Callable[[Services], None]
) -> None:
    in_work(services, 3)
    assert not look(services).anything
    change(another_host(services))
    (file,) = look(services).unclaimed
    assert file.path in ("new.jsonl", "0.jsonl")


def test_the_files_of_a_snapshot_that_died_are_seen_at_once(services: Services) -> None:
    in_work(services, 3)
    assert not look(services).anything
    elsewhere = another_host(services)
    elsewhere.work.drop_file(claim_on(services, 2).key)
    services.storage.input.delete("2.jsonl")
    assert len(look(services, ALIVE).orphaned) == 2  # by a fresh listing: the third one is done


def test_what_this_process_changes_it_knows_and_what_others_change_it_learns_in_a_while(
    pipeline: InlinePipeline, services: Services
) -> None:
    in_work(services, 2)
    for by, after in ((services, 10.0), (another_host(services), RECORDS_KEPT_SECONDS + 10)):
        assert not look(services).anything
        found = claim_on(services, 0)
        held = msgspec.structs.replace(found.claim, held_until=services.clock() + 1)
        assert by.work.claims.replace(found.key, held, found.etag)
        pipeline.wait(after)
        (orphan,) = look(services).orphaned
        assert by.work.claims.replace(found.key, found.claim, orphan.etag)


def takes_a_file(services: Services) -> None:
    services.storage.input.write("new.jsonl", requests(["new"]))
    entry = services.storage.input.entry("new.jsonl")
    key = names.file_key(entry.name, entry.etag)
    claim = Claim(snapshot_id=ALIVE, timestamp="t", path=entry.name, etag=entry.etag)
    file = InputFile(path=entry.name, etag=entry.etag, size=entry.size, modified=entry.modified)
    assert services.work.claims.take(services.storage.input, file, key, claim)


def finishes_a_file(services: Services) -> None:
    services.storage.input.delete("0.jsonl")
    services.work.drop_file(key_of(services, "0.jsonl"))


def finishes_files_together(services: Services) -> None:
    keys = [key_of(services, f"{number}.jsonl") for number in range(2)]
    for number in range(2):
        services.storage.input.delete(f"{number}.jsonl")
    services.work.drop_files(dict.fromkeys(keys))


def takes_one_and_finishes_another(services: Services) -> None:
    takes_a_file(services)
    finishes_a_file(services)


def key_of(services: Services, path: str) -> str:
    """By the claims, since the input is gone."""
    (found,) = (each for each in services.work.claims.all() if each.claim.path == path)
    return found.key


@pytest.mark.parametrize(
    "change", [takes_a_file, finishes_a_file, finishes_files_together, takes_one_and_finishes_another]
)
def test_what_this_process_takes_and_finishes_costs_no_new_listing(
    services: Services, calls: list[str], change: Callable[[Services], None]
) -> None:
    in_work(services, 4)
    assert not look(services).anything
    change(services)
    calls.clear()
    found = look(services)
    assert not found.anything
    assert found.look.is_recalled
    assert not [call for call in calls if "comp=list" in call and "prefix=files" in call]
    listed = services.work.claims.all()
    assert {each.key for each in found.look.records.claims} == {each.key for each in listed}
    assert {each.claim for each in found.look.records.claims} == {each.claim for each in listed}


@pytest.mark.parametrize(
    ("call", "change"),
    [
        ("copy_from", takes_a_file),
        ("delete_folder", finishes_a_file),
        ("delete_all", finishes_files_together),
    ],
)
def test_a_change_that_fails_is_looked_at_anew(
    services: Services, monkeypatch: pytest.MonkeyPatch, call: str, change: Callable[[Services], None]
) -> None:
    """It may have had its effect, or part of it."""
    in_work(services, 2)
    assert not look(services).anything
    monkeypatch.setattr(Container, call, failing)
    with pytest.raises(PassingError):
        change(services)
    assert services.work.claims.seen_lately(services.clock()) is None


def failing(*_: object, **__: object) -> None:
    raise PassingError("Storage is away.")


def test_what_changes_during_a_listing_is_not_taken_for_seen(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_work(services, 1)
    listed = Container.list

    def slow(self: Container, prefix: str = "", **options: Any) -> Any:
        yield from listed(self, prefix, **options)
        if prefix == names.FILES:
            monkeypatch.setattr(Container, "list", listed)
            takes_a_file(services)

    monkeypatch.setattr(Container, "list", slow)
    services.work.claims.survey(services.clock())
    assert services.work.claims.seen_lately(services.clock()) is None
