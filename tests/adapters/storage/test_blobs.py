"""Containers and blobs, against a real storage server: conditions, streams, odd names, and whose errors they are."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest
from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestError, ServiceResponseError
from urllib3 import HTTPResponse

import adapters.storage.blobs
from adapters.storage.account import Storage, open_storage
from adapters.storage.blobs import Container
from adapters.storage.errors import translated
from adapters.storage.stream import BlobStream
from domain.errors import (
    BlockedError,
    ConfigurationError,
    ConflictError,
    MissingContainerError,
    NotFoundError,
    PassingError,
    PipelineError,
    RefusedError,
    SettingsError,
)
from domain.settings import Settings

ODD_NAMES = [
    "with space.jsonl",
    "100% sure.jsonl",
    "%41.jsonl",
    "a#b?c&d=e+f.jsonl",
    "semi;colon:at@.jsonl",
    "quote'and\"double.jsonl",
    "bücher/語/🦜.jsonl",
    "deep/er/and/deeper/file",
    "x//y",
    "~tilde!(paren)[bracket]{brace}",
    "trailing ",
    ".hidden",
    "e\u0301 is not é",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_blob_of_any_name_is_written_listed_copied_and_deleted(storage: Storage, name: str) -> None:
    etag = storage.input.write(name, b"content")
    assert [entry.name for entry in storage.input.list()] == [name]
    assert storage.input.read(name) == (b"content", etag)
    storage.work.copy_from(storage.input, name, name, metadata={}, source_etag=etag, if_absent=True)
    assert storage.work.read(name)[0] == b"content"
    storage.input.delete(name, if_etag=etag)
    storage.work.delete(name)
    assert list(storage.input.list()) == list(storage.work.list()) == []


def test_a_blob_is_described_by_size_etag_and_metadata(storage: Storage) -> None:
    etag = storage.input.write("a", b"12345")
    entry = storage.input.entry("a")
    assert (entry.size, entry.etag, entry.metadata, entry.copy_status) == (5, etag, {}, None)
    storage.work.copy_from(storage.input, "a", "b", metadata={"who": "me"})
    (listed,) = storage.work.list(metadata=True)
    assert listed.metadata == storage.work.entry("b").metadata == {"who": "me"}
    assert storage.work.entry("b").copy_status == "success"


def test_a_listing_keeps_to_its_prefix(container: Container) -> None:
    for name in ("a/1", "a/2", "ab", "b/1"):
        container.write(name, b"")
    assert [entry.name for entry in container.list("a/")] == ["a/1", "a/2"]
    assert len(list(container.list())) == 4


def refused(attempt: Callable[[], object], error: type[PipelineError]) -> None:
    with pytest.raises(error):
        attempt()


# --- conditions ------------------------------------------------------------------------------------------------------


def test_writing_on_a_condition_fails_when_it_does_not_hold(container: Container) -> None:
    first = container.write("a", b"1", if_absent=True)
    with pytest.raises(ConflictError):
        container.write("a", b"2", if_absent=True)
    second = container.write("a", b"2", if_etag=first)
    with pytest.raises(ConflictError):
        container.write("a", b"3", if_etag=first)
    assert container.read("a") == (b"2", second)


def test_a_copy_is_made_of_the_version_meant_and_only_where_nothing_is(storage: Storage) -> None:
    old = storage.input.write("a", b"1")
    new = storage.input.write("a", b"2")
    with pytest.raises(ConflictError):
        storage.work.copy_from(storage.input, "a", "b", metadata={}, source_etag=old)
    storage.work.copy_from(storage.input, "a", "b", metadata={}, source_etag=new, if_absent=True)
    with pytest.raises(ConflictError):
        storage.work.copy_from(storage.input, "a", "b", metadata={}, if_absent=True)
    with pytest.raises(NotFoundError):
        storage.work.copy_from(storage.input, "missing", "c", metadata={})
    assert storage.work.read("b")[0] == b"2"


def test_metadata_and_deletion_keep_to_their_version(container: Container) -> None:
    old = container.write("a", b"1")
    new = container.write("a", b"2")
    attempts = [
        lambda: container.set_metadata("a", {"x": "y"}, if_etag=old),
        lambda: container.delete("a", if_etag=old),
    ]
    for attempt in attempts:
        refused(attempt, ConflictError)
    container.set_metadata("a", {"x": "y"}, if_etag=new)
    assert container.entry("a").metadata == {"x": "y"}


def test_snapshots_that_somebody_took_keep_no_blob_from_going(storage: Storage) -> None:
    for name in ("f/claim", "f/one", "f/two", "other"):
        storage.work.write(name, b"x")
        with storage.work._blob(name) as blob:
            blob.create_snapshot()
    storage.work.delete_folder("f/", first="f/claim")
    assert [entry.name for entry in storage.work.list("")] == ["other"]


def test_what_is_not_there_is_told_so(container: Container) -> None:
    attempts = [
        lambda: container.entry("a"),
        lambda: container.read("a"),
        lambda: container.open("a"),
        lambda: list(container.chunks("a")),
        lambda: container.delete("a"),
        lambda: container.read_range("a", 0, 1),
    ]
    for attempt in attempts:
        refused(attempt, NotFoundError)
    container.delete_folder("a/", first="a/b")


# --- streams ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 3500])
def test_what_is_streamed_in_comes_out_again(
    container: Container, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters.storage.blobs, "BLOCK_BYTES", 1000)
    content = bytes(number % 251 for number in range(size))
    with container.writer("a") as writer:
        for start in range(0, size, 300):
            writer.write(content[start : start + 300])
        assert writer.size == size
        with pytest.raises(NotFoundError):
            container.entry("a")  # it appears when it is complete
    assert b"".join(container.chunks("a")) == content
    entry, chunks = container.open("a")
    assert entry.size == size
    assert b"".join(chunks) == content
    for start, length in ((0, size), (size // 3, size // 2), (size - 1, 1)):
        if length and size:
            assert b"".join(container.chunks("a", start, length)) == content[start : start + length]
            with BlobStream(container, "a", length, start=start) as part:
                assert part.readall() == content[start : start + length]


def test_what_was_handed_over_may_change_afterwards(container: Container) -> None:
    piece = bytearray(b"abc")
    with container.writer("a") as writer:
        writer.write(piece)  # type: ignore[arg-type] # by who does not keep to the type
        piece[:] = b"xyz"
    assert container.read("a")[0] == b"abc"


def test_a_blob_is_gone_on_with_behind_a_copy(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters.storage.blobs, "BLOCK_BYTES", 10)
    with container.writer("a") as writer:
        for _ in range(3):
            writer.write(b"1" * 12)
    for more in (b"", b"2", b"2" * 25):
        container.copy_from(container, "a", "b", metadata={})
        behind = container.continuation("b")
        assert behind is not None
        with behind:
            behind.write(more)
        assert container.read("b")[0] == b"1" * 36 + more
    assert container.read("a")[0] == b"1" * 36
    container.write("c", b"in one call")
    assert container.continuation("c") is None


def test_a_stream_that_breaks_off_leaves_the_old_blob(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters.storage.blobs, "BLOCK_BYTES", 10)
    container.write("a", b"old")

    def break_off() -> None:
        with container.writer("a") as writer:
            writer.write(b"x" * 100)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert container.read("a")[0] == b"old"


def test_two_writers_of_one_blob_never_mix(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters.storage.blobs, "BLOCK_BYTES", 10)
    one, other = container.writer("a"), container.writer("a")
    for _ in range(3):
        one.write(b"1" * 10)
        other.write(b"2" * 10)
    one.close()
    assert container.read("a")[0] == b"1" * 30


def test_a_lazy_blob_comes_with_its_first_byte(container: Container) -> None:
    never, written = container.lazy_writer("never"), container.lazy_writer("written")
    written.write(b"x")
    assert (never.close(), written.close()) == (None, "written")
    assert [entry.name for entry in container.list()] == ["written"]


def test_a_blob_that_changes_while_it_is_read_is_found_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters.storage.blobs, "BLOCK_BYTES", 1000)
    with closing(open_storage(settings)) as storage:
        storage.input.write("a", b"1" * 9000)
        chunks = storage.input.chunks("a")
        next(chunks)
        storage.input.write("a", b"2" * 9000)
        with pytest.raises(ConflictError):
            list(chunks)


# --- the account -----------------------------------------------------------------------------------------------------


def test_missing_containers_are_made_where_the_account_is_a_local_one(settings: Settings) -> None:
    names = [f"{settings.work_container}-{number}" for number in range(4)]
    fresh = msgspec.structs.replace(
        settings,
        input_container=names[0],
        processed_container=names[1],
        error_container=names[2],
        work_container=names[3],
    )
    with closing(open_storage(fresh)) as storage:
        rooms = [storage.input, storage.processed, storage.error, storage.work]
        assert not any(store.exists() for store in rooms)
        assert storage.ready() is storage.ready() is storage
        assert [store.name for store in rooms] == names
        assert all(store.exists() for store in rooms)
        for store in rooms:
            store.create()
            store._client.delete_container()


def test_a_connection_string_that_is_none_is_told_without_showing_it(settings: Settings) -> None:
    with pytest.raises(SettingsError) as caught:
        open_storage(msgspec.structs.replace(settings, data="AccountKey hunter2"))
    assert "hunter2" not in str(caught.value)


def test_missing_containers_elsewhere_are_named(storage: Storage) -> None:
    storage.work._client.delete_container()
    elsewhere = Storage(
        account_url="https://account.blob.core.windows.net",
        input=storage.input,
        processed=storage.processed,
        error=storage.error,
        work=storage.work,
        input_urls=storage.input_urls,
        work_urls=storage.work_urls,
        processed_urls=storage.processed_urls,
        error_urls=storage.error_urls,
    )
    with pytest.raises(ConfigurationError, match=storage.work.name):
        elsewhere.ready()


def told_by_storage(status: int, code: str) -> HttpResponseError:
    """What the SDK raises for an answer with storage's code in its head."""
    error = HttpResponseError("It failed.\nwith details")
    error.status_code, error.error_code = status, code  # type: ignore[attr-defined] # the storage SDK's own
    return error


