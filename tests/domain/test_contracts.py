"""What crosses a durable boundary, or lies in `work/`, is read by other versions, and in many threads at once."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.contracts import BatchNews, OpenShard, Pause, from_wire, to_wire
from domain.records import BatchRecord, Ledger, Plan, PlannedShard
from domain.service.transports import TransportName

REPOSITORY = Path(__file__).resolve().parents[2]

# Four threads meet each of two hundred types together, changing over as often as Python allows.
MEETING = """
import sys, threading, msgspec
from domain.contracts import from_wire

sys.setswitchinterval(1e-6)
for number in range(200):
    inner = msgspec.defstruct(f"Inner{number}", [(f"field_{n}", int, 0) for n in range(10)])
    kind = msgspec.defstruct(f"Outer{number}", [(f"field_{n}", list[inner], []) for n in range(5)])
    barrier = threading.Barrier(4)

    def meet():
        barrier.wait()
        assert from_wire({"field_0": [{"field_1": 7}]}, kind).field_0[0].field_1 == 7

    threads = [threading.Thread(target=meet) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""


def test_many_threads_may_read_a_contract_of_a_new_type_at_the_same_moment() -> None:
    command = [sys.executable, "-c", MEETING]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")


SHARD = {"shard": "0000", "blob": "b", "requests": 1, "size": 1, "model": "m", "url": "/v1/responses"}
BATCH = {"batch_id": "b", "submitted_at": 1.0}


@pytest.mark.parametrize(
    ("kind", "wire", "field", "spellings"),
    [
        (OpenShard, SHARD, "engine", ["direct"]),  # the default is left out
        (PlannedShard, SHARD, "engine", ["batch", "direct"]),
        (Plan, {}, "engine", ["batch", "direct"]),
        (Pause, {"model": None, "message": ""}, "kind", ["quota", "configuration"]),
        (Ledger, {"owner": "s"}, "transport", ["upload", "import", "blob"]),
        (BatchRecord, BATCH, "transport", ["upload", "import", "blob"]),
    ],
)
def test_states_are_spelled_as_ever_and_no_others_are_read(
    kind: type, wire: dict[str, Any], field: str, spellings: list[str]
) -> None:
    for spelling in spellings:
        assert to_wire(from_wire({**wire, field: spelling}, kind))[field] == spelling
    with pytest.raises(msgspec.ValidationError):
        from_wire({**wire, field: "of another kind"}, kind)


def test_what_was_written_before_a_state_had_a_field_is_read() -> None:
    assert from_wire(SHARD, OpenShard).engine == "batch"
    assert from_wire(SHARD, PlannedShard).engine is None
    ledger = from_wire({"owner": "s", "batch": BATCH}, Ledger)
    assert ledger.batch
    assert [ledger.transport, ledger.batch.transport] == [TransportName.UPLOAD, TransportName.UPLOAD]


def test_states_of_the_service_that_are_new_to_us_pass() -> None:
    assert from_wire({"status": "paused_by_owner"}, BatchNews).status == "paused_by_owner"
    ledger = from_wire({"owner": "s", "batch": {**BATCH, "status": "paused_by_owner"}}, Ledger)
    assert ledger.batch
    assert ledger.batch.status == "paused_by_owner"
