"""The life of a batch from upload to output file, and of the service from start to stop."""

import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from openai import OpenAI

from local.azure_openai import RunningService, answers, running
from tests.local.azure_openai.batch_work import (
    chat_row,
    chat_rows,
    create,
    ended,
    jsonl,
    lines,
    run,
    submit,
    until,
    upload,
    v1_client,
)


def test_a_batch_goes_through_its_phases_to_completion(client: OpenAI, service: RunningService) -> None:
    batch = submit(client, chat_rows(20))
    assert batch.status == "validating"
    batch = ended(client, batch)
    assert batch.status == "completed"
    assert batch.request_counts
    assert batch.request_counts.to_dict() == {"total": 20, "completed": 20, "failed": 0}
    moments = [batch.created_at, batch.in_progress_at, batch.finalizing_at, batch.completed_at]
    assert moments == sorted(moment for moment in moments if moment)
    assert batch.expires_at == batch.created_at + 86_400
    assert service.counters()["max_active_batches"] == 1


def test_output_rows_are_shuffled_the_same_way_each_time(client: OpenAI) -> None:
    orders = []
    for _ in range(2):
        batch = run(client, chat_rows(50))
        orders.append([line["custom_id"] for line in lines(client, batch.output_file_id)])
    assert orders[0] == orders[1]
    assert orders[0] != sorted(orders[0], key=lambda name: int(name[4:]))
    assert sorted(orders[0]) == sorted(f"row-{number}" for number in range(50))


def test_answers_can_be_computed_again(client: OpenAI) -> None:
    row = chat_row("a", "the blue lamp flickers")
    batch = run(client, jsonl([row]))
    (line,) = lines(client, batch.output_file_id)
    assert list(line) == ["custom_id", "response", "error"]
    assert line["error"] is None
    assert line["response"]["status_code"] == 200
    choice = line["response"]["body"]["choices"][0]
    assert choice["message"]["content"] == answers.answer_text(row["body"])
    assert "the blue lamp flickers" in choice["message"]["content"]
    assert choice["content_filter_results"]["hate"] == {"filtered": False, "severity": "safe"}


def test_counts_advance_while_a_batch_is_in_progress() -> None:
    with running(speed=1000, duration_seconds=600) as service, v1_client(service) as client:
        batch = submit(client, chat_rows(100))
        batch = until(client, batch, lambda b: b.status == "in_progress" and b.request_counts.completed > 0)  # type: ignore[union-attr] # always there here
        assert batch.request_counts
        assert 0 < batch.request_counts.completed <= 100


def test_served_requests_and_batches_are_counted(client: OpenAI, service: RunningService) -> None:
    file = upload(client, chat_rows(3))
    batches = [ended(client, create(client, file.id)) for _ in range(2)]
    counters = service.counters()
    assert list(counters["batches_by_content"].values()) == [[batch.id for batch in batches]]
    assert counters["batches_created"] == 2
    assert counters["answers"] == {
        "requests_served": 6,
        "distinct_requests": 3,
        "served_more_than_once": {"row-0": 2, "row-1": 2, "row-2": 2},
    }
    assert counters["calls"]["create_batch"] == {"total": 2, "201": 2}
    assert counters["files"]["batch"] == ["work.jsonl"]
    assert [brief["status"] for brief in service.batches()] == ["completed", "completed"]


def test_a_reset_forgets_everything(client: OpenAI, service: RunningService) -> None:
    run(client, chat_rows(3))
    service.reset()
    assert service.batches() == []
    assert service.counters()["batches_created"] == 0
    assert list(client.files.list(limit=5).data) == []


def test_an_input_file_may_be_deleted_while_its_batch_runs(client: OpenAI) -> None:
    batch = submit(client, chat_rows(3))
    client.files.delete(str(batch.input_file_id))
    assert ended(client, batch).status == "completed"


def test_state_survives_a_restart(tmp_path: Path) -> None:
    with running(speed=2, state=tmp_path, file_pending_seconds=0) as service, v1_client(service) as client:
        waiting = submit(client, chat_rows(4))
        service.force(waiting.id, "in_progress")
        assert service.stop() == 0
    with running(speed=4000, state=tmp_path) as service, v1_client(service) as client:
        batch = ended(client, client.batches.retrieve(waiting.id))
        assert batch.status == "completed"
        assert len(lines(client, batch.output_file_id)) == 4
        assert service.counters()["batches_created"] == 1


def test_without_a_state_directory_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with running(speed=4000) as service, v1_client(service) as client:
        run(client, chat_rows(3))
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_service_cleanly(number: signal.Signals) -> None:
    with running() as service, v1_client(service) as client:
        submitted = submit(client, chat_rows(3)) if number == signal.SIGTERM else None
        service.process.send_signal(number)
        assert service.process.wait(20) == 0
        assert submitted is None or submitted.status == "validating"


def test_a_stop_does_not_wait_for_slow_answers() -> None:
    with running(plan={"calls": [{"operation": "list_files", "delay_seconds": 600}]}) as service:
        address = urlsplit(service.url)
        with socket.create_connection((address.hostname, address.port)) as waiting:
            waiting.sendall(
                f"GET /openai/v1/files HTTP/1.1\r\nhost: x\r\napi-key: {service.key}\r\n\r\n".encode()
            )
            service.counters()
            assert service.stop() == 0
