"""Where a file is prepared that takes long, and when it is refused."""

import gzip
import subprocess
import sys
from dataclasses import replace
from typing import Any, Self

import pytest

from adapters import function_timeout
from adapters.own_process import OwnProcess
from domain.contracts import Answer, to_wire
from domain.errors import PassingError
from steps.prepare import patience
from tests.activities.conftest import MakePipeline
from tests.activities.request_files import request
from tests.conftest import REPOSITORY
from tests.steps.prepare.test_preparation import Prepared

PACKED = gzip.compress(b"a\n" * 1000)


class OtherProcess(OwnProcess):
    """In the place of a process: carries the step out here."""

    def __init__(self, file: Prepared) -> None:
        self.file, self.runs = file, 0

    def __call__(self) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    def run(self, activity: str, work: object, limit_seconds: float = 0.0) -> Any:  # noqa: ARG002 - a process
        self.runs += 1
        services = self.file.services
        self.file.services = replace(services, own_process=None)
        answer = self.file.prepare()
        self.file.services = services
        return to_wire(Answer(ok=to_wire(answer)))


def test_a_file_that_takes_long_goes_on_in_a_process_of_its_own_and_is_refused_there_in_the_end(
    make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "SECONDS_BESIDE_OTHERS", -1.0)
    file = Prepared(make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt"), PACKED, path="a.txt.gz")
    other = OtherProcess(file)
    file.services = replace(file.services, own_process=other)
    with pytest.raises(PassingError, match="takes long"):
        file.prepare()
    assert other.runs == 0
    assert file.prepare().requests == 1000
    assert other.runs == 1

    monkeypatch.setenv(function_timeout.OVERRIDE, "00:00:00")
    late = Prepared(make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt"), PACKED, path="b.txt.gz")
    late.services = replace(late.services, own_process=None)
    assert not late.prepare().shards
    (record,) = late.records()
    assert record["code"] == "too_slow"
    assert "functionTimeout" in record["message"]


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("MAX_ROWS_PER_FILE", "999", "too_many_rows"),
        ("MAX_SECONDS_PER_FILE", "1e-9", "too_slow"),
    ],
)
def test_what_is_refused_has_a_record_that_names_the_setting(
    make_pipeline: MakePipeline, setting: str, value: str, code: str
) -> None:
    pipeline = make_pipeline(**{"AZURE_OPENAI_DEPLOYMENT": "gpt", setting: value})
    for path, content in (("a.txt.gz", PACKED), ("a.jsonl.gz", gzip.compress(request("a") * 1000))):
        file = Prepared(pipeline, content, path=path)
        assert not file.prepare().shards
        (record,) = file.records()
        assert record["code"] == code
        assert setting in record["message"]


@pytest.mark.parametrize(
    ("said", "seconds"), [("00:30:00", 1800.0), ("1.00:00:10", 86_410.0), ("-1", float("inf"))]
)
def test_the_time_of_a_call_is_read_as_the_host_reads_it(
    said: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert function_timeout.function_timeout() == 1800.0
    monkeypatch.setenv(function_timeout.OVERRIDE, said)
    assert function_timeout.function_timeout() == seconds


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_in_a_process_of_its_own_too_much_memory_is_an_error_and_not_the_end() -> None:
    code = """
from domain.errors import InputFileError
from domain.settings import Settings
from steps.own_process import leave_room
from steps.prepare.patience import memory_bound
bounds = Settings(azure_openai_endpoint="https://x", max_memory_bytes_per_file=500_000_000).bounds
leave_room(bounds.memory_bytes)
try:
    with memory_bound(bounds):
        bytes(600_000_000)
except InputFileError as error:
    print(error.code, error)
"""
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("part_too_large")
    assert "MAX_MEMORY_BYTES_PER_FILE" in said.stdout
