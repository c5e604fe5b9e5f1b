"""The errors of the pipeline, named by what has to happen next.

PipelineError
├── SettingsError          the app cannot start work; every mistake in one message
├── InputFileError         this input file cannot be processed; permanent, costs that file
├── RowTemplateError       this row cannot become a request; permanent, costs that row
├── JobSpecError           the job spec is wrong; every mistake in one error, its files wait until it is fixed
├── PassingError           a fault that passes by itself: wait and do it again
│   └── LostAnswerError    the effect may have happened: look before doing it again
├── NeedsOwnProcessError   it would hold up or take down what runs beside it: it is begun again alone
├── SetAsideError          it stopped its worker again and again; permanent, its file waits for a person or another version
├── QuotaFullError         no room in the service now: back-pressure, not failure
├── ConfigurationError     someone has to change a setting, a role or a deployment
│   ├── UnsupportedError   the service does not know this operation
│   └── MissingContainerError  a container of the data account is not there
├── RefusedError           the service says no to this content; doing it again changes nothing
├── NotFoundError          the thing asked for is not there
├── ConflictError          it was changed by another first (ETag, If-None-Match)
└── BlockedError           storage keeps it as it is: a lease, a legal hold, retention, the archive tier
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

# The code of an error about an answer that is not the service's own.
FOREIGN_ANSWER = "foreign_answer"


class PipelineError(Exception):
    """Anything this pipeline raises on purpose. `code` is stable, the text is for people.

    `permanent`: doing the same again soon ends the same way.
    """

    code = "pipeline_error"
    permanent = True

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(writable(without_secrets(message)))
        self.code = code or type(self).code


# A shared access signature's own part of a URL or a connection string, and an account's key.
_SECRET = re.compile(r"""(?i)\b(sig(?:=|%3d)|accountkey=)[^&\s"'<>;,)]+""")


def without_secrets(text: str) -> str:
    """Give a text without the signatures and keys that URLs and connection strings in it may hold."""
    return _SECRET.sub(r"\1…", text)


def writable(message: str) -> str:
    """Give a message that can be written down as UTF-8, even where it quotes halves of characters."""
    return message.encode("utf-8", "backslashreplace").decode()


class SettingsError(PipelineError):
    """Settings are missing or wrong; the message lists all of them. Work waits until they are fixed."""

    code = "settings"
    permanent = False


class InputFileError(PipelineError):
    """The input file as a whole cannot become requests."""

    code = "input_file"


class RowTemplateError(PipelineError):
    """This row cannot become a request: `missing_column`, `template_error`, `empty_input` or `row_too_long`."""

    code = "template_error"


class SpecMistake(NamedTuple):
    """One mistake in a job spec: where in the document, and what was found against what may be there."""

    path: str  # `messages[1].role`; empty for the document as a whole
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class JobSpecError(PipelineError):
    """A job spec has mistakes; `mistakes` holds all of them. Its files wait until it is fixed."""

    code = "job_spec"
    permanent = False

    def __init__(self, name: str, mistakes: Sequence[SpecMistake]) -> None:
        super().__init__(f"{name} needs attention:\n  " + "\n  ".join(map(str, mistakes)))
        self.name = name
        self.mistakes = tuple(mistakes)


class PassingError(PipelineError):
    """A fault that passes by itself. `retry_after` is in seconds when the service named a time."""

    code = "passing"
    permanent = False

    def __init__(self, message: str, *, code: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class LostAnswerError(PassingError):
    """The call was sent and its answer says nothing: the effect may or may not have happened.

    `doubt_seconds`: how long the effect may still show up at the service.
    """

    code = "lost_answer"
    longest_doubt_seconds = 30.0

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        doubt_seconds: float = longest_doubt_seconds,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code=code, retry_after=retry_after)
        self.doubt_seconds = doubt_seconds


class NeedsOwnProcessError(PipelineError):
    """A step must not go on beside others: it takes long, or may take all memory. It is begun again in a process of its own."""

    code = "runs_alone"
    permanent = False


class SetAsideError(PipelineError):
    """A step that stopped the process that it ran in, again and again. It is not tried once more by this version of the app."""

    code = "set_aside"


class QuotaFullError(PipelineError):
    """The service has no room now: enqueued tokens or number of files."""

    code = "quota_full"
    permanent = False


class ConfigurationError(PipelineError):
    """Nothing will work until a person fixes a setting, a role or a deployment; the message says which.

    Not permanent: it is asked again until it is fixed. `of_storage`: it is the data account that does not let the app do this to
    this blob, which says nothing about the service.
    """

    code = "configuration"
    permanent = False

    def __init__(self, message: str, *, code: str | None = None, of_storage: bool = False) -> None:
        super().__init__(message, code=code)
        self.of_storage = of_storage


class UnsupportedError(ConfigurationError):
    """The service has no such operation, in this api-version at least."""

    code = "unsupported"


class MissingContainerError(ConfigurationError):
    """A container is not there, which says nothing about the blobs that were in it: it may be restored."""

    code = "no_container"


class RefusedError(PipelineError):
    """The service refused this content; it would refuse it again."""

    code = "refused"


class NotFoundError(PipelineError):
    """The blob, file or batch is not there."""

    code = "not_found"


class ConflictError(PipelineError):
    """Another process was first."""

    code = "conflict"


class BlockedError(PipelineError):
    """Storage does not let this blob be read, changed or deleted for now; `code` is storage's word for why.

    Not permanent: a lease is broken, a hold ends, a blob comes back from the archive tier. It says nothing about versions.
    """

    code = "blocked"
    permanent = False
