"""What can go wrong between the host and the people who use it.

HostError                    a person has to put something right; the text is the whole message
├── ConfigError              host.json, local.settings.json, a setting
├── AppLoadError             function_app.py, or one function in it
└── StateError               the state folder
RequestError                 a caller asked for something that cannot be; the text is the answer
├── InvalidRequestError      instance id, input or query is malformed
├── InstanceNotFoundError    no instance of that id
├── InstanceExistsError      an instance of that id has not finished
├── InstanceNotFinalError    the instance has not finished
├── InstanceStateError       the instance is paused already, or under way already
├── InstanceFinishedError    the instance has finished, or never can do what was asked
└── NotSupportedError        Azure has it, this host does not
WorkerError                  the worker could not call a function, or the function raised; the text is the worker's
NonDeterministicError        the orchestrator's code no longer does what its history says
"""


class HostError(Exception):
    """The host cannot run until a person changes something; the text says what."""


class ConfigError(HostError):
    """A configuration file or a setting is wrong or missing."""


class AppLoadError(HostError):
    """The app, or one of its functions, would not load in Azure either (or is not supported here)."""

    def __init__(self, reason: str, *, function: str | None = None) -> None:
        self.function = function
        super().__init__(f"cannot load the function {function!r}: {reason}" if function else reason)


class StateError(HostError):
    """The state folder cannot be used."""


class RequestError(Exception):
    """A request to the management API that is answered with an error."""


class InvalidRequestError(RequestError):
    """A part of the request is malformed."""


class InstanceNotFoundError(RequestError):
    """There is no orchestration instance with the id asked for."""


class InstanceExistsError(RequestError):
    """An unfinished orchestration instance has the id asked for."""


class InstanceNotFinalError(RequestError):
    """The orchestration instance has not finished, and what was asked for is for those that have."""


class InstanceStateError(RequestError):
    """The orchestration instance is where it was asked to go."""


class InstanceFinishedError(RequestError):
    """The orchestration instance has finished and takes no more messages."""


class NotSupportedError(RequestError):
    """Azure can do what was asked, this host cannot."""


class WorkerError(Exception):
    """The worker's report of an error, most often one of the app's code: type and text, and the trace as text."""

    def __init__(self, message: str, stack_trace: str = "") -> None:
        self.stack_trace = stack_trace
        super().__init__(message)


class NonDeterministicError(Exception):
    """An orchestrator's decisions differ from the ones in its history."""
