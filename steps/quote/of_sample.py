"""Quote a file that is not in the input container yet, by all of it or by its beginning. Nothing of it is kept."""

from collections.abc import Iterator

from adapters.services import Services
from domain import names
from domain.errors import ConflictError, JobSpecError, SpecMistake
from domain.quotes import Quote, QuoteRequest
from domain.records import SpecBlob
from domain.spec.job_spec import MISNAMED, JobSpec, nearest_spec, parse_spec
from formats.file_types import Format, file_type
from steps.intake.survey import list_inputs
from steps.job_specs import read_spec
from steps.quote.quoting import quote_source

BY_LINES = frozenset({Format.CSV, Format.TSV, Format.JSONL, Format.TXT})
WIDE = (b"\xff\xfe", b"\xfe\xff")  # UTF-16, where a line end is no single byte


class SampleSource:
    """Bytes at hand."""

    def __init__(self, content: bytes) -> None:
        self._content, self.size = content, len(content)

    def chunks(self) -> Iterator[bytes]:
        """Give all of them."""
        yield self._content

    def read_range(self, offset: int, length: int) -> bytes:
        """Give part of them."""
        return self._content[offset : offset + length]


def quote_sample(request: QuoteRequest, services: Services) -> Quote:
    """Quote a file of which the call brought `content`, under the job specs that come with it and those that are there.

    Raises ConflictError where a beginning says nothing about the rest.
    """
    content, settings = request.content or b"", services.settings
    is_whole = request.size <= len(content)
    if not is_whole:
        content = whole_lines(content, request.path)
    there = list_inputs(services)[1].governing(request.path)
    spec = governing(request.path, [*request.specs, *([there.path] if there else [])])

    def read_governing() -> JobSpec | None:
        if spec is None:
            return None
        if spec not in request.specs:
            assert there is not None
            return read_spec(
                services.storage.input, SpecBlob(path=spec, etag=there.etag), settings.spec_defaults
            )
        if names.is_nearly_a_job_spec(spec):
            raise JobSpecError(spec, [SpecMistake("", MISNAMED)])
        return parse_spec(request.specs[spec], spec, settings.spec_defaults)

    return quote_source(
        SampleSource(content),
        request.path,
        read_governing,
        settings,
        job_spec=spec,
        prompts=request.prompts,
        whole_size=None if is_whole else request.size,
    )


def governing(path: str, specs: list[str]) -> str | None:
    """Name the job spec that will count for a file."""
    misnamed = {name.rpartition("/")[0]: name for name in specs if names.is_nearly_a_job_spec(name)}
    return nearest_spec(path, [name for name in specs if name not in misnamed.values()], misnamed)


def whole_lines(content: bytes, path: str) -> bytes:
    """Leave off the line that is cut at the end, quoted line ends included. Raises ConflictError where lines are not what a file is made of."""
    kind = file_type(path)
    if kind is None or kind.gzipped or kind.format not in BY_LINES or content.startswith(WIDE):
        raise ConflictError(
            "Only a small file of this kind can be quoted before it is there: `aoai-batch quote` reads all of it.",
            code="too_large",
        )
    end = content.rfind(b"\n")
    if kind.format in (Format.CSV, Format.TSV):
        while end > 0 and content.count(b'"', 0, end) % 2:
            end = content.rfind(b"\n", 0, end)
    if end < 0:
        raise ConflictError("Its first line is longer than what can be quoted here.", code="too_large")
    return content[: end + 1]
