"""Storage on an ADLS Gen2 account: what is different there cannot be told from outside."""

import logging
from collections.abc import Iterator
from contextlib import closing
from typing import Literal

import msgspec
import pytest
from azure.storage.filedatalake import DataLakeServiceClient

from adapters.storage.account import Storage, open_storage
from adapters.storage.connection import Connection
from adapters.work.store import WorkStore
from domain.contracts import ListedFile
from domain.errors import MissingContainerError
from domain.settings import Settings
from tests.hierarchical_account import HierarchicalAccount

Kind = Literal["auto", "flat", "hierarchical"]


@pytest.fixture
def settings(settings: Settings, hierarchical_account: HierarchicalAccount) -> Settings:
    return msgspec.structs.replace(settings, data=hierarchical_account.connection_string)


@pytest.fixture
def storage(settings: Settings) -> Iterator[Storage]:
    with closing(open_storage(settings)) as storage:
        yield storage


@pytest.fixture
def lake(hierarchical_account: HierarchicalAccount) -> Iterator[DataLakeServiceClient]:
    """The account as people use it who drop files."""
    with DataLakeServiceClient.from_connection_string(hierarchical_account.connection_string) as lake:
        yield lake


# --- which kind it is ------------------------------------------------------------------------------------------------


def has_directories(settings: Settings, kind: Kind = "auto") -> bool:
    with closing(open_storage(msgspec.structs.replace(settings, storage_kind=kind))) as storage:
        return storage.work._directories.exist


@pytest.mark.parametrize("may_ask", [True, False])
@pytest.mark.parametrize("hierarchical", [True, False])
def test_the_account_is_asked_or_looked_at(
    settings: Settings, hierarchical_account: HierarchicalAccount, hierarchical: bool, may_ask: bool
) -> None:
    hierarchical_account.hierarchical, hierarchical_account.may_ask = hierarchical, may_ask
    assert has_directories(settings) is hierarchical
    assert hierarchical_account.calls == ({} if may_ask else {"access_list": 1})


@pytest.mark.parametrize("kind", ["flat", "hierarchical"])
def test_an_account_whose_kind_is_set_is_not_asked(
    settings: Settings, hierarchical_account: HierarchicalAccount, kind: Kind
) -> None:
    hierarchical_account.may_ask = hierarchical_account.may_look = False
    assert has_directories(settings, kind) is (kind == "hierarchical")


def test_an_account_that_lets_nobody_look_is_taken_for_a_flat_one_and_the_log_says_so(
    settings: Settings, hierarchical_account: HierarchicalAccount, caplog: pytest.LogCaptureFixture
) -> None:
    hierarchical_account.may_ask = hierarchical_account.may_look = False
    with caplog.at_level(logging.WARNING):
        assert not has_directories(settings)
    assert "STORAGE_KIND" in caplog.text
    assert "AuthorizationPermissionMismatch" in caplog.text


def test_a_question_that_got_no_answer_is_asked_again(
    storage: Storage, hierarchical_account: HierarchicalAccount
) -> None:
    hierarchical_account.may_ask = False
    storage.work._client.delete_container()
    with pytest.raises(MissingContainerError):
        list(storage.work.list())
    storage.work.create()
    assert storage.work._directories.exist


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "https://data.dfs.core.windows.net"),
        ("https://data.z1.dfs.storage.azure.net", "https://data.z1.dfs.storage.azure.net"),
    ],
)
def test_the_data_lake_endpoint_follows_from_the_blob_endpoint_unless_it_is_given(
    given: str | None, expected: str
) -> None:
    settings = Settings(
        azure_openai_endpoint="https://example.openai.azure.com",
        data__blob_service_uri="https://data.blob.core.windows.net",
        data__dfs_service_uri=given,
    )
    connection = Connection(settings)
    with closing(connection.session):
        assert connection.data_lake().url.rstrip("/") == expected


# --- directories -----------------------------------------------------------------------------------------------------


def test_directories_are_in_no_listing(
    storage: Storage, hierarchical_account: HierarchicalAccount, lake: DataLakeServiceClient
) -> None:
    storage.input.write("a/b/c.jsonl", b"content")
    lake.get_file_system_client(storage.input.name).create_directory("empty/one")
    everything = ["a/", "a/b/", "a/b/c.jsonl", "empty/", "empty/one/"]
    assert hierarchical_account.entries(storage.input.name) == everything
    for metadata in (True, False):
        assert [entry.name for entry in storage.input.list(metadata=metadata)] == ["a/b/c.jsonl"]


def test_a_folder_goes_in_one_step_and_leaves_nothing(
    storage: Storage, hierarchical_account: HierarchicalAccount
) -> None:
    for name in ("files/k/input", "files/k/ledger/0.json", "files/k/outcomes/0.jsonl", "files/kk/input"):
        storage.work.write(name, b"content")
    storage.work.delete_folder("files/k/", first="files/k/input")
    storage.work.delete_folder("files/k/", first="files/k/input")
    assert hierarchical_account.entries(storage.work.name) == ["files/", "files/kk/", "files/kk/input"]
    assert hierarchical_account.calls == {"delete_path": 2}


@pytest.mark.parametrize("name", ["100% sure", "a#b?c&d=e+f", "bücher 語 🦜", "quote'and\"double"])
def test_a_folder_of_any_name_is_deleted(
    storage: Storage, hierarchical_account: HierarchicalAccount, name: str
) -> None:
    storage.work.write(f"{name}/a", b"")
    storage.work.delete_folder(f"{name}/")
    assert hierarchical_account.entries(storage.work.name) == []


def test_a_finished_snapshot_keeps_its_report_alone(
    storage: Storage, hierarchical_account: HierarchicalAccount
) -> None:
    store = WorkStore(storage.work)
    for page in range(3):
        store.snapshots.write_page("snapshot-1", page, [ListedFile(key="k", path="p", size=1)])
    store.snapshots.write_report("snapshot-1", {"files": 3})
    assert store.snapshots.before("snapshot-2") == {"snapshot-1": True}
    kept = ["snapshots/", "snapshots/snapshot-1/", "snapshots/snapshot-1/report.json"]
    assert hierarchical_account.entries(storage.work.name) == kept
    store.snapshots.drop(["snapshot-1"])
    assert hierarchical_account.entries(storage.work.name) == ["snapshots/"]
