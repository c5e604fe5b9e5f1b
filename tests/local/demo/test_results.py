"""What came out is shown as a tree and in examples that fit a screen."""

import io
import json
from datetime import date

import pyarrow as pa
from pyarrow import parquet
from rich.console import Console

from local.demo.results import container_tree, cropped, show_example


def printed(tree_or_example: object) -> str:
    written = io.StringIO()
    Console(file=written, width=100).print(tree_or_example)
    return written.getvalue()


def test_folders_are_named_once_and_hold_their_files() -> None:
    sizes = {"a/x_1/x.jsonl": 5, "a/x_1/x_output.jsonl": 70_000, "b.txt": 1}
    assert [line.rstrip() for line in printed(container_tree("processed", sizes)).splitlines()] == [
        "processed/",
        "├── a/",
        "│   └── x_1/",
        "│       ├── x.jsonl  5 bytes",
        "│       └── x_output.jsonl  70.0 kB",
        "└── b.txt  1 byte",
    ]


def test_an_empty_container_is_a_tree_of_its_name() -> None:
    assert printed(container_tree("error", {})) == "error/\n"


def test_long_texts_are_cut_wherever_they_are() -> None:
    assert cropped({"a": ["x" * 500, 7]}) == {"a": ["x" * 160 + "...", 7]}


def test_what_lies_deep_is_left_out() -> None:
    assert cropped({"a": {"b": [1], "c": {}}}, depth=2) == {"a": {"b": "...", "c": {}}}


def test_of_a_file_of_records_the_first_is_shown() -> None:
    written = io.StringIO()
    show_example(
        Console(file=written, width=100),
        "processed/a_output.jsonl",
        '{"custom_id": "ä"}\n{"custom_id": "b"}\n'.encode(),
    )
    assert '"custom_id": "ä"' in written.getvalue()
    assert '"b"' not in written.getvalue()
    assert "the first of 2 records" in written.getvalue()


def test_a_record_of_a_parquet_file_is_shown_as_json_with_its_dates_as_text() -> None:
    sink, written = io.BytesIO(), io.StringIO()
    parquet.write_table(pa.table({"day": [date(2026, 3, 1)], "vector": [[0.5] * 5]}), sink)
    show_example(Console(file=written, width=100), "processed/a_output.parquet", sink.getvalue())
    assert '"day": "2026-03-01"' in written.getvalue()
    assert '"... 2 more"' in written.getvalue()


def test_a_job_spec_is_shown_as_it_is() -> None:
    written = io.StringIO()
    show_example(Console(file=written, width=100), "input/_batch.yaml", b'input: "{{ [red] }}"\n')
    assert 'input: "{{ [red] }}"' in written.getvalue()


def test_of_a_long_file_the_end_is_counted() -> None:
    written = io.StringIO()
    show_example(
        Console(file=written, width=100),
        "processed/a_metadata.json",
        json.dumps({str(n): n for n in range(98)}).encode(),
    )
    assert "60 more lines" in written.getvalue()
