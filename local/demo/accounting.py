"""Check that every request came back exactly once, was paid once, and left nothing behind. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What came back for one input file: the parsed lines of its output and its error files."""

    outputs: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)


def requests_in(content: str) -> dict[int, str | None]:
    """Return the requests of a batch input file as line number, from 1, to custom_id; blank lines are none.

    The custom_id is None where the line is no JSON object or names none.
    """
    lines = enumerate(content.split("\n"), start=1)
    return {number: _custom_id(line) for number, line in lines if line.strip()}


def check_file(path: str, content: str, returned: Returned) -> list[str]:
    """Return what is wrong with what came back for an input file: one sentence for each request lost, doubled or unknown.

    An error record stands for the line it names, an output line for a line with its custom_id that no error names.
    """
    expected = requests_in(content)
    open_lines = dict(expected)
    wrong = []
    for record in returned.errors:
        number = _line_of(record, open_lines)
        if number in open_lines:
            del open_lines[number]
        elif number in expected:
            wrong.append(f"{path}: line {number} has more than one error")
        else:
            wrong.append(f"{path}: an error names {_named(record)}, which the file does not have")
    for record in returned.outputs:
        number = _line_with(record.get("custom_id"), open_lines)
        if number is not None:
            del open_lines[number]
        elif record.get("custom_id") in expected.values():
            wrong.append(f"{path}: {_named(record)} came back more often than it was asked")
        else:
            wrong.append(f"{path}: the output has {_named(record)}, which the file does not have")
    wrong += [
        f"{path}: line {number} ({custom_id}) did not come back" for number, custom_id in open_lines.items()
    ]
    return wrong


def check_left_in_input(dropped: Iterable[str], in_input: Iterable[str]) -> list[str]:
    """Return a sentence for each dropped file that is still in the input container."""
    return [f"{path}: still in the input container" for path in sorted(set(dropped) & set(in_input))]


def check_service(counters: Mapping[str, Any], results: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what the service holds against us, from its counters: work paid twice, files left behind.

    `results` are all records that came back; each was served once. Rows of different tables share their custom_ids.
    """
    wrong = []
    for content, batch_ids in counters.get("batches_by_content", {}).items():
        if len(batch_ids) > 1:
            wrong.append(
                f"service: {len(batch_ids)} batches were created for the same input ({content[:12]})"
            )
    returned = Counter(record.get("custom_id") for record in results)
    answers, live = counters.get("answers", {}), counters.get("live_answers", {})
    for custom_id, times in answers.get("served_more_than_once", {}).items():
        if times > max(1, returned[custom_id]):
            wrong.append(f"service: {custom_id} was answered {times} times")
    for text, times in live.get("served_more_than_once", {}).items():
        wrong.append(f"service: {text!r} was answered live {times} times")
    served = answers.get("requests_served", 0) + live.get("requests_served", 0)
    if served != returned.total():
        wrong.append(f"service: {served} requests were answered, but {returned.total()} results came back")
    for purpose, names in counters.get("files", {}).items():
        if names:
            wrong.append(f"service: {len(names)} files of purpose {purpose} are left")
    return wrong


def _custom_id(line: str) -> str | None:
    try:
        request = json.loads(line)
    except json.JSONDecodeError:
        return None
    return request.get("custom_id") if isinstance(request, dict) else None


def _line_of(record: Mapping[str, Any], open_lines: Mapping[int, str | None]) -> int | None:
    """Return the line an error record is about; one that names no line is found by its custom_id."""
    number: int | None = record.get("line")
    return number if number is not None else _line_with(record.get("custom_id"), open_lines)


def _line_with(custom_id: str | None, open_lines: Mapping[int, str | None]) -> int | None:
    return next((number for number, other in open_lines.items() if other == custom_id), None)


def _named(record: Mapping[str, Any]) -> str:
    custom_id, line = record.get("custom_id"), record.get("line")
    return f"custom_id {custom_id}" if custom_id is not None else f"line {line}"
