"""The line that a file leaves behind in its snapshot's list of finished files: what became of it, without opening anything else."""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain.results.metadata import Metadata
from domain.service.outcomes import Tally

MOST_BATCHES = 100  # of one file in its line; the metadata document has all
MOST_REASON_CHARS = 500

FinishedState = Literal["done", "rejected", "held"]


class OutputNames(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Blob names. Results lie in the processed container, errors and retry file in the error one, the rest with the file's end.

    `joined_…`: of a retry, its results together with those of the first file.
    """

    results: str | None = None
    errors: str | None = None
    retry: str | None = None
    metadata: str | None = None
    input: str | None = None
    joined_results: str | None = None
    joined_errors: str | None = None


class FinishedFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line: a file that is done, rejected as a whole, or set aside for now."""

    key: str
    path: str
    state: FinishedState
    at: Annotated[float, Meta(description="When the line was written; epoch seconds.")] = 0.0
    reason: Annotated[str, Meta(description="Why it was rejected or set aside.")] = ""
    size_bytes: int = 0
    requests: int = 0
    outcomes: Annotated[dict[str, int], Meta(description="Requests per outcome, without those of 0.")] = {}
    error_codes: Annotated[dict[str, int], Meta(description="Errors per code.")] = {}
    truncated: Annotated[int, Meta(description="Answers cut at the token limit; they count as ok.")] = 0
    filtered: Annotated[int, Meta(description="Answers that a filter has cut; they count as ok.")] = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    deployment: str | None = None
    cost: Annotated[float | None, Meta(description="US dollars; null without a price.")] = None
    estimated_cost: float | None = None
    started_at: Annotated[str | None, Meta(description="First submission; UTC, ISO 8601.")] = None
    finished_at: Annotated[str | None, Meta(description="Last batch seen ended; UTC, ISO 8601.")] = None
    batch_count: int = 0
    batches: Annotated[list[str], Meta(description=f"Ids of its batches, at most {MOST_BATCHES}.")] = []
    outputs: OutputNames = OutputNames()
    retry_of: Annotated[str | None, Meta(description="File key of the run whose failed rows these are.")] = (
        None
    )

    @property
    def errors(self) -> int:
        """Requests that did not end well."""
        return sum(self.outcomes.values()) - self.outcomes.get("ok", 0)

    @property
    def tally(self) -> Tally:
        """The counts of its requests."""
        return Tally(
            **self.outcomes,
            truncated=self.truncated,
            filtered=self.filtered,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cached_tokens=self.cached_tokens,
        )


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(FinishedFile).decode


def finished_file(key: str, metadata: Metadata, *, document: str, at: float) -> FinishedFile:
    """Sum a file up; `document` is the name of its metadata document."""
    batches = [batch.batch_id for batch in metadata.batches]
    return FinishedFile(
        key=key,
        path=metadata.file,
        state="rejected" if metadata.status == "rejected" else "done",
        at=at,
        reason=(metadata.reason or "")[:MOST_REASON_CHARS],
        size_bytes=metadata.size_bytes,
        requests=metadata.requests,
        outcomes={outcome: count for outcome, count in metadata.outcomes.items() if count},
        error_codes=metadata.error_codes,
        truncated=metadata.truncated,
        filtered=metadata.filtered,
        input_tokens=metadata.input_tokens,
        output_tokens=metadata.output_tokens,
        cached_tokens=metadata.cached_tokens,
        deployment=metadata.deployment,
        cost=metadata.cost,
        estimated_cost=metadata.estimated_cost,
        started_at=metadata.started_at,
        finished_at=metadata.finished_at,
        batch_count=len(batches),
        batches=batches[:MOST_BATCHES],
        outputs=OutputNames(
            results=metadata.results,
            errors=metadata.errors,
            retry=metadata.retry,
            metadata=document,
            input=metadata.archived_input,
            joined_results=metadata.joined.results if metadata.joined else None,
            joined_errors=metadata.joined.errors if metadata.joined else None,
        ),
        retry_of=metadata.retry_of,
    )


def to_line(file: FinishedFile) -> bytes:
    """Write a line, its end included."""
    return _encode(file) + b"\n"


def of_line(line: bytes) -> FinishedFile:
    """Read a line back. Raises msgspec.MsgspecError for what is none."""
    return _decode(line)


def whole_lines(content: bytes) -> tuple[list[bytes], int]:
    """Give the lines that are complete, and how many bytes they are together with their ends."""
    end = content.rfind(b"\n") + 1
    return [line for line in content[:end].split(b"\n") if line], end


def read_lines(lines: list[bytes]) -> Iterator[tuple[FinishedFile, bytes]]:
    """Read lines, leaving out what is none: a list is there to be looked at, whatever was written into it."""
    for line in lines:
        try:
            yield of_line(line), line
        except msgspec.MsgspecError:
            continue