@pytest.mark.parametrize(
    ("status", "code", "ours"),
    [
        (404, "BlobNotFound", NotFoundError),
        (404, "PathNotFound", NotFoundError),
        (404, "ContainerNotFound", MissingContainerError),
        (404, "FilesystemNotFound", MissingContainerError),
        (409, "ContainerBeingDeleted", MissingContainerError),
        (404, "", PassingError),
        (412, "ConditionNotMet", ConflictError),
        (412, "TargetConditionNotMet", ConflictError),
        (412, "AppendPositionConditionNotMet", ConflictError),
        (409, "BlobAlreadyExists", ConflictError),
        (409, "PathAlreadyExists", ConflictError),
        (412, "LeaseIdMissing", BlockedError),
        (409, "LeaseAlreadyPresent", BlockedError),
        (409, "BlobArchived", BlockedError),
        (409, "BlobImmutableDueToPolicy", BlockedError),
        (409, "BlobImmutableDueToLegalHold", BlockedError),
        (409, "SnapshotsPresent", BlockedError),
        (409, "SomethingThatComesLater", BlockedError),
        (412, "SomethingThatComesLater", BlockedError),
        (409, "PendingCopyOperation", PassingError),
        (409, "", PassingError),
        (412, "", PassingError),
        (400, "InvalidMetadata", RefusedError),
        (414, "RequestUriTooLong", RefusedError),
        (400, "", PassingError),
        (401, "", ConfigurationError),
        (403, "AuthorizationPermissionMismatch", ConfigurationError),
        (403, "", ConfigurationError),
        (408, "OperationTimedOut", PassingError),
        (429, "TooManyRequests", PassingError),
        (500, "InternalError", PassingError),
        (500, "", PassingError),
        (503, "ServerBusy", PassingError),
    ],
)
def test_storages_own_code_decides_what_an_answer_means(
    status: int, code: str, ours: type[PipelineError]
) -> None:
    with pytest.raises(PipelineError) as caught, translated("work/a"):
        raise told_by_storage(status, code)
    assert type(caught.value) is ours
    assert "work/a" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not code or caught.value.code == code


