"""Dropped files and what comes back for them, in a real account."""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from azure.storage.blob import BlobServiceClient
from pyarrow import parquet

from local.azurite import running
from local.demo.accounting import Returned
from local.demo.errors import DemoError
from local.demo.session import fresh_folder, publish
from local.demo.storage import Account, open_account, results_of, samples_in


@pytest.fixture(scope="module")
def connection_string() -> Iterator[str]:
    with running() as azurite:  # an account of its own: the demo's containers have fixed names
        yield azurite.connection_string


@pytest.fixture
def account(connection_string: str) -> Iterator[Account]:
    with open_account(connection_string) as opened:
        opened.create_containers()
        yield opened


def test_containers_that_exist_are_left_alone(account: Account) -> None:
    account.drop("kept.jsonl", b"{}")
    account.create_containers()
    assert "kept.jsonl" in account.paths("input")


def test_a_file_dropped_again_takes_the_place_of_the_first(account: Account) -> None:
    account.drop("again/a.jsonl", b"first")
    account.drop("again/a.jsonl", b"second")
    assert account.read("input", "again/a.jsonl") == b"second"
    assert account.sizes("input")["again/a.jsonl"] == 6


def test_what_came_back_is_read_from_both_containers(account: Account, connection_string: str) -> None:
    written: dict[tuple[str, str], list[dict[str, Any]]] = {
        ("processed", "d/a.jsonl_20260101T000000Z/a_output.jsonl"): [{"custom_id": "1"}, {"custom_id": "2"}],
        ("processed", "d/ab.jsonl_20260101T000000Z/ab_output.jsonl"): [{"custom_id": "of another file"}],
        ("error", "d/a.jsonl_20260101T000000Z/a_error.jsonl"): [{"line": 3}],
    }
    with BlobServiceClient.from_connection_string(connection_string) as service:
        for (container, path), records in written.items():
            text = "".join(json.dumps(record) + "\n" for record in records)
            service.get_blob_client(container, path).upload_blob(text)
    assert account.returned("d/a.jsonl") == Returned(
        outputs=[{"custom_id": "1"}, {"custom_id": "2"}], errors=[{"line": 3}]
    )


@pytest.mark.parametrize(
    ("result", "is_of_file"),
    [
        ("d/a.jsonl_20260101/a_output.jsonl", True),
        ("d/a_20260101/a_output.jsonl", True),
        ("a_20260101/a_output.jsonl", False),
        ("d/e/a_20260101/a_output.jsonl", False),
        ("d/a_20260101/b_output.jsonl", False),
        ("d/b_20260101/a_output.jsonl", False),
        ("d/a_20260101/a_error.jsonl", False),
    ],
)
def test_results_are_matched_to_their_input_file_by_folder_and_name(result: str, is_of_file: bool) -> None:
    assert (results_of("d/a.jsonl", [result], "_output.jsonl") == [result]) is is_of_file


def test_samples_are_what_lies_in_folders_job_specs_first(tmp_path: Path) -> None:
    for name in ("README.md", "b/_batch.yaml", "b/c/x.csv", "a/x.txt", "__pycache__/script.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert samples_in(tmp_path) == {name: name.encode() for name in ("b/_batch.yaml", "a/x.txt", "b/c/x.csv")}
    assert next(iter(samples_in(tmp_path))) == "b/_batch.yaml"


def test_records_are_read_from_parquet_too(account: Account, connection_string: str) -> None:
    sink = io.BytesIO()
    parquet.write_table(pa.table({"row": [0, 1]}), sink)
    with BlobServiceClient.from_connection_string(connection_string) as service:
        service.get_blob_client("processed", "p.csv_2026/p_output.parquet").upload_blob(sink.getvalue())
    assert account.returned("p.csv") == Returned(outputs=[{"row": 0}, {"row": 1}])


def test_only_one_demo_runs_at_a_time(tmp_path: Path) -> None:
    with fresh_folder(tmp_path), pytest.raises(DemoError, match="running already"), fresh_folder(tmp_path):
        pass


def test_a_new_run_begins_with_an_empty_folder(tmp_path: Path) -> None:
    with fresh_folder(tmp_path) as folder:
        (folder / "azurite").mkdir()
        (folder / "azurite" / "blob").touch()
        publish(folder, app_url="http://127.0.0.1:1", settings={"DATA": "of the first run"})
        told = json.loads((folder / "running.json").read_text())
        assert (told["pid"], told["settings"]) == (os.getpid(), {"DATA": "of the first run"})
    with fresh_folder(tmp_path) as folder:
        assert [entry.name for entry in folder.iterdir()] == ["lock"]
