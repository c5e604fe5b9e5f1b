"""Import a shard: the service fetches it from a URL of our storage. Where it cannot, and the choice was ours, it is uploaded."""

import logging
from datetime import timedelta

from adapters.services import Services
from domain.contracts import ShardWork
from domain.errors import (
    ConfigurationError,
    NotFoundError,
    PassingError,
    PipelineError,
    RefusedError,
    UnsupportedError,
)
from domain.service.transports import AUTO, READING_REMEDY, Choice, TransportName
from steps.looking import looking
from steps.submit.file_transport import MAX_SPOILT_FILES, FileTransport
from steps.submit.ledger_session import LedgerSession
from steps.submit.upload_transport import UploadTransport

SIGNED_FOR = timedelta(hours=2)  # four times as long as a file is waited for

log = logging.getLogger(__name__)


class ImportTransport(FileTransport):
    """A file that the service fetches itself."""

    def __init__(self, work: ShardWork, session: LedgerSession, services: Services) -> None:
        super().__init__(work, session, services)
        self._upload = UploadTransport(work, session, services)

    def _send(self) -> tuple[str, str]:
        try:
            return self._api.import_from(self._filename, self._content_url())
        except (UnsupportedError, RefusedError) as error:
            self._upload_after(error)
        return self._upload._send()  # noqa: SLF001 - one transport steps in for another

    def _content_url(self) -> str:
        self._blobs.give_own_blob(self._work.key, self._shard)
        if self._settings.import_url == "identity":
            return self._urls.plain(self._shard.blob)
        return self._urls.signed(self._shard.blob, SIGNED_FOR)

    def _upload_after(self, error: UnsupportedError | RefusedError) -> None:
        """Upload after all: where the choice was ours, and where the operation is not documented.

        Raises ConfigurationError where an import was asked for that ought to work.
        """
        unsupported = isinstance(error, UnsupportedError)
        undocumented = unsupported and self._settings.azure_openai_api_version == "v1"
        if self._is_asked_for and not undocumented:
            raise ConfigurationError(f"{error} {READING_REMEDY}", code=error.code) from error
        log.warning("uploaded instead of imported: %s", error)
        if not unsupported:
            self._api.imports.failing = f"an import was refused ({error.code})"
        why = "the service knows no import in this api-version" if unsupported else "the import was refused"
        self._session.go(Choice(TransportName.UPLOAD, f"TRANSPORT={self._settings.transport}, but {why}"))
        self._session.write()

    def _spoilt(self, status: str, message: str) -> PipelineError:
        """Upload the next time, where the choice was ours.

        An import that was asked for is never given up: the service cannot read the account, which people can fix.
        """
        message = f"{message} {self._complaint()}".rstrip()
        if not self._is_asked_for:
            self._api.imports.failing = f"an import ended in state {status!r}"
            self._session.go(Choice(TransportName.UPLOAD, f"auto: {self._api.imports.failing}"))
        elif self._session.ledger.submission >= MAX_SPOILT_FILES:
            return ConfigurationError(f"{message} {READING_REMEDY}", code="import_failed")
        return PassingError(message, code="file_error")

    @property
    def _is_asked_for(self) -> bool:
        return self._settings.transport != AUTO

    def _complaint(self) -> str:
        """Give what the service says about the file."""
        file_id = self._session.ledger.input_file_id
        try:
            with looking():
                return self._api.file_complaint(file_id) if file_id else ""
        except NotFoundError:
            return ""
