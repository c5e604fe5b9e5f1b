"""What is announced when a blob appears is there by then: `docs/events.md`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from adapters.storage.blobs import BlobWriter, Container
from samples.receive_events import meaning
from tests.activities.conftest import MakePipeline
from tests.activities.request_files import requests

if TYPE_CHECKING:
    from tests.activities.inline_pipeline import InlinePipeline

PAGE = Path(__file__).resolve().parents[2] / "docs" / "events.md"


@pytest.fixture
def appeared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The blobs that have appeared, in their order: container and name."""
    found: list[tuple[str, str]] = []

    def noted(
        genuine: Callable[..., Any], of: Callable[[Any], tuple[Container, str | None]]
    ) -> Callable[..., Any]:
        def call(self: Any, *arguments: Any, **options: Any) -> Any:
            answer = genuine(self, *arguments, **options)
            container, name = of(self)
            found.append((container.name, name or arguments[0]))
            return answer

        return call

    monkeypatch.setattr(Container, "write", noted(Container.write, lambda self: (self, None)))
    monkeypatch.setattr(
        BlobWriter, "close", noted(BlobWriter.close, lambda self: (self._container, self._name))
    )
    genuine_copy = Container.copy_from

    def copied(self: Container, source: Container, source_name: str, name: str, **options: Any) -> str:
        answer = genuine_copy(self, source, source_name, name, **options)
        found.append((self.name, name))
        return answer

    monkeypatch.setattr(Container, "copy_from", copied)
    return found


BAD_LINE = b"{\n"
FILES = {
    "answered": ("x/a.jsonl", requests(["a", "b"])),
    "with errors": ("x/a.jsonl", requests(["a", "b"]) + BAD_LINE),
    "a table": ("x/a.csv", b"text\nfirst words of it\nothers\n"),
    "rejected": ("x/a.jsonl", BAD_LINE),
}


@pytest.mark.parametrize(("path", "content"), FILES.values(), ids=FILES.keys())
def test_the_metadata_appear_when_all_that_they_name_is_there(
    make_pipeline: MakePipeline, appeared: list[tuple[str, str]], path: str, content: bytes
) -> None:
    pipeline: InlinePipeline = make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt-4o-mini-batch")
    pipeline.drop(path, content)
    pipeline.run()
    outputs = {pipeline.storage.processed.name, pipeline.storage.error.name}
    written = [name for container, name in appeared if container in outputs]
    first = min(number for number, name in enumerate(written) if name.endswith("_metadata.json"))
    results = {name for name in written if name.endswith(("_output.jsonl", "_error.jsonl", "_retry.jsonl"))}
    assert results
    assert results <= set(written[:first])
    archived = [number for number, name in enumerate(written) if name.endswith(("/a.jsonl", "/a.csv"))]
    assert archived
    assert min(archived) > first
    last = [name for container, name in appeared if container == pipeline.storage.work.name][-1]
    assert last.endswith("/report.json")


def test_the_filter_of_the_page_takes_what_the_sample_takes() -> None:
    subject = "/blobServices/default/containers/processed/blobs/a.csv_20261124T031830.000Z/a_metadata.json"
    page = PAGE.read_text(encoding="utf-8")
    begin, end = "/blobServices/default/containers/processed/", "_metadata.json"
    assert f"--subject-begins-with {begin} --subject-ends-with {end}" in page
    assert subject.startswith(begin)
    assert subject.endswith(end)
    event = {"type": "Microsoft.Storage.BlobCreated", "subject": subject, "data": {"api": "PutBlob"}}
    assert meaning(event) == ("finished", "processed/a.csv_20261124T031830.000Z/a_metadata.json")
