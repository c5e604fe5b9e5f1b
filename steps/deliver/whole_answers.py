"""Results that are nothing but the answers of the shards, one after the other: the account copies what it can.

The first shard's are copied within the work container, the others' are written behind them, and the whole is copied to where
people look: there it appears complete.
Why: docs/decisions/0018-a-large-files-bytes-are-written-once.md
"""

from collections.abc import Sequence

from adapters.storage.account import Storage
from adapters.storage.blobs import BlobWriter, Container
from domain import names
from domain.errors import PipelineError
from steps.deliver.copying import have_copied


def put_together(key: str, answers: Sequence[tuple[str, int]], target: str, storage: Storage) -> None:
    """Write the results of a file from the blobs of its shards' answers, in their order, of which each has so many bytes.

    Raises PassingError while a copy is still being made, PipelineError for answers that are not what was collected.
    """
    work, (first, _), *others = storage.work, *answers
    if others:
        first, parts = names.answers_together(key), [name for name, _ in others]
        writer = _behind_a_copy(work, answers[0][0], first)
        if writer is None:
            writer, parts = work.writer(first), [name for name, _ in answers]
        with writer as together:
            for name in parts:
                for piece in work.chunks(name):
                    together.write(piece)
    size, expected = work.entry(first).size, sum(size for _, size in answers)
    if size != expected:
        raise PipelineError(
            f"The answers have {size} bytes where {expected} were collected.", code="outcome_mismatch"
        )
    processed = storage.processed
    have_copied(lambda: processed.copy_from(work, first, target, metadata={}), processed, target)


def _behind_a_copy(work: Container, source: str, name: str) -> BlobWriter | None:
    """Begin a blob with a copy of another one; None where that is not done at once, or cannot be gone on with."""
    if work.copy_from(work, source, name, metadata={}) != "success":
        return None
    return work.continuation(name)
