"""Results are read again as they were written, so that they can be written again with others."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InputFileError
from formats.joining import open_joined
from formats.sinks import Sink
from formats.text.csv_results import CsvResults
from formats.written_results import ResultsSink, open_written
from formats.xlsx_results import XlsxResults
from tests.formats.memory_files import MemoryFile

COLUMNS = ["file", "row", "chat", ' odd,\n"name" ', "=x"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["=1+1", "'=1", "_x000D_", "a\r\nb", "\x00", "語" * 40_000, "007", '"']
)
VALUES = TEXTS | st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False)
RECORDS = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, VALUES)), max_size=4)
WRITERS: dict[str, Callable[[Sink, Sequence[str]], ResultsSink]] = {"csv": CsvResults, "xlsx": XlsxResults}


def written(form: str, records: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    results = WRITERS[form](sink, COLUMNS)
    for record in records:
        results.add(record)
    results.close()
    return sink.getvalue()


@pytest.mark.parametrize("form", WRITERS)
@given(records=RECORDS)
def test_written_again_they_are_the_same(form: str, records: list[dict[str, Any]]) -> None:
    content = written(form, records)
    opened = open_written(MemoryFile(content), form)
    again = io.BytesIO()
    results = open_joined(again, form, [opened])
    for record in opened.records:
        results.add(record)
    results.close()
    assert again.getvalue() == content


@pytest.mark.parametrize("content", [b"no zip", written("csv", [])])
def test_a_workbook_of_another_program_is_refused(content: bytes) -> None:
    with pytest.raises(InputFileError, match="not as it was written"):
        open_written(MemoryFile(content), "xlsx")
