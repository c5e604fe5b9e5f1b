"""What people and programs read: metadata documents and error records."""

import json
from typing import Any

import msgspec
import pytest

from domain.errors import InputFileError
from domain.records import BatchRecord
from domain.results import error_records
from domain.results.metadata import Metadata, batch_metadata, iso, outcome_counts, schema
from domain.service.outcomes import Outcome, ShardOutcome, Tally
from domain.service.request_lines import BadLine

METADATA = Metadata(
    file="a.jsonl",
    etag="0x1",
    size_bytes=10,
    snapshot="snapshot-1",
    status="completed",
    requests=6,
    outcomes=outcome_counts(Tally(ok=1, failed=1, invalid=1, expired=1, cancelled=1, missing=1)),
    pipeline_version="0.1.0",
)


def definitions() -> dict[str, Any]:
    return json.loads(json.dumps(schema()))["$defs"]  # type: ignore[no-any-return]


def test_outcomes_are_named_and_add_up_to_the_requests() -> None:
    assert set(METADATA.outcomes) == {outcome.value for outcome in Outcome}
    assert sum(METADATA.outcomes.values()) == METADATA.requests


def test_the_schema_describes_what_is_written() -> None:
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    METADATA.batches = [
        batch_metadata(
            BatchRecord(batch_id="b", input_file_id="f", submitted_at=0.0), shard="0000", attempt=1
        )
    ]
    written = json.loads(msgspec.json.encode(METADATA))
    described = definitions()
    for document, name in ((written, "Metadata"), (written["batches"][0], "BatchMetadata")):
        assert set(document) == set(described[name]["properties"])
        assert set(described[name]["required"]) <= set(document)


def test_a_batch_is_described_with_its_times_in_utc() -> None:
    record = BatchRecord(
        batch_id="b",
        input_file_id="f",
        submitted_at=1_790_000_000.25,
        status="completed",
        ended_seen_at=1_790_000_060.0,
    )
    told = batch_metadata(record, shard="0000.1", attempt=2)
    assert told.submitted_at == "2026-09-21T14:13:20.250Z"
    assert told.ended_at == "2026-09-21T14:14:20.000Z"
    assert (told.shard, told.attempt, told.status) == ("0000.1", 2, "completed")


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0, "1970-01-01T00:00:00.000Z"), (0.9996, "1970-01-01T00:00:00.999Z")]
)
def test_moments_are_written_to_the_millisecond(seconds: float, expected: str) -> None:
    assert iso(seconds) == expected


# --- error records ---------------------------------------------------------------------------------------------------

KEYS = ["file", "line", "custom_id", "outcome", "code", "message", "attempts", "request"]


def read(record: bytes) -> dict[str, Any]:
    assert record.endswith(b"\n")
    assert record.count(b"\n") == 1
    told = json.loads(record)
    assert list(told) == KEYS
    return told  # type: ignore[no-any-return]


def test_a_request_that_failed_is_told_with_the_request_itself() -> None:
    ended = ShardOutcome(
        custom_id="a", outcome=Outcome.FAILED, code="content_filter", message="No.", attempts=2
    )
    line = b'{"custom_id": "a", "n": 1.10}'
    record = error_records.of_outcome("x/a.jsonl", 7, line, ended)
    assert line in record
    assert read(record) == {
        "file": "x/a.jsonl",
        "line": 7,
        "custom_id": "a",
        "outcome": "failed",
        "code": "content_filter",
        "message": "No.",
        "attempts": 2,
        "request": {"custom_id": "a", "n": 1.1},
    }


def test_an_outcome_that_says_little_still_makes_a_whole_record() -> None:
    told = read(error_records.of_outcome("a", 1, b"{}", ShardOutcome(custom_id="a")))
    assert (told["outcome"], told["code"], told["message"]) == ("missing", "unknown", "")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b'{"custom_id":"a","method":"GET"}', {"custom_id": "a", "method": "GET"}),
        (b"[1, 2]", [1, 2]),
        (b"not json", "not json"),
        (b"caf\xe9 \x00", "caf\ufffd \x00"),
        (b"[" * 100_000, "[" * error_records.MAX_SHOWN_CHARS + "…"),
        ("é".encode() * 3000, "é" * error_records.MAX_SHOWN_CHARS + "…"),
    ],
)
def test_a_bad_line_is_shown_as_json_or_as_the_beginning_of_its_text(line: bytes, shown: Any) -> None:
    lines: list[bytes] = []
    error_records.BadRecords("a", 0, lines.append).add_line(BadLine(3, "invalid_request", "No.", line, "id"))
    (told,) = map(read, lines)
    assert told["request"] == shown
    assert (told["outcome"], told["attempts"], told["line"], told["custom_id"]) == ("invalid", 0, 3, "id")


LONG = "long" * error_records.MAX_SHOWN_CHARS
CUT = LONG[: error_records.MAX_SHOWN_CHARS] + "…"


@pytest.mark.parametrize(
    ("values", "cut"),
    [
        ({"id": 7, "text": LONG, "none": None}, {"id": 7, "text": CUT, "none": None}),
        ({"texts": [LONG]}, {"texts": '["' + LONG[: error_records.MAX_SHOWN_CHARS - 2] + "…"}),
        ({"short": "short"}, {"short": "short"}),
    ],
)
@pytest.mark.parametrize("size", [0, 20_000])
def test_bad_rows_are_shown_whole_until_they_are_much_more_than_their_file(
    monkeypatch: pytest.MonkeyPatch, size: int, values: dict[str, Any], cut: dict[str, Any]
) -> None:
    monkeypatch.setattr(error_records, "WHOLE_BYTES", 40_000)
    lines: list[bytes] = []
    bad = error_records.BadRecords("a", size, lines.append)
    for row in range(100):
        bad.add_row(row, None, InputFileError("No.", code="template_error"), values)
    shown = [json.loads(line)["request"] for line in lines]
    whole = len([request for request in shown if request == values])
    assert shown == [values] * whole + [cut] * (100 - whole)
    bound = max(40_000, error_records.WHOLE_TIMES * size)
    assert sum(map(len, lines[:whole])) <= bound
    assert whole == 100 or sum(map(len, lines[:whole])) + len(lines[0]) > bound


def test_a_file_that_never_had_lines_has_one_record() -> None:
    told = read(error_records.of_file("a.csv", "unsupported_type", "Not read."))
    assert (told["line"], told["custom_id"], told["request"]) == (None, None, None)
