"""What host and worker library say to each other, as Python classes: `FunctionRpc.proto`, as far as the library uses it.

In Azure these are protobuf classes, which no package publishes as they are today; the library is handed the module that holds them. It
finds the names here and no others, so a version of it that wants more fails at once and says what.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

_KINDS = frozenset({"string", "json", "bytes", "int", "double", "http", "model_binding_data"})


class TypedData:
    """A value with its kind. Without a kind it is nothing, which is not the same as null."""

    def __init__(self, **value: Any) -> None:
        """Take one keyword, the kind; or none. Raises TypeError for a kind that there is not."""
        if len(value) > 1 or not _KINDS.issuperset(value):
            raise TypeError(f"this is no kind of data: {', '.join(value)}")
        self.__dict__.update(value)

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - protobuf's name
        """Give the kind."""
        return next(iter(self.__dict__), None)

    @property
    def content(self) -> Any:
        """The value, of whatever kind."""
        return next(iter(self.__dict__.values()), None)


@dataclass(slots=True, kw_only=True)
class ParameterBinding:
    """The value of a function's parameter."""

    name: str
    data: TypedData | None

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 - protobuf's name
        """Say that the value is in the message, not in shared memory."""
        return "data"


# --- what the host asks ----------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class WorkerInitRequest:
    """Load the app."""

    function_app_directory: str
    capabilities: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class TraceContext:
    """The trace that a call belongs to: none."""

    trace_parent: str = ""
    trace_state: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class RetryContext:
    """The retry policy that a call is repeated by: none."""

    retry_count: int = 0
    max_retry_count: int = 0
    exception: None = None


@dataclass(slots=True, kw_only=True)
class InvocationRequest:
    """Call a function."""

    invocation_id: str
    function_id: str
    input_data: Sequence[ParameterBinding]
    trigger_metadata: Mapping[str, TypedData] = field(default_factory=dict)
    trace_context: TraceContext = field(default_factory=TraceContext)
    retry_context: RetryContext = field(default_factory=RetryContext)


@dataclass(slots=True, kw_only=True)
class HttpRequest:
    """The value of an HTTP trigger."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    params: Mapping[str, str]
    """Parts of the route."""
    body: TypedData


@dataclass(slots=True, kw_only=True)
class ModelBindingData:
    """What an extension sends in place of content: how a client for it is made. `content` is JSON text."""

    source: str
    content: str
    version: str = "1.0"
    content_type: str = "application/json"


# --- what the library answers ----------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class RpcException:
    """An error of the app, or of the library about the app."""

    message: str
    """Type and text."""
    stack_trace: str


@dataclass(slots=True, kw_only=True)
class StatusResult:
    """How a request ended."""

    Failure: ClassVar[int] = 0
    Success: ClassVar[int] = 1
    status: int
    exception: RpcException | None = None


@dataclass(slots=True, kw_only=True)
class WorkerMetadata:
    """Which worker this is."""

    runtime_name: str
    runtime_version: str
    worker_version: str
    worker_bitness: str
    custom_properties: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class WorkerInitResponse:
    """Whether the app could be loaded."""

    capabilities: Mapping[str, str]
    worker_metadata: WorkerMetadata
    result: StatusResult


@dataclass(slots=True, kw_only=True)
class BindingInfo:
    """A binding, short."""

    undefined: ClassVar[int] = 0
    out: ClassVar[int] = 1
    inout: ClassVar[int] = 2
    type: str
    data_type: int | None
    direction: int


@dataclass(slots=True, kw_only=True)
class RpcRetryOptions:
    """A function's retry policy."""

    max_retry_count: int
    retry_strategy: str
    delay_interval: Any = None
    minimum_interval: Any = None
    maximum_interval: Any = None


@dataclass(slots=True, kw_only=True)
class RpcFunctionMetadata:
    """A function of the app."""

    name: str
    function_id: str
    directory: str
    script_file: str
    entry_point: str
    language: str
    managed_dependency_enabled: bool
    is_proxy: bool
    bindings: Mapping[str, BindingInfo]
    raw_bindings: Sequence[str]
    """JSON, as in function.json."""
    retry_options: RpcRetryOptions | None
    properties: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class FunctionMetadataResponse:
    """The functions of the app; None where there is no app."""

    use_default_metadata_indexing: bool
    function_metadata_results: Sequence[RpcFunctionMetadata] | None
    result: StatusResult


@dataclass(slots=True, kw_only=True)
class FunctionLoadResponse:
    """Whether a function can be called."""

    function_id: str
    result: StatusResult


@dataclass(slots=True, kw_only=True)
class InvocationResponse:
    """What became of a call."""

    invocation_id: str
    result: StatusResult
    return_value: TypedData | None = None
    output_data: Sequence[ParameterBinding] = ()


@dataclass(slots=True, kw_only=True)
class RpcHttp:
    """The response of an HTTP function."""

    status_code: str
    headers: Mapping[str, str]
    cookies: "Sequence[RpcHttpCookie] | None"
    enable_content_negotiation: bool
    body: TypedData


@dataclass(slots=True, kw_only=True)
class Nullable:
    """A value that may be left out."""

    value: Any


NullableString = NullableBool = NullableDouble = NullableTimestamp = Nullable


@dataclass(slots=True, kw_only=True)
class Timestamp:
    """A moment, in seconds since 1970."""

    seconds: int


@dataclass(slots=True, kw_only=True)
class RpcHttpCookie:
    """A cookie of a response."""

    SameSite: ClassVar[Any] = SimpleNamespace(**{"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})
    name: str
    value: str
    domain: Nullable | None
    path: Nullable | None
    expires: Nullable | None
    secure: Nullable | None
    http_only: Nullable | None
    same_site: int
    max_age: Nullable | None