@pytest.mark.parametrize("foreign", [ServiceRequestError, ServiceResponseError, HttpResponseError])
def test_no_signature_passes_on_in_an_error_or_its_traceback(foreign: type[AzureError]) -> None:
    """`requests` tells the URL of a call that failed, and that holds what a connection string is signed with."""
    url = "/container/blob?sv=2026-06-06&sig=c2VjcmV0%2Bc2VjcmV0%3D&se=2027"
    with pytest.raises(PassingError) as caught, translated("work/a"):
        raise foreign(f"HTTPSConnectionPool: Max retries exceeded with url: {url} (caused by x)")
    told = "".join(traceback.format_exception(caught.value))
    assert "Max retries" in told
    assert "c2VjcmV0" not in told


def test_a_wrong_key_is_a_matter_of_configuration_and_is_not_shown(settings: Settings) -> None:
    assert settings.data
    parts = dict(part.split("=", 1) for part in settings.data.split(";") if part)
    parts["AccountKey"] = "c2VjcmV0c2VjcmV0"
    wrong = ";".join(f"{name}={value}" for name, value in parts.items())
    with (
        closing(open_storage(msgspec.structs.replace(settings, data=wrong))) as storage,
        pytest.raises(ConfigurationError) as caught,
    ):
        storage.work.write("a", b"")
    assert "c2VjcmV0" not in str(caught.value)


def test_a_blob_is_taken_from_the_socket_in_large_pieces(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[int] = []
    stream = HTTPResponse.stream

    def counted(response: HTTPResponse, *arguments: Any, **options: Any) -> Iterator[bytes]:
        for piece in stream(response, *arguments, **options):
            pieces.append(len(piece))
            yield piece

    monkeypatch.setattr(HTTPResponse, "stream", counted)
    content = bytes(300_000)
    storage.input.write("a", content)
    ways: list[Callable[[], bytes]] = [
        lambda: storage.input.read("a")[0],
        lambda: b"".join(storage.input.chunks("a")),
        lambda: storage.input.read_range("a", 0, len(content)),
    ]
    for read in ways:
        pieces.clear()
        assert read() == content
        assert pieces == [len(content)]
