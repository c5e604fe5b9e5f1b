"""What one file of this machine would take, found out by the app's own readers and rules."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from domain.errors import PipelineError
from domain.quotes import Quote
from domain.settings import Settings
from domain.spec.job_spec import JobSpec

PIECE_BYTES = 4 * 1024 * 1024  # as the app reads


class FileSource:
    """A file of this machine."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self._file.stat().st_size

    def chunks(self) -> Iterator[bytes]:
        """Stream it."""
        with self._file.open("rb") as content:
            while piece := content.read(PIECE_BYTES):
                yield piece

    def read_range(self, offset: int, length: int) -> bytes:
        """Read part of it."""
        with self._file.open("rb") as content:
            content.seek(offset)
            return content.read(length)


def quote_file(
    file: Path,
    path: str,
    read_governing: Callable[[], JobSpec | None],
    settings: Settings,
    *,
    job_spec: str | None = None,
    prompts: int = 3,
) -> Quote:
    """Quote one file, which would be the input file `path`. `job_spec` names the spec that `read_governing` reads."""
    # Slow to import, and not needed for a verb's help.
    from steps.quote.quoting import quote_source  # noqa: PLC0415 - see above

    return quote_source(FileSource(file), path, read_governing, settings, job_spec=job_spec, prompts=prompts)


def beyond_cost(quotes: Iterable[Quote], settings: Settings) -> PipelineError | None:
    """Say why a snapshot of all these files would hold some of them; None where it would not."""
    limit, cost = settings.max_cost_per_snapshot, sum(quote.cost or 0.0 for quote in quotes)
    if limit is None or cost <= limit:
        return None
    return PipelineError(
        f"All together may cost ${cost:,.2f}, more than MAX_COST_PER_SNAPSHOT (${limit:,.2f}): some would be held."
    )
