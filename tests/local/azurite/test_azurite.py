"""Azurite as a child process: it answers, keeps its data, and never outlives its parent."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import BlobServiceClient

from local.azurite import Azurite, AzuriteError, running, server
from local.azurite.installation import find_node, find_npm

PARENT = """
import time
from local.azurite import running
with running() as azurite:
    print(azurite.connection_string, flush=True)
    time.sleep(600)
"""


def upload(connection_string: str, text: bytes) -> None:
    with BlobServiceClient.from_connection_string(connection_string) as service:
        service.create_container("kept")
        service.get_blob_client("kept", "note.txt").upload_blob(text)


def download(connection_string: str) -> bytes:
    with BlobServiceClient.from_connection_string(connection_string, retry_total=0) as service:
        return service.get_blob_client("kept", "note.txt").download_blob().readall()


def test_data_in_a_folder_is_there_again_after_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "folder with spaces"
    with running(data) as first:
        upload(first.connection_string, b"still here")
    with running(data) as second:
        assert download(second.connection_string) == b"still here"


def test_without_a_folder_data_goes_with_the_process() -> None:
    with running() as first:
        upload(first.connection_string, b"gone")
    with running() as second, pytest.raises(ResourceNotFoundError):
        download(second.connection_string)


def test_the_hosts_account_is_another_one(azurite: Azurite) -> None:
    with (
        BlobServiceClient.from_connection_string(azurite.connection_string) as data,
        BlobServiceClient.from_connection_string(azurite.host_connection_string) as host,
    ):
        data.create_container("of-the-data-account")
        assert data.account_name != host.account_name
        assert "of-the-data-account" not in [found.name for found in host.list_containers()]


def test_deleting_takes_the_blob_meant_and_no_other(azurite: Azurite) -> None:
    names = ["a", "a/b", "b", "c"]
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        one, two = (service.create_container(name) for name in ("deletes-one", "deletes-two"))
        for name in names:
            one.upload_blob(name, b"1")
            two.upload_blob(name, b"2")
        one.delete_blob("a")
        one.delete_blobs("b", "c")
        assert list(one.list_blob_names()) == ["a/b"]
        assert list(two.list_blob_names()) == names
        two.get_blob_client("b").create_snapshot()
        with pytest.raises(ResourceExistsError, match="SnapshotsPresent"):
            two.delete_blob("b")
        two.delete_blob("b", delete_snapshots="include")
        assert list(two.list_blob_names()) == ["a", "a/b", "c"]


def test_two_at_once_do_not_share_ports(azurite: Azurite) -> None:
    with running() as other:
        ports = {azurite.blob_port, azurite.queue_port, azurite.table_port}
        assert not ports & {other.blob_port, other.queue_port, other.table_port}


def test_a_taken_port_is_reported_not_waited_for(azurite: Azurite) -> None:
    with pytest.raises(AzuriteError, match="EADDRINUSE"), running(blob_port=azurite.blob_port):
        pass


def test_what_azurite_prints_is_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "azurite.log"
    with running(log=log):
        pass
    assert "Table service is successfully listening" in log.read_text()


def test_a_missing_installation_names_the_command_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(server, "ENTRY_SCRIPT", tmp_path / "azurite.js")
    with pytest.raises(AzuriteError, match="make setup"), running():
        pass


def test_it_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        connection_string = parent.stdout.readline().strip()
        upload(connection_string, b"orphan")
    finally:
        parent.kill()
        parent.communicate()
    wait_until_unreachable(connection_string)


def wait_until_unreachable(connection_string: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            download(connection_string)
        except (ServiceRequestError, ServiceResponseError):
            return
    pytest.fail("Azurite outlived its parent")


def test_the_command_prints_the_connection_string_and_ends_on_sigterm() -> None:
    command = [sys.executable, "-m", "local.azurite", "--blob-port=0", "--queue-port=0", "--table-port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        upload(process.stdout.readline().strip(), b"hello")
        process.terminate()
    assert process.returncode == 0


def test_node_comes_with_npm() -> None:
    node = find_node()
    assert node is not None
    assert find_npm(node) is not None
