"""Upload a shard: the app sends the bytes. Needs nothing but the service."""

from domain.errors import PassingError, PipelineError, RefusedError
from steps.submit.file_transport import MAX_SPOILT_FILES, FileTransport


class UploadTransport(FileTransport):
    """A file that is uploaded."""

    def _send(self) -> tuple[str, str]:
        return self._api.upload(self._filename, self._blobs.shard_stream(self._work.key, self._shard))

    def _spoilt(self, status: str, message: str) -> PipelineError:
        """Upload again a few times; then it is the content that the service does not take."""
        del status  # the message has it
        if self._session.ledger.submission >= MAX_SPOILT_FILES:
            raise RefusedError(message, code="file_error")
        return PassingError(message, code="file_error")
